"""pgflow.start_ready_steps (contract, section 9)."""

from __future__ import annotations


def test_messages_carry_the_task(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    task = core.task(run_id, "a")
    assert (task["status"], task["attempts_count"], task["task_index"]) == ("queued", 0, 0)
    message = core.row("select * from pgmq.q_f")
    assert message["msg_id"] == task["message_id"]
    assert message["message"] == {
        "flow_slug": "f",
        "run_id": str(run_id),
        "step_slug": "a",
        "task_index": 0,
    }


def test_a_map_starts_all_its_tasks_in_order(core) -> None:
    core.flow("f", "m[]")
    run_id = core.start("f", ["x"] * 25)
    tasks = core.tasks(run_id, "m")
    assert [t["task_index"] for t in tasks] == list(range(25))
    messages = core.rows(
        "select msg_id, (message ->> 'task_index')::int as task_index from pgmq.q_f order by 1"
    )
    assert [(m["msg_id"], m["task_index"]) for m in messages] == [
        (t["message_id"], t["task_index"]) for t in tasks
    ]


def test_start_delay_hides_the_message(core) -> None:
    core.create_flow("f")
    core.add_step("f", "now")
    core.add_step("f", "later", start_delay=300)
    run_id = core.start("f")
    assert [t["step_slug"] for t in core.claim("f")] == ["now"]
    assert 290 < core.visible_in("f", core.task(run_id, "later")["message_id"]) <= 300


def test_ready_steps_of_a_finished_run_do_not_start(core) -> None:
    core.flow("f", "a", "b < a")
    run_id = core.start("f")
    core.do("update pgflow.step_states set remaining_deps = 0")
    core.do("update pgflow.runs set status = 'failed'")
    core.do("select pgflow.start_ready_steps(run_id => %s)", run_id)
    assert core.step(run_id, "b")["status"] == "created"
