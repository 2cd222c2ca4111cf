"""pgflow.mark_worker_stopped (contract, section 12)."""

from __future__ import annotations

from uuid import uuid4


def test_the_worker_says_that_it_stopped(core) -> None:
    worker, other = uuid4(), uuid4()
    for worker_id in (worker, other):
        core.do("select pgflow.register_worker(%s, 'f', 'w')", worker_id)
    with core.connection.transaction():
        before = core.value("select clock_timestamp()")
        core.do("select pgflow.mark_worker_stopped(worker_id => %s)", worker)
    stopped = core.column("select stopped_at from pgflow.workers where worker_id = %s", worker)[0]
    assert stopped > before  # the current clock, not the transaction's
    assert core.column("select stopped_at from pgflow.workers where worker_id = %s", other) == [None]


def test_unknown_workers_do_nothing(core) -> None:
    core.do("select pgflow.mark_worker_stopped(%s)", uuid4())
    assert core.rows("select from pgflow.workers") == []
