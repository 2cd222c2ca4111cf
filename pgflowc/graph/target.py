"""What the scheduler of the target database cannot express."""

from __future__ import annotations

from collections.abc import Sequence

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import target as codes
from pgflowc.document.referred import CronTarget
from pgflowc.graph.model import Flow
from pgflowc.spec.cron import beyond_pg_cron
from pgflowc_language.schedules import UTC_NAMES
from pgflowc_language.words import quote


def for_target(flows: Sequence[Flow], cron: CronTarget, report: Report) -> tuple[Flow, ...]:
    """The flows whose schedules the target can keep; the others are reported."""
    if cron != "pg_cron":
        return tuple(flows)
    return tuple(flow for flow in flows if _fits(flow, report))


def _fits(flow: Flow, report: Report) -> bool:
    cron = flow.cron
    if cron is None:
        return True
    fits = True
    if cron.timezone not in UTC_NAMES:
        fits = False
        report.add(
            Diagnostic(
                codes.TIMEZONE,
                f"pg_cron cannot keep the schedule of '{flow.slug}' in the time zone {cron.timezone}",
                cron.span,
                help=(
                    "write the schedule in UTC and leave 'timezone' out",
                    'or let workers start the runs: cron = "worker" under [target] in pgflowc.toml',
                ),
            )
        )
    for key, value, usual in (("catch_up", cron.catch_up, "none"), ("overlap", cron.overlap, "allow")):
        if value != usual:
            fits = False
            report.add(
                Diagnostic(
                    codes.OPTION,
                    f"pg_cron knows no '{key}', which '{flow.slug}' sets to {value}",
                    cron.span,
                    help=(
                        f"leave '{key}' out",
                        'or let workers start the runs: cron = "worker" under [target] in pgflowc.toml',
                    ),
                )
            )
    part = beyond_pg_cron(cron.schedule)
    if part is not None:
        way_out = (
            "write the range in place of its star, such as 1-31/2: here pg_cron would want both days to fit"
            if "*" in part
            else "write it with *, */n, ranges a-b that do not pass the end, and lists"
        )
        fits = False
        report.add(
            Diagnostic(
                codes.SCHEDULE,
                f"pg_cron does not understand {quote(part)} in the schedule of '{flow.slug}'",
                cron.span,
                help=(
                    way_out,
                    'or let workers start the runs: cron = "worker" under [target] in pgflowc.toml',
                ),
            )
        )
    return fits
