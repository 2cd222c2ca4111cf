"""Outcomes on their way to the database: which are waiting, and what became of those that were sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile

from pgflowc_runtime import outcome, queries
from pgflowc_runtime.database import Database
from pgflowc_runtime.delivery import Report, Verdict
from pgflowc_runtime.logging import task_fields
from pgflowc_runtime.rows import ClaimedTask

log = logging.getLogger("pgflowc.worker")


class Recorder:
    """Holds each report until the database has it, or says that the task is not ours any more."""

    def __init__(self, database: Database, judged: Callable[[Report, Verdict], None]) -> None:
        """`judged` is told once about each report, when it is settled."""
        self._database = database
        self._judged = judged
        # Per flow, that with the oldest report first.
        self._waiting: dict[str, list[Report]] = {}
        self._sent = 0

    def __len__(self) -> int:
        """Reports that are not settled yet."""
        return self._sent + sum(map(len, self._waiting.values()))

    @property
    def flows(self) -> Sequence[str]:
        """Flows with reports to send, that with the oldest one first."""
        return tuple(self._waiting)

    def held(self) -> Iterator[ClaimedTask]:
        """The tasks whose reports are waiting here."""
        for reports in self._waiting.values():
            for report in reports:
                yield report.task

    def add(self, report: Report) -> None:
        """A handler has ended."""
        self._waiting.setdefault(report.task.flow_slug, []).append(report)

    def take(self, flow: str, limit: int) -> list[Report]:
        """The oldest reports of this flow, to be sent now and then settled or put back."""
        waiting = self._waiting.pop(flow)
        reports = list(takewhile(lambda report: not report.apart, waiting[:limit])) or waiting[:1]
        if len(waiting) > len(reports):
            # Behind the other flows.
            self._waiting[flow] = waiting[len(reports) :]
        self._sent += len(reports)
        return reports

    def put_back(self, reports: Sequence[Report], *, apart: bool = False) -> None:
        """The connection was lost, say: whether these are recorded is not known. They will be sent again;
        each alone, and after those that wait, if they are to be kept `apart`.
        """
        self._sent -= len(reports)
        for report in reports:
            report.uncertain = True
            report.apart = apart
        flow = reports[0].task.flow_slug
        others = self._waiting.get(flow, ())
        self._waiting[flow] = [*others, *reports] if apart else [*reports, *others]

    async def settle(self, reports: Sequence[Report], verdicts: Mapping[int, Verdict]) -> None:
        """These were sent; `verdicts` has those that are not `completed`, by index."""
        self._sent -= len(reports)
        for index, report in enumerate(reports):
            verdict = verdicts.get(index, "completed")
            if verdict == "lost" and report.uncertain:
                verdict = await self._verdict_before(report.task)
            self.judge(report, verdict)

    def judge(self, report: Report, verdict: Verdict) -> None:
        """Tell what became of a report."""
        if verdict == "lost":
            log.warning("outcome dropped: the task is no longer ours", extra=_about(report.task))
        self._judged(report, verdict)

    def refuse(self, report: Report, reason: str) -> bool:
        """PostgreSQL took the statement and refuses this outcome, whose contents it cannot hold.

        Sent again it would be refused again, while a failure with the reason can be recorded. False, and the
        report is given up, if that was refused as well.
        """
        if report.refused:
            self._sent -= 1
            # Recovery will give the task another try.
            log.error("the outcome could not be recorded: %s", reason, extra=_about(report.task))
            return False
        log.warning("outcome refused by the database: %s", reason, extra=_about(report.task))
        report.refused = True
        report.outcome = outcome.refused(reason)
        return True

    async def _verdict_before(self, task: ClaimedTask) -> Verdict:
        """What an attempt to send whose answer got lost has come to."""
        status = await self._database.insist(queries.task_status(task), what=f"outcome of {task}")
        match status:
            case "completed" | "failed":
                return status
            case "queued":
                return "retried"
            case _:
                return "lost"


def _about(task: ClaimedTask) -> dict[str, object]:
    return {"pgflow": task_fields(task)}
