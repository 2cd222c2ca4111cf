"""Two ways to exchange outcomes for tasks: with schema pgflowc, in batches, and with the contract's functions
alone, one by one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from pgflowc_runtime import queries
from pgflowc_runtime.database import AsyncConnection, Database, execute
from pgflowc_runtime.delivery import Flushed, Held, Report, Verdict, identity
from pgflowc_runtime.outcome import Completed, Failed, Parked
from pgflowc_runtime.queries import Query
from pgflowc_runtime.rows import Capabilities, ClaimedTask

_NO_RUN = UUID(int=0)


class Exchange(Protocol):
    """What a worker does with the queue of a flow. Everything raises psycopg.Error."""

    async def claim(self, flow_slug: str, worker_id: UUID, quantity: int) -> Sequence[ClaimedTask]:
        """Take up to so many tasks."""

    async def flush(self, flow_slug: str, worker_id: UUID, reports: Sequence[Report], claim: int) -> Flushed:
        """Record outcomes of tasks of this flow, and take up to `claim` others. All or nothing, except that
        a worker without batches may have recorded the first ones when it raises.
        """

    def rehearsal(self, flow_slug: str, worker_id: UUID) -> Sequence[Query[Any]]:
        """Statements that go the way of a claim and a flush, and change nothing."""

    def release(self, tasks: Sequence[ClaimedTask]) -> Query[int]:
        """The statement that gives tasks back, their attempts unspent; how many were still ours."""

    async def put_off(self, tasks: Sequence[ClaimedTask], seconds: int) -> None:
        """Give tasks back, their attempts unspent, visible only after so many seconds."""

    async def give_back(self, worker_ids: Mapping[str, UUID], held: Collection[Held]) -> int:
        """Give back the tasks that these workers have started, but for those held; how many there were."""

    def completion(self, task: ClaimedTask, output: str) -> Query[Verdict]:
        """The statement that completes one task, for a transaction that does more."""


def choose(database: Database, capabilities: Capabilities) -> Exchange:
    """The fastest one that this database has."""
    if capabilities.has_batches:
        return Batches(database)
    return OneByOne(
        database, names_queue=capabilities.start_names_queue, has_release=capabilities.has_release
    )


class Batches:
    """`pgflowc.claim_batch` and `finish_batch`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, flow_slug: str, worker_id: UUID, quantity: int) -> Sequence[ClaimedTask]:
        return await self._database.run(queries.claim_batch(flow_slug, worker_id, quantity))

    async def flush(self, flow_slug: str, worker_id: UUID, reports: Sequence[Report], claim: int) -> Flushed:
        return await self._database.run(queries.finish_batch(flow_slug, worker_id, reports, claim))

    def rehearsal(self, flow_slug: str, worker_id: UUID) -> Sequence[Query[Any]]:
        nobodys = ClaimedTask(
            flow_slug=flow_slug,
            run_id=_NO_RUN,
            step_slug="",
            task_index=0,
            argument="null",
            message_id=0,
            attempt=0,
            worker_id=worker_id,
        )
        report = Report(nobodys, Completed("null"))
        return [
            queries.finish_batch(flow_slug, worker_id, [report], 0),
            queries.claim_batch(flow_slug, worker_id, 0),
        ]

    def release(self, tasks: Sequence[ClaimedTask]) -> Query[int]:
        return queries.release_tasks(tasks)

    async def put_off(self, tasks: Sequence[ClaimedTask], seconds: int) -> None:
        await _put_off(self._database, self, tasks, seconds)

    async def give_back(self, worker_ids: Mapping[str, UUID], held: Collection[Held]) -> int:
        return await _give_back(self._database, self, worker_ids, held)

    def completion(self, task: ClaimedTask, output: str) -> Query[Verdict]:
        flush = queries.finish_batch(task.flow_slug, task.worker_id, [Report(task, Completed(output))], 0)
        return Query(
            flush.sql,
            flush.params,
            lambda rows: flush.decode(rows).verdicts.get(0, "completed"),
            as_tuples=flush.as_tuples,
        )


