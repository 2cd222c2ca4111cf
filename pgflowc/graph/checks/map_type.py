"""What a map step maps over must be an array, as far as its type is declared."""

from __future__ import annotations

from pgflowc.diagnostics import Code, Diagnostic, Label, Report, Span
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import RUN_INPUT, Draft, DraftStep
from pgflowc.spec.example import setting
from pgflowc_language.payload_types import Array, PayloadType, Python, Scalar, resolved, spelled


def check(draft: Draft, report: Report) -> None:
    """Report map steps over a source declared as something else than an array."""
    for step in draft.steps.values():
        if step.map is None:
            continue
        if step.map.slug == RUN_INPUT:
            _check_input(draft, step, report)
            continue
        source = draft.steps.get(step.map.slug)
        if source is None or source is step or source.whole_output is None:
            continue
        actual = resolved(source.whole_output, draft.types)
        if not _may_be_array(actual):
            report.add(
                _refusal(
                    codes.MAP_OVER_NO_ARRAY,
                    f"step '{step.slug}' maps over the output of '{source.slug}', which is {_a(actual)}",
                    step.map.span,
                    Label(draft.spec.value_span(*source.output_path), "declared here"),
                    _cure(source),
                )
            )


def _cure(source: DraftStep) -> str:
    if source.is_approval:
        payload = setting(source.span.path, "approval", {"payload": ["T"]})
        return f"let the signal of '{source.slug}' bring the bare list: {payload}"
    return f"let '{source.slug}' return the bare list: {setting(source.span.path, 'output', ['T'])}"


def _check_input(draft: Draft, step: DraftStep, report: Report) -> None:
    assert step.map is not None
    if draft.input is None:
        return
    actual = resolved(draft.input, draft.types)
    if not _may_be_array(actual):
        report.add(
            _refusal(
                codes.MAP_OVER_INPUT,
                f"step '{step.slug}' maps over the run's input, which is {_a(actual)}, not an array",
                step.map.span,
                Label(draft.spec.value_span("input"), "declared here"),
                f"declare a list, {setting(step.span.path, 'input', ['T'])}, or map over a step with one",
            )
        )


def _refusal(code: Code, message: str, span: Span, declared: Label, cure: str) -> Diagnostic:
    return Diagnostic(code, message, span, labels=(declared,), help=(cure,))


def _may_be_array(actual: PayloadType) -> bool:
    return isinstance(actual, Array | Python) or (
        isinstance(actual, Scalar) and actual.name in ("json", "any")
    )


def _a(actual: PayloadType) -> str:
    name = spelled(actual)
    return name if name.startswith(("an ", "a ")) else f"'{name}'"
