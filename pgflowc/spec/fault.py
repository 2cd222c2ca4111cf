"""What pydantic found, said in the user's words and placed at the user's text."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import replace
from typing import Any

from pydantic_core import ErrorDetails

from pgflowc.diagnostics import Diagnostic, Span
from pgflowc.diagnostics.codes import graph as graph_codes
from pgflowc.diagnostics.codes import limits
from pgflowc.diagnostics.codes import spec as codes
from pgflowc.document import Document, Mapping, Node, Path, Scalar, Sequence
from pgflowc.spec import example
from pgflowc.spec.cure import misspelt_key, wrong_value
from pgflowc.spec.model import keys_of
from pgflowc.spec.unknown_key import key_span, model_at, unknown_key
from pgflowc_language import durations
from pgflowc_language.payload_types import SCALAR_NAMES
from pgflowc_language.schedules import meant_timezone
from pgflowc_language.slugs import way_out
from pgflowc_language.values import CHOICES, EXPECTED, EXPECTED_AT, subject
from pgflowc_language.words import near_miss, one_of, quote, visible


def is_toml(document: Document) -> bool:
    """Whether help has to be written in TOML."""
    return document.path.lower().endswith(".toml")


def assignment(document: Document, key: str, value: str) -> str:
    """How the file's own language sets the key."""
    return f"{key} = {value}" if is_toml(document) else f"{key}: {value}"


def diagnose(document: Document, path: Path, fault: ErrorDetails) -> Diagnostic:
    """The diagnostic for one pydantic error at `path`."""
    kind, node = fault["type"], document.find(*path)
    found = _diagnose(document, path, fault)
    if found.code is codes.UNKNOWN_KEY:
        return replace(found, fix=misspelt_key(document, path, keys_of(model_at(document, path[:-1]))))
    choices = CHOICES.get(str(path[-1]), ())
    return replace(found, fix=wrong_value(path, node, kind, choices)) if node is not None else found


def _diagnose(document: Document, path: Path, fault: ErrorDetails) -> Diagnostic:
    kind = fault["type"]
    context: AnyMapping[str, Any] = fault.get("ctx", {})
    node = document.find(*path)
    if kind == "extra_forbidden":
        return unknown_key(document, path)
    if kind == "missing":
        return _missing_key(document, path)
    if kind == "slug":
        return _bad_slug(document, path, str(context["rule"]))
    if kind == "too_short" or (path == ("steps",) and isinstance(node, Scalar) and node.value is None):
        return Diagnostic(
            codes.NO_STEPS,
            "this flow has no steps",
            key_span(document, path),
            help=("add a step; it needs a slug and nothing else: 'steps: {my_step: }'",),
        )
    assert node is not None
    at = _value(document, path, node)
    name = subject(path)
    if path[-1] == "map" and isinstance(node, Sequence):
        return _map_list(document, node, at)
    if kind == "out_of_range":
        bound = f"at {'least' if context['too_small'] else 'most'} {context['bound']}{context['unit']}"
        return Diagnostic(limits.OUT_OF_RANGE, f"{name} must be {bound}, got {_got(node)}", at)
    if kind == "duration":
        meant = durations.meant(node.value) if isinstance(node, Scalar) else None
        help = f"write {meant}" if meant else durations.FORMS
        return Diagnostic(
            codes.BAD_DURATION, f"{name}: expected a duration, got {_got(node)}", at, help=(help,)
        )
    if kind == "handler":
        message = f"{name}: expected module:function, got {_got(node)}"
        return Diagnostic(codes.BAD_HANDLER, message, at, help=(_handler_help(node),))
    if kind == "schedule":
        message = f"{_got(node).removeprefix('the text ')} is no schedule: {visible(context['reason'])}"
        return Diagnostic(codes.BAD_SCHEDULE, message, at, help=(str(context["help"]),))
    if kind == "empty_retention":
        return Diagnostic(
            codes.MISSING_KEY,
            "'retention' has neither 'completed' nor 'failed'",
            key_span(document, path),
            help=("say how long runs are kept: retention: {completed: 7d, failed: 30d}",),
        )
    if kind == "timezone":
        return _unknown_timezone(node, at)
    if kind == "version":
        message = f"{name} must be one line of at most 64 characters, got {_got(node)}"
        return Diagnostic(codes.BAD_VERSION, message, at, help=("write a number or a word: version: 2",))
    if kind == "literal_error":
        choices = CHOICES[str(path[-1])]
        meant = near_miss(str(node.value), choices) if isinstance(node, Scalar) else None
        return Diagnostic(
            codes.BAD_CHOICE,
            f"{name} must be {one_of(choices)}, got {_got(node)}",
            at,
            label=f"did you mean '{meant}'?" if meant else "",
        )
    expected = EXPECTED_AT.get(path) or EXPECTED.get(kind, fault["msg"])
    return Diagnostic(
        codes.WRONG_TYPE,
        f"{name}: expected {expected}, got {_got(node)}",
        at,
        help=_type_help(document, path, node),
    )


