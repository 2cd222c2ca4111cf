"""Retries wait base_delay * 2^attempts seconds, which must stay a PostgreSQL integer."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Report, Span
from pgflowc.diagnostics.codes import limits
from pgflowc.document import Path
from pgflowc.graph.draft import Draft
from pgflowc_language.retries import fewer, overflow, overflows

_DAY = 86_400


def check(draft: Draft, report: Report) -> None:
    """Report options, of the flow or of single steps, whose last retry would overflow or take days."""
    attempts, delay = draft.options.max_attempts, draft.options.base_delay
    found = _judge(draft, (), attempts, delay)
    if found:
        report.add(found)
        return
    for step in draft.steps.values():
        own_attempts = attempts if step.model.max_attempts is None else step.model.max_attempts
        own_delay = delay if step.model.base_delay is None else step.model.base_delay
        found = _judge(draft, step.path, own_attempts, own_delay)
        if found:
            report.add(found)


def _judge(draft: Draft, body: Path, attempts: int, delay: int) -> Diagnostic | None:
    if overflows(attempts, delay):
        return _refusal(attempts, delay, _place(draft, body))
    # After attempt n comes a delay of delay * 2^n: these are their sum.
    seconds = delay * (2**attempts - 2) if attempts > 1 else 0
    return _warning(attempts, delay, seconds, _place(draft, body)) if seconds > _DAY else None


def _place(draft: Draft, body: Path) -> Span:
    key = "max_attempts" if draft.spec.document.entry(*body, "max_attempts") else "base_delay"
    return draft.spec.value_span(*body, key)


def _warning(attempts: int, delay: int, seconds: int, span: Span) -> Diagnostic:
    fitting = max(number for number in range(1, attempts + 1) if delay * (2**number - 2) <= _DAY)
    days = seconds / _DAY
    return Diagnostic(
        limits.LONG_RETRIES,
        f"a task that keeps failing is tried for {days:.0f} days"
        if days >= 2
        else f"a task that keeps failing is tried for {seconds / 3600:.0f} hours",
        span,
        label=f"{delay} s, doubled up to {attempts - 1} times",
        help=(
            f"with a base_delay of {delay} s {fitting} attempts end within a day"
            if fitting > 1
            else "with a base_delay of less than 12 hours a retry comes within a day",
        ),
    )


def _refusal(attempts: int, delay: int, span: Span) -> Diagnostic:
    return Diagnostic(
        limits.RETRY_DELAY_OVERFLOW,
        overflow(attempts),
        span,
        label=f"{delay} s, doubled up to {attempts - 1} times",
        help=(fewer(delay),),
    )
