"""Sessions keep plans made while the tables were empty: none may walk the runs or tasks of a flow later.

Counted in blocks read, which a busy machine does not change.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

TABLES = (
    "pgflow.flows, pgflow.steps, pgflow.deps, pgflow.runs, pgflow.step_states, pgflow.step_tasks, pgmq.q_f"
)
RUNS = 2500


def blocks(core, call: str, *parameters: Any) -> int:
    plan = core.value(f"explain (analyze, buffers, format json) select {call}", *parameters)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def round_of_calls(core) -> dict[str, int]:
    """Blocks read by one call of each function, with all that follows from it."""
    read = {"start": blocks(core, "pgflow.start_flow('f', '{}')")}
    core.do("update pgmq.q_f set vt = '2000-01-01' where msg_id = (select max(msg_id) from pgmq.q_f)")
    (message_id,) = core.read("f", 1)
    read["claim"] = blocks(core, "pgflow.start_tasks('f', %s, null)", [message_id])
    run_id = core.value("select run_id from pgflow.step_tasks where message_id = %s", message_id)
    finish = "pgflow.{}_task(%s, %s, %s, %s)"
    # a ends, b and the map start; the map ends, z starts and fails for good.
    read["complete"] = blocks(core, finish.format("complete"), run_id, "a", 0, "[1, 2]")
    read["claim a map"] = claim(core, run_id, "m")
    read["complete a map task"] = blocks(core, finish.format("complete"), run_id, "m", 0, "1")
    read["complete a map"] = blocks(core, finish.format("complete"), run_id, "m", 1, "1")
    claim(core, run_id, "z")
    read["retry"] = blocks(core, finish.format("fail"), run_id, "z", 0, "boom")
    claim(core, run_id, "z")
    read["fail"] = blocks(core, finish.format("fail"), run_id, "z", 0, "boom")
    read["show"] = blocks(core, "pgflow.get_run_with_states(%s)", run_id)
    read["prune"] = blocks(core, "pgflow.prune_data_older_than('1 hour')")
    return read


def claim(core, run_id: UUID, step: str) -> int:
    """Claim the tasks of a step of the run."""
    ids = core.column(
        "select message_id from pgflow.step_tasks where run_id = %s and step_slug = %s", run_id, step
    )
    return blocks(core, "pgflow.start_tasks('f', %s, null)", ids)


@pytest.mark.parametrize("runs_at_first", [0, 10])
@pytest.mark.parametrize("vacuumed", [False, True], ids=["", "vacuumed"])
def test_plans_stay_right(core, runs_at_first, vacuumed) -> None:
    core.flow("f", "a", "b < a", "m[] < a", "z < m", max_attempts=2)
    core.do("set plan_cache_mode = force_generic_plan")  # what a session comes to after some calls
    for _ in range(runs_at_first):
        core.start("f")
    if vacuumed:
        core.do("vacuum (analyze)")
    round_of_calls(core)
    core.do("select pgflow.requeue_stalled_tasks()")

    core.do("select pgflowc.start_flow_batch('f', array_fill('{}'::jsonb, array[%s]))", RUNS)
    assert core.value("select pg_relation_size('pgflow.runs') / 8192") > 40
    read = round_of_calls(core)
    # Inserts into tables and indexes, and checks of foreign keys, included.
    assert max(read.values()) < 400, read


def test_a_sweep_through_the_queue_reads_what_is_claimed(core) -> None:
    core.flow("f", "m[]", timeout=1)
    core.do("select pgflow.requeue_stalled_tasks()")
    core.start("f", [0] * 100_000)
    core.claim("f", 10)
    core.do("update pgflow.step_tasks set queued_at = '2000-01-01', started_at = '2000-01-02'")
    queue = core.value("select pg_relation_size('pgmq.q_f') / 8192")
    # The queue itself, the tasks of its 1,000 oldest messages, and what is written for each of these.
    assert blocks(core, "pgflow.requeue_stalled_tasks()") < queue + 50 * 1000
