"""Reads the data of a definition: every fault of it is found, or a `Definition` comes out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from pgflowc_language.words import quote
from pgflowc_runtime.definitions.conditions import faults_of_conditions, faults_of_perform
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.faults import faults_of_values, missing, path_of
from pgflowc_runtime.definitions.keys import unknown_key
from pgflowc_runtime.definitions.model import Definition, payloads
from pgflowc_runtime.definitions.structure import faults_of_delays, faults_of_steps
from pgflowc_runtime.definitions.types import Types
from pgflowc_runtime.definitions.words import got
from pgflowc_runtime.errors import InvalidDefinition, InvalidInput
from pgflowc_runtime.run_input import json_text

# Bodies in which nothing has to be said, and values of which null says something.
_MAY_BE_EMPTY = ("steps", "perform", "signal", "approval")
_MAY_BE_NULL = ("payload", "input")
_MOST_TOLD = 20


def parse_definition(data: Definition | Mapping[str, Any]) -> Definition:
    """The definition that the data describe; raises InvalidDefinition with every fault found."""
    try:
        return _parse(data)
    except RecursionError:
        text = "it is nested too deeply, or contains itself"
        raise invalid_definition(None, [Fault("PGF104", text)]) from None


def _parse(data: Definition | Mapping[str, Any]) -> Definition:
    given: Any = data
    if isinstance(given, Definition):
        given = given.model_dump(by_alias=True, exclude_unset=True)
    if not isinstance(given, Mapping):
        raise invalid_definition(
            given, [Fault("PGF101", "a definition is a mapping that describes a flow or a job")]
        )
    given = _plain(given)
    if found := [*_faults_of_keys(given, ()), *_faults_of_kind(given)]:
        raise invalid_definition(given, found)
    found, damaged = list(_faults_of_body(given)), frozenset[Path]()
    parsed: Definition | None = None
    try:
        parsed = Definition.model_validate(given)
    except ValidationError as error:
        found += faults_of_values(error, given)
        damaged = frozenset(path_of(problem["loc"], given) for problem in error.errors())
    found += _faults_of_structure(_without(given, damaged), given, damaged)
    if parsed is not None:
        found += [*faults_of_delays(*parsed.retries()), *_faults_of_json(parsed)]
    if found or parsed is None:
        raise invalid_definition(given, found)
    return parsed


def read_definition(
    definition: Definition | Mapping[str, Any] | str,
    options: Mapping[str, Any] | None = None,
    steps: Any = None,
) -> Definition:
    """`parse_definition` of a whole, or of parts: a slug, options and steps. Steps in a list name themselves
    by `slug`, and faults in them are placed by their index. Steps may stand among the options as well.
    """
    if not isinstance(definition, str):
        if options is not None or steps is not None:
            text = "options and steps go with a slug: a definition has them itself"
            raise invalid_definition(definition, [Fault("PGF104", text)])
        return parse_definition(definition)
    given: Any = {} if options is None else options
    if not isinstance(given, Mapping):
        raise invalid_definition({"flow": definition}, [Fault("PGF101", "options are a mapping")])
    options = dict(given)
    if steps is None:
        steps = options.pop("steps", None)
    found = [
        Fault("PGF103", f"'{key}' is no option: it is given beside them", (key,))
        for key in ("flow", "job", "steps", "perform")
        if key in options
    ]
    named: Any = steps
    indexes: dict[str, int] = {}
    if isinstance(steps, list | tuple):
        named = {}
        for index, step in enumerate(steps):
            fault = _unnamed(step, index, indexes)
            if fault is not None:
                found.append(fault)
                continue
            slug = step["slug"]
            named[slug] = {key: value for key, value in step.items() if key != "slug"}
            indexes[slug] = index
    whole = {**options, "flow": definition, **({} if named is None else {"steps": named})}
    if any(fault.code != "PGF003" for fault in found):  # the others leave steps out, which are then missed
        raise invalid_definition(whole, found)
    try:
        parsed = parse_definition(whole)
    except InvalidDefinition as error:
        if not indexes and not found:
            raise
        found += [replace(fault, path=_by_index(fault.path, indexes)) for fault in error.diagnostics]
    if found:
        raise invalid_definition(whole, found)
    return parsed


def invalid_definition(data: Any, faults: Sequence[Fault]) -> InvalidDefinition:
    """The exception that carries these faults; its text has the first of them."""
    slug = (data.get("flow") or data.get("job")) if isinstance(data, Mapping) else None
    name = f" of {quote(slug)}" if isinstance(slug, str) else ""
    helps = [fault.help for fault in faults if fault.help]
    told = [str(fault) for fault in faults[:_MOST_TOLD]]
    if len(faults) > _MOST_TOLD:
        told.append(f"and {len(faults) - _MOST_TOLD} more")
    return InvalidDefinition(
        f"definition{name}: {'; '.join(told)}",
        help=helps[0] if helps else "",
        diagnostics=faults,
    )


def _plain(value: Any) -> Any:
    """The data with lists for tuples and dicts for other mappings; options that are None count as absent."""
    if not isinstance(value, Mapping):
        return value
    plain: dict[Any, Any] = {key: _as_json(one) for key, one in value.items()}
    steps = plain.get("steps")
    bodies = [*steps.values()] if isinstance(steps, dict) else []
    for body in (plain, plain.get("cron"), plain.get("perform"), *bodies):
        _drop_absent(body)
    for body in (plain.get("perform"), *bodies):
        for key in ("signal", "approval") if isinstance(body, dict) else ():
            _drop_absent(body.get(key))
    if isinstance(steps, dict):
        plain["steps"] = {slug: {} if body is None else body for slug, body in steps.items()}
    return plain


def _drop_absent(body: Any) -> None:
    if not isinstance(body, dict):
        return
    for key in [key for key, value in body.items() if value is None]:
        if key in _MAY_BE_EMPTY:
            body[key] = {}
        elif key not in _MAY_BE_NULL:
            del body[key]


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(one) for one in value]
    return value


def _faults_of_keys(value: Any, at: Path) -> Iterator[Fault]:
    """Keys that no text could have."""
    if isinstance(value, dict):
        for key, one in value.items():
            if isinstance(key, str):
                yield from _faults_of_keys(one, (*at, key))
            else:
                yield Fault("PGF104", f"a key must be a text, not {got(key)}", at)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _faults_of_keys(one, (*at, number))


def _faults_of_kind(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What makes it impossible to say which keys there should be."""
    if "flow" in data and "job" in data:
        second = [key for key in data if key in ("flow", "job")][1]
        first = "job" if second == "flow" else "flow"
        message = f"a document is a flow or a job, not both: '{second}' beside '{first}'"
        yield Fault("PGF102", message, (second,), "keep one of the two")
    elif "flow" not in data and "job" not in data:
        yield Fault("PGF102", "this document has no 'flow' or 'job' key", (), "name the flow: {'flow': NAME}")