class OneByOne:
    """`pgmq.read` with `start_tasks`, of three arguments or four, then `complete_task` or `fail_task`."""

    def __init__(self, database: Database, *, names_queue: bool, has_release: bool) -> None:
        self._database = database
        self._names_queue = names_queue
        self._has_release = has_release

    async def claim(self, flow_slug: str, worker_id: UUID, quantity: int) -> Sequence[ClaimedTask]:
        start = queries.start_tasks(flow_slug, worker_id, quantity, names_queue=self._names_queue)
        async with self._database.connection() as connection, connection.transaction():
            tasks = await execute(connection, start)
            ids = [task.message_id for task in tasks]
            attempts = await execute(connection, queries.task_attempts(flow_slug, ids)) if tasks else {}
        return [dataclasses.replace(task, attempt=attempts[task.message_id]) for task in tasks]

    async def flush(self, flow_slug: str, worker_id: UUID, reports: Sequence[Report], claim: int) -> Flushed:
        verdicts: dict[int, Verdict] = {}
        async with self._database.connection() as connection:
            for index, report in enumerate(reports):
                verdict = await _report(connection, report)
                if verdict != "completed":
                    verdicts[index] = verdict
        return Flushed(verdicts, await self.claim(flow_slug, worker_id, claim) if claim else ())

    def rehearsal(self, flow_slug: str, worker_id: UUID) -> Sequence[Query[Any]]:
        return []

    def release(self, tasks: Sequence[ClaimedTask]) -> Query[int]:
        return queries.release_tasks(tasks) if self._has_release else queries.requeue_tasks(tasks)

    async def put_off(self, tasks: Sequence[ClaimedTask], seconds: int) -> None:
        await _put_off(self._database, self, tasks, seconds)

    async def give_back(self, worker_ids: Mapping[str, UUID], held: Collection[Held]) -> int:
        return await _give_back(self._database, self, worker_ids, held)

    def completion(self, task: ClaimedTask, output: str) -> Query[Verdict]:
        complete = queries.complete_task(task, output)
        return Query(complete.sql, complete.params, lambda rows: _verdict(complete.decode(rows)))


async def _put_off(
    database: Database, exchange: Exchange, tasks: Sequence[ClaimedTask], seconds: int
) -> None:
    async with database.connection() as connection, connection.transaction():
        if await execute(connection, exchange.release(tasks)):
            for task in tasks:
                await execute(connection, queries.hide_queued(task, seconds))


async def _give_back(
    database: Database, exchange: Exchange, worker_ids: Mapping[str, UUID], held: Collection[Held]
) -> int:
    started = await database.run(queries.started_tasks(worker_ids))
    orphans = [task for task in started if identity(task) not in held]
    return await database.run(exchange.release(orphans)) if orphans else 0


async def _report(connection: AsyncConnection, report: Report) -> Verdict:
    task = report.task
    match report.outcome:
        case Completed(output):
            return _verdict(await execute(connection, queries.complete_task(task, output)))
        case Parked():
            return "lost"  # it cannot be: no handler waits on such a core
        case Failed(error, permanent=True):
            async with connection.transaction():
                return await _fail_for_good(connection, task, error)
        case Failed(error, retry_delay=delay):
            async with connection.transaction():
                status = await execute(connection, queries.fail_task(task, error))
                if status == "queued" and delay is not None:
                    await execute(connection, queries.set_vt(task, delay))
            return _verdict(status)


# The contract knows no permanent failure, only one attempt too many. No worker makes that many.
_TOO_MANY_ATTEMPTS = 1_000_000


async def _fail_for_good(connection: AsyncConnection, task: ClaimedTask, error: str) -> Verdict:
    if not await execute(connection, queries.set_attempts(task, _TOO_MANY_ATTEMPTS)):
        return "lost"
    exhausted = dataclasses.replace(task, attempt=_TOO_MANY_ATTEMPTS)
    status = await execute(connection, queries.fail_task(exhausted, error))
    await execute(connection, queries.restore_attempts(task))
    return _verdict(status)


def _verdict(status: str | None) -> Verdict:
    match status:
        case None:
            return "lost"
        case "completed":
            return "completed"
        case "queued":
            return "retried"
        case _:
            return "failed"
