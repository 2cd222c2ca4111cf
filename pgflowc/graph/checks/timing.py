"""Times of a step that do not go together, each right by itself."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import limits
from pgflowc.graph.draft import Draft, DraftStep


def check(draft: Draft, report: Report) -> None:
    """Warn of delays that are longer than the time allowed, and of delays before retries that never come."""
    for step in draft.steps.values():
        _check_start_delay(draft, step, report)
    _check_base_delays(draft, report)


def _check_start_delay(draft: Draft, step: DraftStep, report: Report) -> None:
    delay, timeout = step.model.start_delay, step.model.timeout
    # A timeout of the flow was not written with this step in mind.
    if delay is not None and timeout is not None and delay > timeout:
        report.add(
            Diagnostic(
                limits.LONG_START_DELAY,
                f"step '{step.slug}' waits for {delay} s and may then take {timeout} s",
                draft.spec.value_span(*step.path, "start_delay"),
                label="not a part of the timeout",
                labels=(
                    Label(draft.spec.value_span(*step.path, "timeout"), "counts from the end of the wait"),
                ),
                help=("if both are meant, ignore this with a comment: # pgflowc: ignore[PGF505] and why",),
            )
        )


def _check_base_delays(draft: Draft, report: Report) -> None:
    attempts = draft.options.max_attempts
    retried = [step for step in draft.steps.values() if _attempts(step, attempts) > 1]
    if draft.spec.model.base_delay and not retried:
        _refuse(draft, (), "nothing is tried again here", report)
        return
    for step in draft.steps.values():
        if step.model.base_delay and _attempts(step, attempts) <= 1:
            _refuse(draft, step.path, f"step '{step.slug}' is never tried again", report)


def _attempts(step: DraftStep, default: int) -> int:
    return default if step.model.max_attempts is None else step.model.max_attempts


def _refuse(draft: Draft, body: tuple[str | int, ...], message: str, report: Report) -> None:
    if draft.spec.is_damaged(*body):
        return
    written = draft.spec.document.entry(*body, "max_attempts")
    labels = (Label(draft.spec.value_span(*body, "max_attempts"), "one attempt"),) if written else ()
    report.add(
        Diagnostic(
            limits.NO_RETRIES,
            f"{message}, so this delay is never used",
            draft.spec.value_span(*body, "base_delay"),
            labels=labels,
            help=("add 'max_attempts' (the default is 1), or remove 'base_delay'",),
        )
    )
