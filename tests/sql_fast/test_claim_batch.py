"""claim_batch: read and start in one call."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest


def test_a_claim_starts_tasks_and_hides_their_messages(fast) -> None:
    fast.flow("f", timeout=60)
    fast.step("f", "a")
    fast.step("f", "b", timeout=200)
    (run,) = fast.start("f", {"x": 1})
    a, b = fast.claim("f")
    assert {
        key: a[key] for key in ("flow_slug", "run_id", "step_slug", "task_index", "input", "flow_input")
    } == {
        "flow_slug": "f",
        "run_id": run,
        "step_slug": "a",
        "task_index": 0,
        "input": {},
        "flow_input": {"x": 1},
    }
    assert (a["attempts_count"], a["timeout"], b["timeout"]) == (1, 60, 200)
    task = fast.task(run, "a")
    assert (task["status"], task["attempts_count"], task["last_worker_id"]) == ("started", 1, fast.worker)
    assert (task["started_at"], task["message_id"]) == (a["started_at"], a["msg_id"])
    first, second = fast.messages("f")
    assert (first["read_ct"], second["read_ct"]) == (1, 1)
    assert first["last_read_at"] is not None
    assert 60 < first["due"] <= 62
    assert 200 < second["due"] <= 202


def test_oldest_messages_first_and_no_more_than_wanted(fast) -> None:
    fast.flow("f", "a")
    runs = fast.start("f", *range(5))
    assert [task["run_id"] for task in fast.claim("f", 2)] == runs[:2]
    assert [task["run_id"] for task in fast.claim("f", 100)] == runs[2:]
    assert fast.claim("f") == []
    assert fast.claim("f", 0) == []


def test_a_claim_walks_past_few_of_the_tasks_that_are_not_due(fast) -> None:
    fast.flow("f", "a")
    fast.start("f", *range(5000))
    fast.do("update pgmq.q_f set vt = now() + interval '1 day'; analyze pgmq.q_f")
    runs = fast.start("f", *range(4))
    assert [task["run_id"] for task in fast.claim("f", 2)] == runs[:2]
    fast.flush_statistics()
    fetched = "select idx_tup_fetch from pg_stat_user_tables where relname = 'q_f'"
    before = fast.value(fetched)
    assert [task["run_id"] for task in fast.claim("f", 100)] == runs[2:]
    assert fast.claim("f") == []
    fast.flush_statistics()
    assert fast.value(fetched) - before < 2 * 600


def test_each_message_is_written_once(fast) -> None:
    fast.flow("f", "a")
    fast.start("f", *range(10))
    fast.claim("f")
    fast.flush_statistics()
    assert fast.value("select n_tup_upd from pg_stat_user_tables where relname = 'q_f'") == 10


def test_messages_without_a_task_do_not_keep_others_waiting(fast) -> None:
    fast.flow("f", "a")
    *gone, last = fast.start("f", *range(30))
    fast.do("update pgflow.step_tasks set status = 'completed', output = '1' where run_id = any (%s)", gone)
    fast.do("select pgmq.send('f', '{\"not\": \"a task\"}')")
    assert [task["run_id"] for task in fast.claim("f", 2)] == [last]
    assert {(m["read_ct"], round(m["due"] / 5) * 5) for m in fast.messages("f")} == {(1, 5), (1, 60)}


def test_tasks_of_runs_that_are_over_are_not_claimed(fast) -> None:
    fast.flow("f", "a")
    run, other = fast.start("f", 1, 2)
    fast.do("update pgflow.runs set status = 'failed', failed_at = now() where run_id = %s", run)
    assert [task["run_id"] for task in fast.claim("f")] == [other]


def test_inputs_of_dependent_steps(fast, ok) -> None:
    fast.flow("f", "a", "b", "z < a b", "m[] < a", "n[] < m")
    fast.start("f", {})
    fast.finish("f", *(ok(task, [False, None, ""]) for task in fast.claim("f")))
    z, *elements = fast.claim("f")
    assert (z["input"], z["flow_input"]) == ({"a": [False, None, ""], "b": [False, None, ""]}, None)
    assert [(task["task_index"], task["input"]) for task in elements] == [(0, False), (1, None), (2, "")]
    fast.finish("f", *(ok(task, {"n": task["task_index"]}) for task in elements))
    assert [task["input"] for task in fast.claim("f")] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_an_output_of_sql_null_is_an_input_of_json_null(fast, ok) -> None:
    fast.flow("f", "a", "z < a")
    fast.start("f", {})
    (task,) = fast.claim("f")
    fast.finish("f", ok(task, fast.NULL))
    assert fast.claim("f")[0]["input"] == {"a": None}
    assert fast.rows("select output is null as null from pgflow.step_states where step_slug = 'a'") == [
        {"null": True}
    ]


def test_the_queue_may_be_spelled_in_another_case(fast) -> None:
    fast.flow("MyFlow", "a")
    fast.start("MyFlow", 1)
    assert [task["flow_slug"] for task in fast.claim("myflow")] == ["MyFlow"]


def test_unknown_queues_and_workers(fast) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable, match='no flow has the queue "nope"'):
        fast.claim("nope")
    fast.flow("f", "a")
    fast.start("f", 1)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="last_worker_id"):
        fast.rows("select * from pgflowc.claim_batch('f', %s, 1)", uuid4())
    (task,) = fast.rows("select * from pgflowc.claim_batch('f', null, 1)")
    assert fast.task(task["run_id"], "a")["last_worker_id"] is None


def test_the_cost_of_a_claim_does_not_depend_on_the_length_of_the_array(fast, ok) -> None:
    """Counted in blocks read, which a busy machine does not change."""

    def blocks(size: int) -> int:
        flow = f"f{size}"
        fast.flow(flow, "a", "m[] < a")
        fast.start(flow, {})
        (task,) = fast.claim(flow)
        fast.finish(flow, ok(task, [{"sku": f"sku-{n}"} for n in range(size)]))
        fast.claim(flow, 10)  # plans are made
        plan = fast.value(
            f"explain (analyze, buffers, format json) select * from pgflowc.claim_batch('{flow}', null, 10)"
        )
        return plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]

    assert blocks(10_000) < 1.5 * blocks(100)


def test_the_largest_timeout_there_is(fast, ok) -> None:
    fast.flow("f", "a", "b < a", timeout=2**31 - 1)
    fast.start("f", 1)
    (task,) = fast.claim("f")
    assert fast.messages("f")[0]["due"] > 2**31 - 10
    _, task = fast.finish("f", ok(task), claim=1)
    assert task["timeout"] == 2**31 - 1
    assert fast.messages("f")[0]["due"] > 2**31 - 10


def test_a_session_that_claims_of_very_many_flows_keeps_few_statements(fast) -> None:
    for number in range(52):
        fast.flow(f"f{number}", "a")
        fast.start(f"f{number}", 1)
        assert len(fast.claim(f"f{number}", 1)) == 1
    assert fast.value("select count(*) from pg_prepared_statements where name like 'pgflowc%'") == 6


def test_claims_prepare_again_what_a_session_has_forgotten(fast) -> None:
    """As after DISCARD, or when the queue's table is another one than before."""
    fast.flow("f", "a")
    fast.start("f", 1, 2, 3)
    assert len(fast.claim("f", 1)) == 1
    fast.do("deallocate all")
    assert len(fast.claim("f", 1)) == 1
    fast.do('deallocate "pgflowc pick q_f"')
    assert len(fast.claim("f", 1)) == 1
    fast.do("select pgmq.drop_queue('f')")
    fast.do("select pgmq.create('f')")
    fast.start("f", 4)
    assert len(fast.claim("f", 1)) == 1
