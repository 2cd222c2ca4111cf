"""The batch functions beside a core of another member of the family: pgflow 0.14.1 on pgmq 1.5.1.

Made from our core: tasks have neither skipped nor cancelled, queues no last_read_at, and nothing is there
that the contract does not name.
"""

from __future__ import annotations

import psycopg
import pytest


@pytest.fixture
def foreign(fast):
    fast.do("alter table pgflow.step_tasks drop constraint valid_status")
    fast.do(
        "alter table pgflow.step_tasks add constraint valid_status"
        " check (status in ('queued', 'started', 'completed', 'failed'))"
    )
    fast.do("drop table pgflow.map_chunks, pgflow.event_listeners")
    for signature in fast.column(
        "select p.oid::regprocedure::text from pg_proc p where p.pronamespace = 'pgflow'::regnamespace"
        " and (p.proname like '\\_%' or p.proname ~ 'task|complete|resolve|start_|events')"
    ):
        fast.do(f"drop function {signature} cascade")
    fast.flow("f", "a", "m[] < a", "z < m", "side < a")
    fast.flow("skipping")
    fast.step("skipping", "m", step_type="map", when_exhausted="skip-cascade")
    fast.step("skipping", "z", ["m"])
    for flow in ("f", "skipping"):
        fast.do(f"alter table pgmq.q_{flow} drop column last_read_at")
        fast.do(f"alter table pgmq.a_{flow} drop column last_read_at")
    fast.do(
        """
        create or replace function pgmq.archive(queue_name text, msg_ids bigint[]) returns setof bigint
        language plpgsql as $$
        begin
          return query execute format(
            'with gone as (delete from pgmq.%I where msg_id = any ($1) returning *)
             insert into pgmq.%I (msg_id, vt, read_ct, enqueued_at, message, headers)
             select msg_id, vt, read_ct, enqueued_at, message, headers from gone returning msg_id',
            pgmq.format_table_name(queue_name, 'q'), pgmq.format_table_name(queue_name, 'a')
          ) using msg_ids;
        end;
        $$
        """
    )
    return fast


def test_a_run_from_start_to_end(foreign) -> None:
    runs = foreign.start("f", *range(5))
    assert sorted(foreign.work("f", [1, 2])) == ["a"] * 5 + ["m"] * 10 + ["side"] * 5 + ["z"] * 5
    assert {foreign.run(run)["status"] for run in runs} == {"completed"}
    assert foreign.messages("f") == []


def test_arrays_are_read_where_they_are(foreign, ok) -> None:
    foreign.flow("big", "m[]", "n[] < m")
    foreign.do("alter table pgmq.q_big drop column last_read_at")
    foreign.do("alter table pgmq.a_big drop column last_read_at")
    values = [{"n": n, "padding": "x" * 50} for n in range(1000)]
    foreign.start("big", values, values[:2])
    for _ in range(2):
        tasks = foreign.claim("big", 2000)
        assert [task["input"] for task in tasks] == values + values[:2]
        foreign.finish("big", *(ok(task, task["input"]) for task in tasks))


def test_tasks_of_a_failed_run_stay_as_they_are(foreign, failed) -> None:
    (run,) = foreign.start("f", {})
    (task,) = foreign.claim("f")
    assert foreign.outcomes("f", failed(task)) == ["failed"]
    assert foreign.run(run)["status"] == "failed"
    assert foreign.messages("f") == []


def test_tasks_of_a_skipped_step_stay_as_they_are(foreign, failed) -> None:
    (run,) = foreign.start("skipping", [1, 2, 3])
    one, two = foreign.claim("skipping", 2)
    assert foreign.outcomes("skipping", failed(one), failed(two)) == ["failed", "lost"]
    assert [task["status"] for task in foreign.tasks(run)] == ["failed", "started", "queued"]
    assert foreign.statuses(run) == {"m": "skipped", "z": "skipped"}
    assert foreign.run(run)["status"] == "completed"
    assert foreign.messages("skipping") == []


def test_events_go_to_realtime(foreign, ok) -> None:
    foreign.do("create schema realtime")
    foreign.do("create table realtime.messages (id bigint generated always as identity, event text)")
    foreign.do(
        "create function realtime.send(payload jsonb, event text, topic text, private boolean default true)"
        " returns void language sql as $$ insert into realtime.messages (event) values (event) $$"
    )
    foreign.start("f", {})
    foreign.work("f", [])
    assert foreign.column("select event from realtime.messages order by id") == [
        "run:started",
        "step:a:started",
        "step:a:completed",
        "step:m:completed",
        "step:z:started",
        "step:side:started",
        "step:z:completed",
        "step:side:completed",
        "run:completed",
    ]


def test_nothing_of_ours_is_called_that_is_not_there(foreign) -> None:
    with pytest.raises(psycopg.errors.UndefinedFunction):
        foreign.do("select pgflow.start_ready_steps(gen_random_uuid())")


def test_cancelling_and_retrying(foreign, ok) -> None:
    (run,) = foreign.start("f", {})
    foreign.finish("f", ok(foreign.claim("f")[0], [1, 2, 3]))
    one, two, _ = foreign.claim("f", 3)
    foreign.finish("f", ok(one, "kept"))
    assert foreign.value("select pgflowc.cancel_run(%s, 'enough')", run) is True
    assert [task["status"] for task in foreign.tasks(run, "m")] == ["completed", "started", "started"]
    assert foreign.task(run, "side")["status"] == "queued"
    assert foreign.messages("f") == []
    assert foreign.outcomes("f", ok(two)) == ["lost"]

    assert foreign.value("select pgflowc.retry_run(%s)", run) is True
    assert sorted(foreign.work("f", "new")) == ["m", "m", "side", "z"]
    assert foreign.run(run)["status"] == "completed"
    assert foreign.state(run, "m")["output"].count("kept") == 1


def test_giving_tasks_back(foreign) -> None:
    foreign.start("f", *range(3))
    tasks = foreign.claim("f")
    released = foreign.value(
        "select pgflowc.release_tasks(%s::uuid[], array_fill('a'::text, array[3]), array[0, 0, 0],"
        " array_fill(%s::uuid, array[3]), array[1, 1, 1])",
        [task["run_id"] for task in tasks],
        foreign.worker,
    )
    assert released == 3
    assert [task["attempts_count"] for task in foreign.claim("f")] == [1, 1, 1]