def _got(node: Node) -> str:
    """A value as it is named in a message."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    if not isinstance(node, Scalar) or node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return f"the text {quote(node.value)}"
    return quote(node.text)[1:-1]


def _value(document: Document, path: Path, node: Node) -> Span:
    """The value's place; its key's when there is nothing to see or too much."""
    if node.start == node.end or (isinstance(node, Mapping | Sequence) and document.entry(*path)):
        return key_span(document, path)
    return node.span


def _missing_key(document: Document, path: Path) -> Diagnostic:
    key = str(path[-1])
    if path[0] == "cron":
        cure = 'add it, or write the schedule alone: cron: "0 9 * * *"'
        return Diagnostic(
            codes.MISSING_KEY, "'cron' has no 'schedule'", key_span(document, ("cron",)), help=(cure,)
        )
    head = "flow" if key == "steps" else "job"
    entry = document.entry(head)
    slug = entry.value.value if entry and isinstance(entry.value, Scalar) else None
    named = f" {quote(slug)}" if isinstance(slug, str) else ""
    cure = "add 'steps:' with at least one step" if key == "steps" else "add 'perform:'; it may be left empty"
    if is_toml(document):
        cure = "add a table for each step: [steps.NAME]" if key == "steps" else "add its table: [perform]"
    return Diagnostic(
        codes.MISSING_KEY, f"{head}{named} has no '{key}'", key_span(document, (head,)), help=(cure,)
    )


def _bad_slug(document: Document, path: Path, rule: str) -> Diagnostic:
    is_key = path[0] == "steps" and len(path) == 2
    node = document.find(*path)
    slug = str(path[-1]) if is_key else str(node.value if isinstance(node, Scalar) else "")
    what = "step" if is_key or path[-1] in ("step", "was") else str(path[-1])
    span = key_span(document, path) if is_key or node is None or node.start == node.end else node.span
    return Diagnostic(codes.BAD_SLUG, f"{what} slug {quote(slug)} {rule}", span, help=(way_out(slug),))


def _map_list(document: Document, node: Sequence, at: Span) -> Diagnostic:
    if len(node.items) == 1:
        return Diagnostic(
            codes.WRONG_TYPE,
            "'map': expected one slug, got a list",
            at,
            help=(f"write {assignment(document, 'map', node.items[0].text)}",),
        )
    return Diagnostic(
        graph_codes.MAP_SOURCES,
        f"a map step has one source, not {len(node.items)}",
        node.items[1].span if node.items else at,
        help=("let one step combine the lists into its output, and map over that step",),
    )


def _unknown_timezone(node: Node, at: Span) -> Diagnostic:
    written = str(node.value) if isinstance(node, Scalar) else ""
    return Diagnostic(
        codes.UNKNOWN_TIMEZONE, f"there is no time zone {quote(written)}", at, help=(meant_timezone(written),)
    )


def _handler_help(node: Node) -> str:
    if (
        isinstance(node, Scalar)
        and isinstance(node.value, str)
        and ":" not in node.value
        and "." in node.value
    ):
        module, _, function = node.value.rpartition(".")
        return f"did you mean {quote(f'{module}:{function}')}?"
    return "write it as an import would name it, with names that Python takes: 'shop.mail:confirm'"


def _signal_help(document: Document, key: str, node: Scalar) -> str:
    """A type or a duration alone, where a mapping is expected."""
    types = document.find("types")
    names = {*SCALAR_NAMES, *(types.entries if isinstance(types, Mapping) else ())}
    written: example.Value = {}
    if isinstance(node.value, str) and node.value in names:
        written = {"payload": example.Written(node.text)}
    elif not isinstance(node.value, bool) and durations.meant(str(node.value)) is not None:
        written = {"wait_for": example.Written(node.text)}
    return f"write '{example.setting(document.path, key, written)}'"


def _type_help(document: Document, path: Path, node: Node) -> tuple[str, ...]:
    if path[-1] in ("signal", "approval") and isinstance(node, Scalar):
        return (_signal_help(document, str(path[-1]), node),)
    if path[-1] == "depends_on" and isinstance(node, Scalar) and isinstance(node.value, str):
        item = node.text if is_toml(document) else node.value
        return (f"write {assignment(document, 'depends_on', f'[{item}]')}",)
    if path == ("steps",) and isinstance(node, Sequence):
        if is_toml(document):
            return ("write each step as a table of its own: [steps.charge]",)
        return ("write the steps as keys: 'steps: {charge: {...}, confirm: {...}}'",)
    if isinstance(node, Scalar) and isinstance(node.value, int | float | bool):
        return (
            (f'put it in quotes to make it a text: "{node.text}"',)
            if path[-1] in ("flow", "job", "description", "version", "was")
            else ()
        )
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip().lstrip("-").isdigit():
        return (f"remove the quotes: {node.value.strip()}",)
    return ()
