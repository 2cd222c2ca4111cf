"""The tasks that a worker executes: handed to their handlers, ended by them, reported."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Protocol
from uuid import UUID

import psycopg

from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.database import Database
from pgflowc_runtime.delivery import Report, Verdict
from pgflowc_runtime.exchange import Exchange
from pgflowc_runtime.executor import CANCEL_GRACE_SECONDS, Executor, Running
from pgflowc_runtime.logging import task_fields
from pgflowc_runtime.losses import Losses
from pgflowc_runtime.outcome import Completed, Failed, Outcome, Parked, from_exception
from pgflowc_runtime.rows import ClaimedTask
from pgflowc_runtime.run_ends import RunEnds
from pgflowc_runtime.setbacks import is_contention
from pgflowc_runtime.transaction import Open, Transactions
from pgflowc_runtime.unknown_steps import UnknownSteps

log = logging.getLogger("pgflowc.worker")


class Reports(Protocol):
    """Where outcomes go."""

    def record(self, report: Report) -> None:
        """Record this as soon as possible."""

    def settled_elsewhere(self, report: Report, verdict: Verdict) -> None:
        """This is recorded already, or nobody's business any more."""

    def look_at(self, flow: str) -> None:
        """There may be work in this flow."""


class Assignments:
    """From the claim of each task to the verdict on its outcome."""

    def __init__(
        self,
        executor: Executor,
        transactions: Transactions,
        exchange: Exchange,
        database: Database,
        *,
        limit: int,
    ) -> None:
        """At most `limit` handlers run at once."""
        self.run_ends = RunEnds(database)
        self._executor = executor
        self._transactions = transactions
        self._exchange = exchange
        self._database = database
        self._limit = limit
        self._reports: Reports
        self._running: dict[int, Running] = {}  # by id() of the claimed task
        self._latest: dict[tuple[UUID, str, int], Running] = {}  # which of them the task is handed to now
        self._finishing: dict[
            asyncio.Task[None], ClaimedTask
        ] = {}  # outcomes recorded by handlers' transactions
        self._losses = Losses()
        self._unknown = UnknownSteps(self._put_off)
        self._too_late: list[ClaimedTask] | None = None  # claimed when no handler may begin any more

    def report_to(self, reports: Reports) -> None:
        """Said once, before the first task begins."""
        self._reports = reports

    @property
    def idle(self) -> bool:
        """Whether no handler runs."""
        return not self._running

    def free(self) -> int:
        """How many more handlers may run."""
        return self._limit - len(self._running)

    def held(self) -> Iterator[ClaimedTask]:
        """The tasks that are being executed, or about to be given back."""
        yield from (running.task for running in self._running.values())
        yield from self._finishing.values()
        yield from self._unknown.held()
        yield from self._too_late or ()

    def start_task(self, task: ClaimedTask) -> None:
        """Call the handler of a claimed task."""
        if self._too_late is not None:
            self._too_late.append(task)
            return
        running = self._executor.begin(task, self._handler_ended)
        if running is None:
            self._unknown.take(task)
            return
        self._running[id(task)] = running
        key = _key(task)
        if (former := self._latest.get(key)) is not None:
            # Its run was cancelled and is tried again, or the task was given to us twice.
            former.context.cancelled.set()
        self._latest[key] = running

    async def _put_off(self, tasks: Sequence[ClaimedTask], seconds: int) -> None:
        await self._database.insist_on(
            lambda: self._exchange.put_off(tasks, seconds), what="giving back tasks of unknown steps"
        )

    def _handler_ended(self, task: ClaimedTask, result: Outcome) -> None:
        running = self._running.pop(id(task), None)
        seconds = time.monotonic() - running.began if running else 0.0
        report = Report(task, result, seconds)
        key = _key(task)
        is_former = running is not None and self._latest.get(key) is not running
        if not is_former:
            self._latest.pop(key, None)
        lost = self._transactions.has_lost(task)
        transaction = self._transactions.take(task)
        if is_former:
            # The attempts may have one number, so the database could not tell this outcome from the other.
            end = self._drop(transaction, report)
        elif transaction is not None:
            end = self._finish(transaction, report)
        elif lost and isinstance(result, Failed) and not result.is_decided and self._losses.pardon(task):
            end = self._go_back(task, result.error.partition("\n")[0])
        else:
            self._reports.record(report)
            return
        finishing = asyncio.create_task(end, name=f"pgflowc-outcome of {task}")
        self._finishing[finishing] = task
        finishing.add_done_callback(self._finished)

    def _finished(self, finishing: asyncio.Task[None]) -> None:
        del self._finishing[finishing]
        if not finishing.cancelled() and (error := finishing.exception()) is not None:
            # Recovery will give the task another try.
            log.error("%s could not be recorded", finishing.get_name(), exc_info=error)

    async def _finish(self, transaction: Open, report: Report) -> None:
        """Record the outcome of a handler that has a transaction of its own."""
        task = report.task
        if not isinstance(report.outcome, Completed):
            await transaction.roll_back()
            self._reports.record(report)
            return
        completion = self._exchange.completion(task, report.outcome.output)
        try:
            verdict = await transaction.complete(completion, "completed")
        except (psycopg.Error, OSError) as error:
            # A limit on the time of statements, or others' locks, may be met again and again: that is to be
            # counted, and to end.
            if (
                not is_transient(error)
                or is_contention(error)
                or isinstance(error, psycopg.errors.QueryCanceled)
                or not self._losses.pardon(task)
            ):
                self._reports.record(Report(task, from_exception(error), report.seconds))
                return
            # Nothing is committed, or all of it is and the task is not ours any more.
            await self._go_back(task, headline(error))
            return
        if verdict in ("completed", "lost"):
            self._reports.settled_elsewhere(report, verdict)
        else:
            # It fails its run: a map waits for an array. That is to be recorded, and nothing else.
            self._reports.record(report)

    async def _drop(self, transaction: Open | None, report: Report) -> None:
        """The task was claimed anew while this handler was at it: what counts is what the other one says."""
        if transaction is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await transaction.roll_back()
        self._reports.settled_elsewhere(report, "lost")

    async def _go_back(self, task: ClaimedTask, why: str) -> None:
        """It is not the handler's fault, so the attempt does not count."""
        log.warning("its transaction was lost (%s): the task goes back", why, extra=_about(task))
        await self._database.insist(self._exchange.release([task]), what=f"giving back {task}")
        self._reports.look_at(task.flow_slug)

    def judged(self, report: Report, verdict: Verdict) -> None:
        """Tell what became of a task."""
        self._losses.over(report.task)
        if verdict == "lost":
            return
        if isinstance(report.outcome, Parked):
            log.debug("%s: waits for a signal", verdict, extra=_about(report.task))
            return
        if verdict != "retried":
            self.run_ends.recorded(report.task)
        if isinstance(report.outcome, Completed):
            if verdict == "completed" and not log.isEnabledFor(logging.INFO):
                return
            level, text = logging.INFO, "completed"
            if verdict != "completed":
                level, text = logging.ERROR, "failed: a map waits for an array, and the output is none"
        else:
            error = report.outcome.error.partition("\n")[0]
            level, text = logging.WARNING, f"failed, will be tried again: {error}"
            if verdict != "retried":
                level, text = logging.ERROR, f"failed, no attempts left: {error}"
            if report.outcome.permanent:
                text = f"failed for good: {error}"
        log.log(level, "%s", text, extra=_about(report.task, ms=round(report.seconds * 1000)))

    # The end

    def calls(self) -> set[asyncio.Task[None]]:
        """What has not come to its end yet."""
        handlers = {running.call for running in self._running.values()}
        return handlers | self._finishing.keys() | self._unknown.calls()

    async def stop(self) -> list[ClaimedTask]:
        """Stop handlers as well as they can be stopped; the tasks to be given back, of which a claim that is
        under way may add more.
        """
        unfinished = list(self._running.values())
        self._running.clear()
        self._too_late = [running.task for running in unfinished]
        for running in unfinished:
            running.cancel()
        if unfinished:
            calls = {running.call for running in unfinished}
            await asyncio.wait(calls, timeout=CANCEL_GRACE_SECONDS)
        for running in unfinished:
            if (transaction := self._transactions.take(running.task)) is not None:
                with contextlib.suppress(psycopg.Error, OSError):
                    await transaction.roll_back()
        return self._too_late

    def abandon(self) -> None:
        """Wait no longer for handlers' transactions."""
        for finishing in self._finishing:
            finishing.cancel()


def _key(task: ClaimedTask) -> tuple[UUID, str, int]:
    return task.run_id, task.step_slug, task.task_index


def _about(task: ClaimedTask, **more: object) -> dict[str, object]:
    return {"pgflow": task_fields(task, **more)}
