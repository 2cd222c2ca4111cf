"""A stored definition to the text of a spec, for flows that were defined without one.

What a database cannot know, most payload types, is said in comments, and `any` where the language asks for
some type. Those of signals it knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pgflowc.graph.model import Retention
from pgflowc.plan.shape import CronShape, FlowShape, SignalShape, StepShape
from pgflowc.render.literals import one_line
from pgflowc.spec.formatter import formatted
from pgflowc.spec.layout import UnformattableError
from pgflowc_language.payload_schema import is_closed, read_payload_schema
from pgflowc_language.payload_types import (
    Array,
    Enum,
    Field,
    MapOf,
    Named,
    Object,
    OneOf,
    PayloadType,
    Scalar,
)

_HEADER = (
    "Pulled from a database, which knows no payload types: declare them where it says unknown.",
    "Until then they are any JSON.",
)
_DEFAULTS = {"max_attempts": 1, "base_delay": 1, "timeout": 30}
_LIST = "# unknown: a list, since a step maps over it"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What some reader of YAML takes for no text.
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_STEP_OPTIONS = ("max_attempts", "base_delay", "timeout", "start_delay")


def spec_text(path: str, slug: str, shape: FlowShape, notes: Sequence[str] = ()) -> str:
    """YAML in the usual form of a flow or job with that shape; `notes` become comments.

    The text may be refused by the checks all the same: a database may hold what the language does not have.
    """
    text = "\n".join(_lines(slug, shape, notes)) + "\n"
    try:
        return formatted(path, text)
    except UnformattableError:
        return text


def _lines(slug: str, shape: FlowShape, notes: Sequence[str]) -> Iterator[str]:
    for line in (*_HEADER, *notes):
        yield f"# {one_line(line)}"
    yield ""
    yield f"{shape.kind}: {_name(slug)}"
    for name, default in _DEFAULTS.items():
        value = getattr(shape.options, name)
        if value != default:
            yield f"{name}: {value}"
    if shape.cron is not None:
        yield from _cron(shape.cron)
    if shape.retention is not None:
        yield from _retention(shape.retention)
    yield from _types(shape)
    mapped = {step.depends_on[0] if step.depends_on else None for step in shape.steps if step.kind == "map"}
    yield f"input: [any]  {_LIST}" if None in mapped else "# input: unknown"
    if shape.kind == "job":
        step = shape.steps[0]
        named = [f"step: {_name(step.slug)}"] if step.slug != slug else []
        yield from _entry("perform", [*named, *_step(step)], "# output: unknown", "")
        return
    yield "steps:"
    single = {step.slug for step in shape.steps if step.kind == "single"}
    for step in shape.steps:
        is_list = step.slug in mapped & single and not step.is_approval
        # A map step's own output is a list in any case.
        output = [f"output: [any]  {_LIST}"] if is_list else []
        note = "" if is_list or step.is_approval else "# output: unknown"
        yield from _entry(_name(step.slug), [*output, *_step(step)], note, "  ")


def _entry(key: str, body: Sequence[str], note: str, indent: str) -> Iterator[str]:
    """A mapping, and a note about what it lacks."""
    if not body:
        yield f"{indent}{key}: {{}}  {note}"
        return
    yield f"{indent}{key}:"
    yield from (f"{indent}  {line}" for line in ([note, *body] if note else body))


def _step(step: StepShape) -> Iterator[str]:
    if step.kind == "map":
        yield f"map: {_name(step.depends_on[0]) if step.depends_on else '$input'}"
    elif step.depends_on:
        yield f"depends_on: [{', '.join(map(_name, step.depends_on))}]"
    for name in _STEP_OPTIONS:
        if (value := getattr(step, name)) is not None:
            yield f"{name}: {value}"
    if step.required is not None:
        yield f"if: {_value(json.loads(step.required))}"
    if step.forbidden is not None:
        yield f"if_not: {_value(json.loads(step.forbidden))}"
    if step.when_unmet != "skip":
        yield f"when_unmet: {step.when_unmet}"
    if step.when_exhausted != "fail" and not step.is_approval:
        yield f"when_exhausted: {step.when_exhausted}"
    if step.signal is not None:
        yield from _signal(step.signal, step.when_exhausted)


def _signal(signal: SignalShape, when_exhausted: str) -> Iterator[str]:
    yield "approval:" if signal.approval else "signal:"
    yield f"  payload: {_type(read_payload_schema(signal.payload)[0])}"
    if signal.wait_for is not None:
        yield f"  wait_for: {signal.wait_for}"
    if signal.approval and when_exhausted != "fail":
        yield f"  on_timeout: {when_exhausted}"


def _types(shape: FlowShape) -> Iterator[str]:
    """What the payloads of signals are made of."""
    payloads = [step.signal.payload for step in shape.steps if step.signal]
    if any(map(is_closed, payloads)):
        yield "extra_fields: {in: forbid}"
    types = {name: type_ for payload in payloads for name, type_ in read_payload_schema(payload)[1].items()}
    if types:
        yield "types:"
        yield from (f"  {_name(name)}: {_type(one)}" for name, one in types.items())


def _type(type_: PayloadType) -> str:
    """A payload type in one line; `any` for what can only be said with a name."""
    match type_:
        case Array(item):
            return f"[{_type(item)}]"
        case Object(fields):
            return "{" + ", ".join(f"{_name(field.name)}: {_field(field)}" for field in fields) + "}"
        case Enum(values):
            return "{$enum: " + _value(list(values)) + "}"
        case _:
            return _quoted(_words(type_))


def _field(field: Field) -> str:
    return _quoted(f"{_words(field.type)} | null") if field.optional else _type(field.type)


def _words(type_: PayloadType) -> str:
    match type_:
        case Scalar(name) | Named(name):
            return name
        case Array(item):
            return f"[{_words(item)}]"
        case MapOf(value) if not isinstance(value, OneOf):
            return f"map of {_words(value)}"
        case OneOf(members):
            return " | ".join(map(_words, members))
        case _:
            return "any"


def _quoted(text: str) -> str:
    """A type as a text, in quotes where YAML would read a list."""
    return _text(text) if "[" in text else text


def _cron(cron: CronShape) -> Iterator[str]:
    usual = CronShape(cron.schedule, "UTC", "{}", cron.keeper)
    if cron == usual:
        yield f"cron: {_text(cron.schedule)}"
        return
    yield "cron:"
    yield f"  schedule: {_text(cron.schedule)}"
    if cron.timezone != usual.timezone:
        yield f"  timezone: {_text(cron.timezone)}"
    if cron.input != usual.input:
        yield f"  input: {_value(json.loads(cron.input))}"
    if cron.catch_up != usual.catch_up:
        yield f"  catch_up: {cron.catch_up}"
    if cron.overlap != usual.overlap:
        yield f"  overlap: {cron.overlap}"


def _retention(retention: Retention) -> Iterator[str]:
    yield "retention:"
    for name in ("completed", "failed"):
        if (seconds := getattr(retention, name)) is not None:
            yield f"  {name}: {seconds}"


def _name(slug: str) -> str:
    """A slug, in quotes where YAML would read something else."""
    return slug if _PLAIN.fullmatch(slug) and slug.lower() not in _WORDS else _text(slug)


def _value(value: Any) -> str:
    """JSON data in brackets."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_text(key)}: {_value(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case str():
            return _text(value)
        case _:
            return json.dumps(value)


def _text(text: str) -> str:
    """A text in double quotes, what is not printable as an escape of YAML's."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in quoted) + '"'
