"""A schedule that comes again before the timeouts of the flow are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import limits
from pgflowc.graph.draft import Draft, DraftStep
from pgflowc.graph.order import topological_order

# Where a schedule is dense, its first times show it. Any start does; this one is a Monday and a New Year.
_SOME_DAY = datetime(2001, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
_LOOKED_AT = 60


def check(draft: Draft, report: Report) -> None:
    """Warn if runs of the schedule can overlap, each within its timeouts, and nobody says what then."""
    cron = draft.spec.model.cron
    if cron is None or cron.overlap == "skip" or draft.spec.is_damaged("cron"):
        return
    needed = _longest(draft)
    if needed is None:
        return
    shortest = _shortest_gap(cron.schedule)
    if shortest is None or needed <= shortest:
        return
    short = draft.spec.document.find("cron", "schedule") is None
    report.add(
        Diagnostic(
            limits.CROWDED_SCHEDULE,
            f"'{draft.slug}' starts {_every(shortest)}, and its timeouts allow a run {_spoken(needed)}",
            draft.spec.value_span("cron") if short else draft.spec.value_span("cron", "schedule"),
            help=(
                "add 'overlap: skip' to leave a start out while a run goes on, or use shorter timeouts",
                "if runs may overlap, ignore this with a comment: # pgflowc: ignore[PGF507] and why",
            ),
        )
    )


def _longest(draft: Draft) -> int | None:
    """Seconds that the steps of the longest way may take, each once; None if the steps are in no order."""
    waits_for = {
        slug: [one.slug for one in step.dependencies if one.slug in draft.steps]
        for slug, step in draft.steps.items()
    }
    try:
        order = topological_order(waits_for)
    except ValueError:
        return None
    ends: dict[str, int] = {}
    for slug in order:
        own = _allowed(draft.steps[slug], draft.options.timeout)
        ends[slug] = own + max((ends[before] for before in waits_for[slug]), default=0)
    return max(ends.values(), default=0)


def _allowed(step: DraftStep, usual: int) -> int:
    """Seconds that a task of the step may take. Waits for signals do not count: nobody works meanwhile."""
    if step.is_approval:
        return 0
    return (usual if step.model.timeout is None else step.model.timeout) + (step.model.start_delay or 0)


def _shortest_gap(schedule: str) -> int | None:
    """Seconds between two times of the schedule that are nearest, as far as its first times show."""
    from croniter import CroniterBadDateError, croniter

    times = croniter(schedule, _SOME_DAY, ret_type=float)
    try:
        found = [times.get_next(float) for _ in range(_LOOKED_AT)]
    except CroniterBadDateError:
        return None
    return round(min(later - earlier for earlier, later in pairwise(found)))


def _every(seconds: int) -> str:
    spoken = _spoken(seconds)
    return f"every {spoken.removeprefix('1 ')}"


def _spoken(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds} seconds"