def _faults_of_body(data: dict[str, Any]) -> Iterator[Fault]:
    """The steps are where they should be, and nothing is where the other kind has them; that is taken out."""
    is_flow = "flow" in data
    own, other = ("steps", "perform") if is_flow else ("perform", "steps")
    if other in data:
        yield unknown_key((other,), is_flow=is_flow)
        del data[other]
    elif own not in data:
        yield missing((own,), data, is_flow=is_flow)
    if data.get("steps") == {}:
        yield Fault("PGF111", "this flow has no steps", ("steps",), "add one: {'my_step': {}}")


def _faults_of_structure(
    data: Mapping[str, Any], given: Mapping[str, Any], damaged: frozenset[Path]
) -> Iterator[Fault]:
    """What does not go together; `data` is what is left of `given` without the values at fault."""
    steps, perform, named = data.get("steps", {}), data.get("perform"), data.get("types", {})
    steps = {slug: body for slug, body in steps.items() if isinstance(body, dict)} if "flow" in given else {}
    types = Types(named, dict(payloads(steps, perform if "job" in given else None)))
    yield from types.faults
    if "flow" in given:
        written = given["steps"] if isinstance(given.get("steps"), dict) else {}
        yield from faults_of_steps(steps, written, types)
        yield from faults_of_conditions(steps, written, types, damaged)
    elif isinstance(perform, dict):
        yield from faults_of_perform(str(perform.get("step") or data.get("job")), perform)


def _faults_of_json(definition: Definition) -> Iterator[Fault]:
    """What is passed on to the database as JSON is JSON."""
    values: list[tuple[Path, Any]] = [
        (path, value)
        for path, body in definition.paths().items()
        for path, value in (((*path, "if"), body.if_), ((*path, "if_not"), body.if_not))
    ]
    if definition.cron is not None:
        values.append((("cron", "input"), definition.cron.input))
    for path, value in values:
        try:
            json_text(value, f"'{path[-1]}'")
        except InvalidInput as error:
            yield Fault("PGF104", str(error), path)


def _without(data: Mapping[str, Any], damaged: frozenset[Path]) -> dict[str, Any]:
    """The data without what stands at these places."""
    left: dict[str, Any] = _as_json(data)
    for path in sorted(damaged, key=lambda path: [str(part).rjust(8) for part in path], reverse=True):
        inner: Any = left
        for part in path[:-1]:
            inner = inner[part] if _has(inner, part) else {}
        if path and _has(inner, path[-1]):
            del inner[path[-1]]
    return left


def _has(inner: Any, part: str | int) -> bool:
    return part in inner if isinstance(inner, dict) else isinstance(inner, list) and isinstance(part, int)


def _unnamed(step: Any, index: int, known: Mapping[str, int]) -> Fault | None:
    """What is wrong with the name of a step in a list."""
    if not isinstance(step, Mapping):
        text = f"item {index + 1} of 'steps': expected a mapping, got {got(step)}"
        return Fault("PGF104", text, ("steps", index))
    slug = step.get("slug")
    if slug is None:
        return Fault("PGF105", "a step in a list has a 'slug'", ("steps", index), "name it: {'slug': NAME}")
    if not isinstance(slug, str):
        return Fault("PGF104", f"'slug': expected a text, got {got(slug)}", ("steps", index, "slug"))
    if slug in known:
        return Fault("PGF003", f"step {quote(slug)} occurs twice", ("steps", index, "slug"))
    return None


def _by_index(path: Path, indexes: Mapping[str, int]) -> Path:
    if len(path) < 2 or path[0] != "steps" or path[1] not in indexes:
        return path
    rest = path[2:] or ("slug",)
    return ("steps", indexes[str(path[1])], *rest)
