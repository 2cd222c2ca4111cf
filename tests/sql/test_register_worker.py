"""pgflow.register_worker: entry, then heartbeats (contract, section 17.4)."""

from __future__ import annotations

from uuid import uuid4


def test_entry_then_heartbeat(core) -> None:
    worker = uuid4()
    register = "select pgflow.register_worker(p_worker_id => %s, p_queue_name => 'f', p_function_name => 'w')"
    core.do(register, worker)
    first = core.row("select * from pgflow.workers")
    assert (first["queue_name"], first["function_name"], first["stopped_at"]) == ("f", "w", None)
    core.do(register, worker)
    second = core.row("select * from pgflow.workers")
    assert second["last_heartbeat_at"] > first["last_heartbeat_at"]
    assert second["started_at"] == first["started_at"]
