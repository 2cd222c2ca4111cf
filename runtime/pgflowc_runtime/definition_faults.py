"""What is wrong with data that are to define a flow, by the codes that the compiler has for the same faults.

The compiler checks texts and points at lines, this checks data and points at keys. Neither can use the other,
so a test holds them together. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

ROOT = "$input"
_MOST = 2**31 - 1
_DURATIONS = ("base_delay", "timeout", "start_delay")
_BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
_EXPECTED = {
    "dict_type": "a mapping",
    "list_type": "a list",
    "int_type": "an integer",
    "string_type": "a text",
}
_STEP_KEYS = ("depends_on", "map")
# Keys of specs that only a compiler has a use for.
_COMPILED = frozenset(
    ("description", "version", "on_change", "extra_fields", "cron", "retention", "types", "input", "output")
) | {"handler", "isolation", "was", "signal", "approval"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its code (`pgflowc explain CODE`), what is wrong, and where in the data."""

    code: str
    message: str
    path: tuple[str | int, ...] = ()
    help: str = ""

    def __str__(self) -> str:
        """In one line, whatever the keys are."""
        place = ".".join(repr(str(part))[1:-1] for part in self.path)
        return f"{f'{place}: ' if place else ''}{self.message} [{self.code}]"


def faults_of_values(error: ValidationError, data: Any) -> list[Fault]:
    """What pydantic found, with our codes."""
    found = [_fault(problem, data) for problem in error.errors(include_url=False, include_input=False)]
    return [fault for fault in found if fault is not None]


def _fault(problem: ErrorDetails, data: Any) -> Fault | None:
    path, kind = problem["loc"], problem["type"]
    if path and path[-1] == "[key]":
        path = path[:-1]
    key = str(path[-1]) if path else ""
    context = problem.get("ctx", {})
    match kind:
        case "model_type" | "model_attributes_type" | "dict_type" if not path:
            return Fault("PGF101", "a definition is a mapping")
        case "extra_forbidden":
            return _unknown_key(path, key)
        case "slug":
            return Fault("PGF106", problem["msg"], path)
        case "queue_name":
            return Fault("PGF502", problem["msg"], path)
        case "duration":
            return Fault("PGF108", problem["msg"], path, "seconds, or a text such as 90s, 5m, 2h or 1d")
        case "literal_error":
            return Fault("PGF109", f"must be {context['expected']}", path)
    if kind in _BOUNDS:
        return Fault("PGF501", problem["msg"].replace("Input should", "must"), path)
    expected = _EXPECTED.get(kind, "a mapping" if kind.startswith("model") else "another kind of value")
    return Fault("PGF108" if key in _DURATIONS else "PGF104", f"expected {expected}", path)


def _unknown_key(path: tuple[str | int, ...], key: str) -> Fault:
    if path[0] == "perform" and key in _STEP_KEYS:
        return Fault("PGF107", f"the one step of a job has no '{key}'", path)
    if key in _COMPILED:
        return Fault("PGF103", f"'{key}' has no place in a definition at run time", path, "it is for specs")
    near = get_close_matches(key, _known_keys(path), n=1)
    return Fault("PGF103", "there is no such key", path, f"did you mean '{near[0]}'?" if near else "")


def _known_keys(path: tuple[str | int, ...]) -> tuple[str, ...]:
    options = ("max_attempts", "base_delay", "timeout")
    if len(path) == 1:
        return ("flow", "job", "steps", "perform", *options)
    own = ("start_delay", "if", "if_not", "when_unmet", "when_exhausted")
    return (*options, *own, *(_STEP_KEYS if path[0] == "steps" else ("step",)))


