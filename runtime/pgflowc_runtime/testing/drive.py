"""Drives one run: claims its tasks and no others, executes them here, and lets its time pass when there is
nothing to do but wait.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg

from pgflowc_runtime import outcome, queries, run_faults
from pgflowc_runtime.call import Refused, drive_async
from pgflowc_runtime.caller_connection import joined_async
from pgflowc_runtime.calls import signalling
from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.database import Database, execute
from pgflowc_runtime.delivery import Report
from pgflowc_runtime.exchange import Batches
from pgflowc_runtime.executor import Executor
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.outcome import Completed, Outcome, Parked
from pgflowc_runtime.queries import one_run
from pgflowc_runtime.rows import ClaimedTask
from pgflowc_runtime.signals import Delivery
from pgflowc_runtime.testing.stubs import payloads_of
from pgflowc_runtime.transaction import Open, Transactions

# Handlers at once, and outcomes in one trip: enough for parallel branches, few enough for a pool of sessions.
_AT_ONCE = 50
# A message that is due in less is due: the clock goes on while we look.
_SOON_SECONDS = 0.001


class Drive:
    """One run on its way. The worker that claims its tasks is registered while `run` is under way."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        transactions: Transactions,
        flow: Flow[Any],
        run_id: UUID,
        *,
        signals: Mapping[str, Any],
        can_wait: bool,
    ) -> None:
        """`signals` are sent to the tasks of these steps when they wait. `can_wait`: so says the database."""
        self._database = database
        self._executor = executor
        self._transactions = transactions
        self._exchange = Batches(database)
        self._flow_slug = flow.slug
        self._steps = {step.slug: step for step in flow.steps}
        self._has_approvals = any(step.approval for step in flow.steps)
        self._signals = signals
        self._sent: set[tuple[str, int]] = set()
        self._can_wait = can_wait
        self._may_wait = True
        self._run_id = run_id
        self._worker_id = uuid4()
        self._running: dict[asyncio.Task[Outcome], ClaimedTask] = {}
        self.waited = 0.0
        """Seconds of delays that were passed over."""

    @property
    def executing(self) -> list[str]:
        """The tasks whose handlers are running now."""
        return sorted(str(task) for task in self._running.values())

    async def run(self, within: float | None) -> None:
        """Until the run is over, or `within` seconds of its time have passed, or nothing can go on.

        When it is cancelled, running handlers are cancelled as well and their tasks given back.
        """
        await self._database.run(queries.workers({self._flow_slug: self._worker_id}, "pgflowc testing"))
        try:
            while True:
                if self._can_wait and self._may_wait:
                    await self._see_to_waits()
                await self._claim()
                if self._running:
                    await self._settle_some()
                elif not await self._let_time_pass(within):
                    return
        finally:
            await self._give_back()
            await self._database.run(queries.mark_worker_stopped([self._worker_id]))

    async def _see_to_waits(self) -> None:
        """What a claim does for tasks that wait, for those of this run alone; and the test's signals."""
        await self._ask(one_run.settle_waits())
        async with self._database.connection() as connection:
            cursor = await connection.execute(one_run.parked(), {"run_id": self._run_id})
            parked = [(row["step_slug"], row["task_index"]) for row in await cursor.fetchall()]
            for step, index in parked:
                # A task that waits again, after a retry of its run, is not sent a second one.
                if step in self._signals and (step, index) not in self._sent:
                    self._sent.add((step, index))
                    for payload in payloads_of(self._signals[step], self._steps[step], index):
                        await send(connection, self._run_id, step, payload, index)
        self._may_wait = self._has_approvals or bool(parked)

    async def _claim(self) -> None:
        free = _AT_ONCE - len(self._running)
        if free <= 0:
            return
        claim = one_run.start_tasks_of_run(self._flow_slug, self._run_id, self._worker_id, free)
        async with self._database.connection() as connection, connection.transaction():
            tasks = await execute(connection, claim)
            ids = [task.message_id for task in tasks]
            attempts = await execute(connection, queries.task_attempts(self._flow_slug, ids)) if ids else {}
        for task in tasks:
            started = dataclasses.replace(task, attempt=attempts[task.message_id])
            self._running[asyncio.create_task(self._executor.execute(started))] = started

    async def _settle_some(self) -> None:
        """Record what has ended, as soon as something has."""
        done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        reports = []
        for call in done:
            task = self._running.pop(call)
            report = Report(task, call.result())
            self._may_wait |= isinstance(report.outcome, Parked)
            transaction = self._transactions.take(task)
            left = report if transaction is None else await self._finish(transaction, report)
            if left is not None:
                reports.append(left)
        if reports:
            await self._record(reports)

    async def _finish(self, transaction: Open, report: Report) -> Report | None:
        """End the transaction of a handler; what is left to be recorded."""
        if not isinstance(report.outcome, Completed):
            await transaction.roll_back()
            return report
        completion = self._exchange.completion(report.task, report.outcome.output)
        try:
            verdict = await transaction.complete(completion, "completed")
        except psycopg.Error as error:
            if is_transient(error):
                raise
            # A constraint that is checked at the end, say.
            return Report(report.task, outcome.from_exception(error))
        return report if verdict == "failed" else None

    async def _record(self, reports: Sequence[Report]) -> None:
        try:
            await self._exchange.flush(self._flow_slug, self._worker_id, reports, 0)
        except psycopg.Error as error:
            if is_transient(error):
                raise
            if len(reports) > 1:
                for report in reports:
                    await self._record([report])
            elif isinstance(reports[0].outcome, Completed):
                refused = outcome.refused(headline(error))
                await self._record([dataclasses.replace(reports[0], outcome=refused)])
            else:
                raise

    async def _let_time_pass(self, within: float | None) -> bool:
        """Whether there is something to claim now."""
        found = await self._ask(one_run.outlook(self._flow_slug))
        if found is None or found["status"] != "started" or found["next_due"] is None:
            due = None
        else:
            due = max(0.0, found["next_due"])
        if self._can_wait and found is not None and found["waiting"]:
            wait = await self._ask(one_run.next_wait())
            if wait is not None and wait["next_due"] is not None:
                due = min(max(0.0, wait["next_due"]), math.inf if due is None else due)
        left = None if within is None else max(0.0, within - self.waited)
        if due is not None and (left is None or due <= left + _SOON_SECONDS):
            await self._pass(due + _SOON_SECONDS if due else 0.0)
            return True
        if left and found is not None and found["status"] == "started":
            await self._pass(left)
        return False

    async def _pass(self, seconds: float) -> None:
        if seconds:
            await self._ask(one_run.move(self._flow_slug), seconds=seconds)
            if self._can_wait:
                await self._ask(one_run.move_waits(), seconds=seconds)
            self.waited += seconds

    async def _ask(
        self, statement: psycopg.sql.SQL | psycopg.sql.Composed, **params: Any
    ) -> dict[str, Any] | None:
        async with self._database.connection() as connection:
            about = {"run_id": self._run_id, "flow_slug": self._flow_slug}
            cursor = await connection.execute(statement, {**about, **params})
            return await cursor.fetchone() if cursor.description else None

    async def _give_back(self) -> None:
        if not self._running:
            return
        for call in self._running:
            call.cancel()
        await asyncio.wait(self._running)
        for task in self._running.values():
            if (transaction := self._transactions.take(task)) is not None:
                await transaction.roll_back()
        await self._database.run(self._exchange.release(list(self._running.values())))
        self._running.clear()


async def send(
    connection: psycopg.AsyncConnection[Any], run_id: UUID, step: str, payload: Any, task_index: int
) -> Delivery:
    """Send a signal. Raises as `Client.signal`."""
    call = signalling.signal(run_id, step, payload, task_index)
    try:
        return await drive_async(call, joined_async(connection))
    except Refused as refused:
        raise run_faults.of_statement(refused, None) from None
