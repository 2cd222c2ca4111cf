"""Steps whose conditions, with those of the steps before them, cannot all hold.

A step that is skipped with its dependents, or that fails the run, lets no later step run unless its condition
is met. So a later step runs only if all those conditions are met together; two that want different values in
the same place of the same payload never are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pgflowc.diagnostics import Diagnostic, Label, Report, Span
from pgflowc.diagnostics.codes import conditions as codes
from pgflowc.graph.draft import RUN_INPUT, Draft, DraftStep
from pgflowc.graph.order import topological_order
from pgflowc.spec.example import setting
from pgflowc_language.containment import contains
from pgflowc_language.knots import knots

_MOST_FACTS = 500
Place = tuple[str, ...]
"""A producer ($input or a step's slug) and the keys that lead into its payload."""


@dataclass(frozen=True, slots=True)
class _Fact:
    """What a payload holds in a place when a condition is met: a scalar as JSON text."""

    value: str
    step: DraftStep


def check(draft: Draft, report: Report) -> None:
    """Report conditions that exclude themselves, and steps that can never run."""
    if not any(step.model.if_ or step.model.if_not is not None for step in draft.steps.values()):
        return
    edges = {
        slug: [one.slug for one in step.dependencies if one.slug in draft.steps and one.slug != slug]
        for slug, step in draft.steps.items()
    }
    if knots(edges):
        return
    known: dict[str, Mapping[Place, _Fact] | None] = {}
    for slug in topological_order(edges):
        step = draft.steps[slug]
        before = [known[dependency] for dependency in edges[slug]]
        if any(facts is None for facts in before):
            known[slug] = None  # What comes after a step that never runs is a consequence.
            continue
        inherited = [facts for facts in before if facts]
        known[slug] = _facts_after(draft, step, inherited, report)


def _facts_after(
    draft: Draft, step: DraftStep, inherited: list[Mapping[Place, _Fact]], report: Report
) -> Mapping[Place, _Fact] | None:
    """What holds when a dependent of the step runs; None if the step never does, which is reported."""
    own = dict(_facts(step))
    forbidden = step.model.if_not
    if forbidden is not None and _excluded(step, own, forbidden):
        report.add(_excludes_itself(draft, step))
        return None
    blocks = step.model.when_unmet in ("skip-cascade", "fail")
    before: dict[Place, _Fact] = {}
    for facts in inherited:
        for place, fact in facts.items():
            if before.setdefault(place, fact).value != fact.value:
                report.add(_unreachable(draft, step, place, before[place], fact))
                return None
    for place, fact in own.items():
        if place in before and before[place].value != fact.value:
            report.add(_unreachable(draft, step, place, before[place], fact))
            return None if blocks else before
    if len(inherited) == 1 and not (own and blocks):
        return inherited[0]
    after = {**before, **own} if blocks else before
    return after if len(after) <= _MOST_FACTS else {}


def _facts(step: DraftStep) -> Iterator[tuple[Place, _Fact]]:
    prefix: Place = () if step.dependencies else (RUN_INPUT,)
    for place, value in _scalars(step.model.if_ or {}):
        yield (*prefix, *place), _Fact(json.dumps(value), step)


def _scalars(pattern: dict[str, Any]) -> Iterator[tuple[Place, Any]]:
    """The scalars of a pattern by the keys that lead to them; what is in lists can be met in many ways."""
    for key, value in pattern.items():
        if isinstance(value, dict):
            yield from (((key, *place), inner) for place, inner in _scalars(value))
        elif not isinstance(value, list):
            number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
            yield (key,), number


def _excluded(step: DraftStep, own: Mapping[Place, _Fact], forbidden: dict[str, Any]) -> bool:
    """Whether what `if` wants holds all that `if_not` forbids."""
    return contains(step.model.if_ or {}, forbidden)


def _excludes_itself(draft: Draft, step: DraftStep) -> Diagnostic:
    has_if = draft.spec.document.entry(*step.path, "if") is not None
    labels = (Label(_key(draft, step, "if"), "what this wants"),) if has_if else ()
    return Diagnostic(
        codes.EXCLUDES_ITSELF,
        f"step '{step.slug}' can never run: 'if_not' forbids what 'if' wants"
        if step.model.if_
        else f"step '{step.slug}' can never run: everything contains an empty pattern",
        _key(draft, step, "if_not"),
        label="is forbidden here" if has_if else "",
        labels=labels,
        help=("correct one of the two",) if has_if else ("say what must not be there, or remove 'if_not'",),
    )


def _unreachable(draft: Draft, step: DraftStep, place: Place, one: _Fact, other: _Fact) -> Diagnostic:
    producer, *keys = place
    payload = "the run's input" if producer == RUN_INPUT else f"the output of '{producer}'"
    where = ".".join(keys)
    source = draft.steps.get(producer)
    at = (
        draft.spec.key_span(*source.path)
        if source
        else draft.spec.key_span("input")
        if draft.input is not None
        else None
    )
    labels = [
        Label(_key(draft, fact.step, "if"), f"only if '{where}' is {_shown(fact.value)}")
        for fact in (one, other)
        if fact.step is not step
    ]
    if at is not None:
        labels.append(Label(at, "which comes from here"))
    alone = setting(step.span.path, "when_unmet", "skip")
    return Diagnostic(
        codes.UNREACHABLE,
        f"step '{step.slug}' can never run: '{where}' in {payload} cannot be {_shown(one.value)} and "
        f"{_shown(other.value)}",
        _key(draft, step, "if") if other.step is step else step.span,
        label=f"only if '{where}' is {_shown(other.value)}" if other.step is step else "",
        labels=tuple(labels),
        help=(f"let the steps before it be skipped alone ('{alone}'), or correct a condition",),
    )


def _shown(value: str) -> str:
    return value.removesuffix(".0")


def _key(draft: Draft, step: DraftStep, key: str) -> Span:
    return draft.spec.key_span(*step.path, key)