def faults_of_structure(data: Mapping[str, Any]) -> Iterator[Fault]:
    """What does not go together, as far as the values say enough."""
    is_flow, is_job = "flow" in data, "job" in data
    if is_flow == is_job:
        yield Fault("PGF102", "exactly one of 'flow' and 'job' names it")
    elif is_job and "steps" in data:
        yield Fault("PGF107", "a job has 'perform', not 'steps'", ("steps",))
    elif is_flow and "perform" in data:
        yield Fault("PGF107", "a flow has 'steps', not 'perform'", ("perform",))
    if is_job and not is_flow and not data.keys() & {"perform", "steps"}:
        yield Fault("PGF105", "a job has 'perform', which may be empty", ("job",))
    if is_flow and not is_job and not data.keys() & {"perform", "steps"}:
        yield Fault("PGF105", "a flow has 'steps' with at least one step", ("flow",))
    steps = data.get("steps")
    if not is_flow or not isinstance(steps, Mapping):
        return
    if not steps:
        yield Fault("PGF111", "a flow has at least one step", ("steps",))
    bodies = {slug: body for slug, body in steps.items() if isinstance(body, Mapping)}
    for slug, body in bodies.items():
        yield from _faults_of_step(str(slug), body, steps)
    yield from _circle(bodies)


def _faults_of_step(slug: str, body: Mapping[str, Any], steps: Mapping[str, Any]) -> Iterator[Fault]:
    at = ("steps", slug)
    depends_on, source = _texts(body.get("depends_on")), body.get("map")
    if source is not None and depends_on:
        yield Fault("PGF204", "a map step has no depends_on: 'map' names its only source", at)
    for number, one in enumerate(depends_on):
        place = (*at, "depends_on", number)
        if one == slug:
            yield Fault("PGF203", f"step '{slug}' depends on itself", place)
        elif one not in steps:
            yield Fault("PGF201", f"there is no step '{one}'", place, _near(one, steps))
    if isinstance(source, str) and source != ROOT:
        if source == slug:
            yield Fault("PGF203", f"step '{slug}' depends on itself", (*at, "map"))
        elif "." in source:
            yield Fault("PGF207", "a map takes a whole output, not a part of it", (*at, "map"))
        elif source not in steps:
            yield Fault("PGF201", f"there is no step '{source}'", (*at, "map"), _near(source, steps))
    yield from _faults_of_conditions(at, body, [*depends_on, *([source] if isinstance(source, str) else [])])


def _faults_of_conditions(
    at: tuple[str, str], body: Mapping[str, Any], sources: list[str]
) -> Iterator[Fault]:
    for key in ("if", "if_not"):
        pattern = body.get(key)
        if not isinstance(pattern, Mapping):
            continue
        if ROOT in sources:
            yield Fault("PGF404", "a root map step gets an array, which contains no object", (*at, key))
        elif sources:
            for name in pattern:
                if name not in sources:
                    yield Fault("PGF401", f"'{name}' is no dependency of the step", (*at, key, name))


def _circle(bodies: Mapping[Any, Mapping[str, Any]]) -> Iterator[Fault]:
    waits = {
        slug: {one for one in _sources(body) if one in bodies and one != slug}
        for slug, body in bodies.items()
    }
    while ready := [slug for slug, sources in waits.items() if not sources & waits.keys()]:
        for slug in ready:
            del waits[slug]
    # What only waits for the circle is not on it.
    while ends := [slug for slug in waits if not any(slug in sources for sources in waits.values())]:
        for slug in ends:
            del waits[slug]
    if waits:
        names = ", ".join(f"'{slug}'" for slug in waits)
        yield Fault("PGF202", f"the dependencies of {names} go round in a circle", ("steps",))


def faults_of_delays(options: Iterable[tuple[tuple[str, ...], int, int]]) -> Iterator[Fault]:
    """Last retries that would come later than PostgreSQL can say; (path, max_attempts, base_delay) each."""
    for path, attempts, delay in options:
        if delay > 0 and attempts > 1 and (attempts > 32 or delay * 2 ** (attempts - 1) > _MOST):
            text = f"the delay before attempt {attempts} would be more than 68 years"
            yield Fault("PGF503", text, path)
            if not path:
                return


def _sources(body: Mapping[str, Any]) -> list[str]:
    source = body.get("map")
    return [*_texts(body.get("depends_on")), *([source] if isinstance(source, str) else [])]


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _near(slug: str, steps: Mapping[str, Any]) -> str:
    close = get_close_matches(slug, [str(one) for one in steps], n=1)
    return f"did you mean '{close[0]}'?" if close else ""
