"""Conditions look at what a step really gets, and expect values that it can have.

A root step's condition is compared with the run's input, a dependent step's with an object of its
dependencies' outputs by slug. The declared types say which patterns can match at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import conditions as codes
from pgflowc.diagnostics.fixing import respelling
from pgflowc.document import Mapping, Node, Path, Refused, Scalar, Sequence
from pgflowc.graph.draft import RUN_INPUT, Draft, DraftStep
from pgflowc_language import payload_types as payload
from pgflowc_language.containment import may_contain, never_contains
from pgflowc_language.payload_types import PayloadType, resolved
from pgflowc_language.words import most_hints, near_miss, one_of, quote


def check(draft: Draft, report: Report) -> None:
    """Report conditions that could never, or would always, be met."""
    for step in draft.steps.values():
        patterns = [key for key in ("if", "if_not") if draft.spec.document.entry(*step.path, key)]
        if not patterns and not any(draft.spec.is_damaged(*step.path, key) for key in ("if", "if_not")):
            _check_pointless(draft, step, report)
        for key in patterns:
            node = draft.spec.document.find(*step.path, key)
            if isinstance(node, Mapping) and not draft.spec.is_damaged(*step.path, key):
                _check_pattern(draft, step, (*step.path, key), node, report)


def _check_pointless(draft: Draft, step: DraftStep, report: Report) -> None:
    if step.model.when_unmet is not None:
        report.add(
            Diagnostic(
                codes.NO_CONDITION,
                f"step '{step.slug}' has 'when_unmet', but no condition",
                draft.spec.key_span(*step.path, "when_unmet"),
                help=("add 'if' or 'if_not', or remove it",),
            )
        )


def _check_pattern(draft: Draft, step: DraftStep, path: Path, node: Mapping, report: Report) -> None:
    if step.map and step.map.slug == RUN_INPUT:
        never = "never" if path[-1] == "if" else "always"
        report.add(
            Diagnostic(
                codes.ROOT_MAP,
                f"the condition of root map step '{step.slug}' would {never} be met",
                draft.spec.key_span(*path),
                labels=(Label(step.map.span, "the condition is compared with this input, an array"),),
                help=("no array contains an object; let a single step decide first and map over its output",),
            )
        )
        return
    if not step.dependencies:
        # A damaged list of dependencies says nothing about what the condition is compared with.
        if draft.input is not None and not _knows_little(draft, step):
            declared = Label(draft.spec.value_span("input"), "the run's input is declared here")
            _check_value(_Seen(draft, declared, report), node, draft.input, "the run's input")
        return
    outputs = {dependency.slug: dependency for dependency in step.dependencies}
    for entry in node.entries.values():
        if entry.key in outputs:
            source = draft.steps.get(entry.key)
            if source is not None and source.whole_output is not None:
                declared = Label(
                    draft.spec.value_span(*source.output_path),
                    f"the output of '{entry.key}' is declared here",
                )
                place = _Seen(draft, declared, report)
                _check_value(place, entry.value, source.whole_output, f"the output of '{entry.key}'")
        elif not _knows_little(draft, step):
            meant = near_miss(entry.key, outputs)
            if meant:
                help = f"did you mean '{meant}'?"
            elif draft.has_written(entry.key):
                help = f"add '{entry.key}' to 'depends_on'"
            else:
                help = f"its keys are the dependencies of the step: {one_of(outputs, 'and')}"
            report.add(
                Diagnostic(
                    codes.NOT_A_DEPENDENCY,
                    f"the condition of step '{step.slug}' looks at {quote(entry.key)}, no dependency of it",
                    entry.key_place.span,
                    help=(help,),
                    fix=respelling(entry.key_place.span, entry.key, outputs),
                )
            )


def _knows_little(draft: Draft, step: DraftStep) -> bool:
    """Whether a dependency, or a key that may have been meant as the dependencies, was refused."""
    unknown = [one for one in step.dependencies if not draft.has_written(one.slug)]
    return bool(unknown) or draft.spec.is_damaged(*step.path)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a part of a condition is compared with: `declared` points at the type of the whole payload."""

    draft: Draft
    declared: Label
    report: Report


def _check_value(seen: _Seen, node: Node, expected: PayloadType, what: str) -> None:
    """Report what in `node` no value of the type `expected` can contain."""
    draft, report = seen.draft, seen.report
    actual = resolved(expected, draft.types)
    if isinstance(node, Refused) or isinstance(actual, payload.Python):
        return
    if isinstance(actual, payload.Scalar) and actual.name in ("json", "any"):
        return
    if isinstance(actual, payload.OneOf):
        if not any(may_contain(member, _outermost(node), draft.types) for member in actual.members):
            _refuse_value(seen, node, actual, what)
    elif isinstance(node, Mapping) and isinstance(actual, payload.Object):
        fields = {field.name: field for field in actual.fields}
        hints = most_hints(len(fields))
        for number, entry in enumerate(node.entries.values()):
            if entry.key not in fields:
                words = fields if number < hints else ()
                meant = near_miss(entry.key, words)
                help = (
                    f"did you mean '{meant}'?"
                    if meant
                    else f"its fields are {one_of(words, 'and')}"
                    if words
                    else ""
                )
                report.add(
                    Diagnostic(
                        codes.UNKNOWN_FIELD,
                        f"{what} has no field {quote(entry.key)}",
                        entry.key_place.span,
                        labels=(seen.declared,),
                        help=(help,) if help else (),
                        fix=respelling(entry.key_place.span, entry.key, words),
                    )
                )
            elif not (
                fields[entry.key].optional and isinstance(entry.value, Scalar) and entry.value.value is None
            ):
                _check_value(seen, entry.value, fields[entry.key].type, f"the field '{entry.key}'")
    elif isinstance(node, Mapping) and isinstance(actual, payload.MapOf):
        for entry in node.entries.values():
            _check_value(seen, entry.value, actual.value, f"the value of '{entry.key}'")
    elif isinstance(node, Sequence) and isinstance(actual, payload.Array):
        for item in node.items:
            _check_value(seen, item, actual.item, f"an element of {what}")
    elif not may_contain(actual, _outermost(node), draft.types):
        _refuse_value(seen, node, actual, what)
    elif actual == payload.Scalar("decimal") and not isinstance(_outermost(node), str):
        report.add(
            Diagnostic(
                codes.DECIMAL_NUMBER,
                f"{what} is a decimal, which is stored as a text: no number is contained in it",
                node.span,
                labels=(seen.declared,),
                help=(
                    f'write the text that is stored, digit for digit: "{node.text}"',
                    "or compare something simpler that the step before returns, such as a bool",
                ),
            )
        )


def _outermost(node: Node) -> Any:
    """A scalar, or an empty mapping or list for another one."""
    if isinstance(node, Scalar):
        return node.value
    return {} if isinstance(node, Mapping) else []


def _refuse_value(seen: _Seen, node: Node, actual: PayloadType, what: str) -> None:
    if isinstance(node, Scalar):
        got = f"the text {quote(node.value)}" if isinstance(node.value, str) else node.text or "null"
    else:
        got = "a mapping" if isinstance(node, Mapping) else "a list"
    message = never_contains(what, actual, got)
    seen.report.add(Diagnostic(codes.IMPOSSIBLE_VALUE, message, node.span, labels=(seen.declared,)))
