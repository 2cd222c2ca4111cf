"""pgflow.start_tasks, in both forms, and pgflowc.start_tasks (contract, sections 8.1 and 8.2)."""

from __future__ import annotations

from time import monotonic
from uuid import uuid4

import psycopg
import pytest


def test_a_claim_starts_the_task(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f", {"x": 1})
    worker = uuid4()
    core.do("insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'f', 'w')", worker)
    (record,) = core.claim("f", worker_id=worker)
    assert record == {
        "flow_slug": "f",
        "run_id": run_id,
        "step_slug": "a",
        "input": {},
        "msg_id": core.task(run_id, "a")["message_id"],
        "task_index": 0,
        "flow_input": {"x": 1},
    }
    assert list(record) == ["flow_slug", "run_id", "step_slug", "input", "msg_id", "task_index", "flow_input"]
    task = core.task(run_id, "a")
    assert (task["status"], task["attempts_count"], task["last_worker_id"]) == ("started", 1, worker)
    assert task["started_at"] is not None


@pytest.mark.parametrize(("step_timeout", "seconds"), [(None, 22), (90, 92)])
def test_the_message_stays_invisible_for_the_timeout_and_two_seconds(core, step_timeout, seconds) -> None:
    core.create_flow("f", timeout=20)
    core.add_step("f", "a", timeout=step_timeout)
    core.start("f")
    (record,) = core.claim("f")
    assert seconds - 2 < core.visible_in("f", record["msg_id"]) <= seconds


def test_tasks_of_one_claim_have_their_own_timeouts(core) -> None:
    core.create_flow("f", timeout=20)
    core.add_step("f", "a", timeout=100)
    core.add_step("f", "b")
    core.start("f")
    waits = {t["step_slug"]: core.visible_in("f", t["msg_id"]) for t in core.claim("f")}
    assert 100 < waits["a"] <= 102
    assert 20 < waits["b"] <= 22


def test_nothing_asked_nothing_claimed(core) -> None:
    core.flow("f", "a")
    core.start("f")
    assert core.start_tasks("f", []) == []
    assert core.rows("select * from pgflow.start_tasks('f', null, null)") == []
    assert core.start_tasks("f", [12345]) == []
    assert core.start_tasks("other", core.read("f")) == []


def test_a_claimed_task_is_not_claimed_again(core) -> None:
    core.flow("f", "a")
    core.start("f")
    ids = core.read("f")
    assert len(core.start_tasks("f", ids)) == 1
    assert core.start_tasks("f", ids) == []


def test_messages_without_a_task_are_left_alone(core) -> None:
    core.flow("f", "a")
    core.do("select pgmq.send('f', '{}')")
    (message,) = core.read("f", vt=50)
    assert core.start_tasks("f", [message]) == []
    assert 45 < core.visible_in("f", message) <= 50


def test_only_running_steps_of_running_runs(core) -> None:
    core.flow("f", "a", "b")
    first, second = core.start("f"), core.start("f")
    core.do("update pgflow.runs set status = 'failed' where run_id = %s", first)
    core.do(
        "update pgflow.step_states set status = 'skipped', skip_reason = 'x', remaining_tasks = null"
        " where run_id = %s and step_slug = 'a'",
        second,
    )
    assert [(t["run_id"], t["step_slug"]) for t in core.claim("f")] == [(second, "b")]


def test_an_unknown_worker_is_refused(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        core.claim("f", worker_id=uuid4())
    assert core.task(run_id, "a")["status"] == "queued"


def test_a_task_whose_message_is_gone_is_not_claimed(core, raises) -> None:
    core.flow("f", "a", "b")
    run_id = core.start("f")
    ids = core.read("f")
    core.do("select pgmq.delete('f', %s::bigint)", ids[0])
    with raises('only 1 of 2 claimed messages are in queue "f"'):
        core.start_tasks("f", ids)
    assert [t["status"] for t in core.tasks(run_id)] == ["queued", "queued"]


def test_a_task_that_another_transaction_holds_is_passed_over(core, another) -> None:
    core.flow("f", "a", "b")
    run_id = core.start("f")
    ids = core.read("f")
    other = another()
    with other.connection.transaction():
        other.do("update pgflow.step_tasks set status = 'skipped' where step_slug = 'a'")
        assert [t["step_slug"] for t in core.start_tasks("f", ids)] == ["b"]
    assert core.start_tasks("f", ids) == []
    assert core.task(run_id, "a")["status"] == "skipped"


def test_two_claims_of_the_same_messages_share_no_task(core, another) -> None:
    core.flow("f", "m[]")
    core.start("f", list(range(20)))
    ids = core.read("f")
    other = another()
    with other.connection.transaction():
        theirs = other.start_tasks("f", ids[:10])
        ours = core.start_tasks("f", ids)
    assert len(theirs) == len(ours) == 10
    assert {t["msg_id"] for t in theirs}.isdisjoint(t["msg_id"] for t in ours)


def test_a_claim_in_an_old_transaction_keeps_time_in_order(core, another) -> None:
    core.flow("f", "a")
    other = another()
    with core.connection.transaction():
        core.do("select now()")
        run_id = other.start("f")
        (task,) = core.claim("f")
        core.complete(task)
    done = core.task(run_id, "a")
    assert done["queued_at"] <= done["started_at"] <= done["completed_at"]
    assert core.run(run_id)["status"] == "completed"


def test_dependencies_are_the_input(core) -> None:
    core.flow("f", "a", "b", "c < a b")
    core.start("f", {"x": 1})
    for task in core.claim("f"):
        core.complete(task, {"of": task["step_slug"]})
    (record,) = core.claim("f")
    assert record["input"] == {"a": {"of": "a"}, "b": {"of": "b"}}
    assert record["flow_input"] is None


def test_falsy_outputs_reach_the_dependent(core) -> None:
    core.flow("f", "a", "b < a")
    for value in (False, 0, "", None, [], {}):
        run_id = core.start("f")
        core.complete(core.claim("f")[0], value)
        (record,) = core.claim("f")
        assert repr(record["input"]) == repr({"a": value})
        core.complete(record, value)
        run = core.run(run_id)
        assert (run["status"], repr(run["output"])) == ("completed", repr({"b": value}))


def test_a_sql_null_output_reaches_the_dependent_as_json_null(core) -> None:
    core.flow("f", "a", "b < a")
    run_id = core.start("f")
    core.claim("f")
    core.do("select pgflow.complete_task(%s, 'a', 0, null)", run_id)
    assert core.claim("f")[0]["input"] == {"a": None}


def test_root_map_tasks_get_raw_elements(core) -> None:
    core.flow("f", "m[]")
    elements = [1, "two", None, False, [3], {"four": 4}]
    core.start("f", elements)
    records = core.claim("f")
    assert [t["input"] for t in records] == elements
    assert {t["flow_input"] for t in records} == {None}


def test_map_over_a_single_and_over_a_map(core) -> None:
    core.flow("f", "list", "m[] < list", "n[] < m")
    core.start("f")
    core.complete(core.claim("f")[0], [10, None, 30])
    first = core.claim("f")
    assert [t["input"] for t in first] == [10, None, 30]
    for task in reversed(first):
        core.complete(task, {"was": task["input"]})
    assert [t["input"] for t in core.claim("f")] == [{"was": 10}, {"was": None}, {"was": 30}]


def test_elements_of_large_arrays(core) -> None:
    core.flow("f", "m[]", "n[] < m")
    elements = [{"id": number} for number in range(1050)]
    elements[100] = elements[1049] = None
    run_id = core.start("f", elements)
    assert core.value("select count(*) from pgflow.map_chunks") == 11
    records = core.claim("f", 2000)
    assert [t["input"] for t in records] == elements
    for task in records:
        core.complete(task, task["task_index"])
    assert core.value("select count(*) from pgflow.map_chunks where step_slug = 'm'") == 0
    assert [t["input"] for t in core.claim("f", 2000)] == list(range(1050))
    assert core.step(run_id, "m")["output"] == list(range(1050))


def test_chunks_of_large_elements_are_small(core) -> None:
    core.flow("f", "m[]")
    core.do(
        "select pgflow.start_flow('f', (select jsonb_agg(e.text) from generate_series(1, 20) i,"
        " lateral (select string_agg(md5(i || '.' || j), '') as text from generate_series(1, 1000) j) e))"
    )
    assert core.value("select max(jsonb_array_length(elements)) from pgflow.map_chunks") <= 3
    assert len({t["input"] for t in core.claim("f")}) == 20


def test_a_claim_costs_the_same_for_any_array(core) -> None:
    """Blocks touched, not time: the cost must not depend on the array's length."""

    def blocks(length: int) -> int:
        slug = f"f{length}"
        core.flow(slug, "m[]")
        elements = [{"id": number, "name": f"element number {number}"} for number in range(length)]
        core.start(slug, elements)
        core.claim(slug, 10)
        ids = core.read(slug, 10)
        (plan,) = core.column(
            f"explain (analyze, buffers, format json) select * from pgflow.start_tasks('{slug}', %s, null)",
            ids,
        )
        return plan[0]["Plan"]["Shared Hit Blocks"]

    small = min(blocks(100), blocks(99), blocks(98))
    assert blocks(10_000) < 1.5 * small


def test_a_claim_of_ten_thousand_elements_is_quick(core) -> None:
    core.flow("f", "m[]")
    core.start("f", [{"id": number} for number in range(10_000)])
    core.claim("f", 10)
    started = monotonic()
    for _ in range(20):
        core.claim("f", 10)
    assert monotonic() - started < 1.0


def test_the_form_with_a_queue_name(core) -> None:
    core.flow("Orders", "a")
    core.start("Orders")
    ids = core.read("Orders")
    claim = (
        "select * from pgflow.start_tasks("
        "flow_slug => 'Orders', msg_ids => %s, worker_id => null, queue_name => %s)"
    )
    assert core.rows(claim, ids, "Orders") == []
    assert core.rows(claim, ids, None) == []
    assert [t["step_slug"] for t in core.rows(claim, ids, "orders")] == ["a"]


def test_pgflowc_start_tasks_tells_the_attempt(core) -> None:
    core.flow("f", "a", base_delay=0)
    run_id = core.start("f", {"x": 1})
    claim = "select * from pgflowc.start_tasks(p_flow_slug => 'f', p_msg_ids => %s, p_worker_id => null)"
    (first,) = core.rows(claim, core.read("f"))
    assert first["attempts_count"] == 1
    assert first["started_at"] == core.task(run_id, "a")["started_at"]
    assert first["flow_input"] == {"x": 1}
    core.fail(first)
    core.make_visible("f")
    (second,) = core.rows(claim, core.read("f"))
    assert second["attempts_count"] == 2
    assert core.rows(claim, [second["msg_id"]]) == []


def test_pgflowc_start_tasks_on_a_core_with_the_four_argument_claim_only(core) -> None:
    core.flow("f", "a")
    core.start("f")
    core.do("create schema hidden")
    core.do("alter function pgflow.start_tasks(text, bigint[], uuid) set schema hidden")
    core.do(
        "create or replace function pgflow.start_tasks("
        "flow_slug text, msg_ids bigint[], worker_id uuid, queue_name text)"
        " returns setof pgflow.step_task_record language sql"
        " as 'select * from hidden.start_tasks(flow_slug, msg_ids, worker_id)"
        " where queue_name = lower(flow_slug)'"
    )
    (record,) = core.rows("select * from pgflowc.start_tasks('f', %s, null)", core.read("f"))
    assert record["attempts_count"] == 1


def test_the_largest_timeout_there_is(core) -> None:
    core.create_flow("f", timeout=2**31 - 1)
    core.add_step("f", "a")
    core.start("f")
    (task,) = core.claim("f")
    assert core.visible_in("f", task["msg_id"]) > 2**31 - 10
