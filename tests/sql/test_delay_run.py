"""pgflow.delay_run: a run that begins later."""

from __future__ import annotations

from uuid import uuid4


def test_delay_run(core) -> None:
    core.flow("f", "a")
    with core.connection.transaction():
        run_id = core.start("f")
        moved = core.value(
            "select pgflow.delay_run(p_flow_slug => 'f', p_run_id => %s, p_delay_seconds => 100)", run_id
        )
    assert moved == 1
    assert core.claim("f") == []
    assert 98 < core.visible_in("f", core.task(run_id, "a")["message_id"]) <= 100


def test_delay_run_leaves_other_runs_and_claimed_tasks(core) -> None:
    core.flow("f", "a")
    delay = "select pgflow.delay_run('f', %s, 100)"
    first, second = core.start("f"), core.start("f")
    core.claim("f", 1)
    assert core.value(delay, first) == 0
    assert core.value(delay, uuid4()) == 0
    assert [t["run_id"] for t in core.claim("f")] == [second]
