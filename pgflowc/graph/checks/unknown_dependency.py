"""`depends_on` and `map` name steps of the same flow."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Fix, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.diagnostics.fixing import respelling
from pgflowc.graph.draft import RUN_INPUT, Dependency, Draft, DraftStep
from pgflowc.spec.example import setting
from pgflowc_language.words import most_hints, near_miss, one_of, quote


def check(draft: Draft, report: Report) -> None:
    """Report dependencies and map sources that are not steps."""
    hints = most_hints(len(draft.steps))
    for step in draft.steps.values():
        # Repetition is a finding of its own, so of equal slugs only the first is looked at.
        for dependency in {one.slug: one for one in reversed(step.depends_on)}.values():
            if not draft.may_be_step(dependency.slug):
                hints -= 1
                report.add(
                    Diagnostic(
                        codes.UNKNOWN_DEPENDENCY,
                        f"step '{step.slug}' depends on {quote(dependency.slug)}, which is not a step",
                        dependency.span,
                        label="unknown step",
                        help=_help(draft, step, dependency) if hints >= 0 else (),
                        fix=_fix(draft, step, dependency) if hints >= 0 else None,
                    )
                )
        source = step.map
        if source is None or source.slug == RUN_INPUT or draft.may_be_step(source.slug):
            continue
        head, dot, _ = source.slug.partition(".")
        if dot and draft.has_written(head):
            report.add(
                Diagnostic(
                    codes.MAP_OVER_PART,
                    f"step '{step.slug}' maps over a part of the output of '{head}'",
                    source.span,
                    label="must be a step",
                    help=(
                        f"add a step that depends on '{head}' and returns only this list, and map over that",
                    ),
                )
            )
        else:
            hints -= 1
            report.add(
                Diagnostic(
                    codes.UNKNOWN_DEPENDENCY,
                    f"step '{step.slug}' maps over {quote(source.slug)}, which is not a step",
                    source.span,
                    label="unknown step",
                    help=_help(draft, step, source) if hints >= 0 else (),
                    fix=_fix(draft, step, source) if hints >= 0 else None,
                )
            )


def _fix(draft: Draft, step: DraftStep, dependency: Dependency) -> Fix | None:
    words = [*_others(draft, step), RUN_INPUT] if dependency is step.map else _others(draft, step)
    return respelling(dependency.span, dependency.slug, words)


def _others(draft: Draft, step: DraftStep) -> list[str]:
    return [other for other in draft.steps if other != step.slug]


def _help(draft: Draft, step: DraftStep, dependency: Dependency) -> tuple[str, ...]:
    if dependency.slug in (RUN_INPUT, "input") and dependency is not step.map:
        return ("a step without dependencies gets the run's input; others read it with ctx.flow_input()",)
    if dependency.slug in ("input", "$run", "run"):
        over = setting(dependency.span.path, "map", RUN_INPUT)
        return (f"'{over}' maps over the run's input",)
    others = _others(draft, step)
    meant = near_miss(dependency.slug, others)
    if meant:
        return (f"did you mean '{meant}' (line {draft.steps[meant].span.start.line})?",)
    if not others:
        return ("this is the only step of the flow",)
    if len(others) == 1:
        return (f"the only other step is {others[0]}",)
    return (f"the other steps are {one_of(others, 'and')}",) if len(others) <= 8 else ()
