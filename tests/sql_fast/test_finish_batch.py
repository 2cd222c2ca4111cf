"""finish_batch: outcomes of a batch, and the next claim. test_equivalence compares it with single calls."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest


def test_a_run_from_start_to_end(fast) -> None:
    fast.flow("f", "a", "m[] < a", "z < m")
    runs = fast.start("f", *range(12))
    assert sorted(fast.work("f", [1, 2])) == ["a"] * 12 + ["m"] * 24 + ["z"] * 12
    for run in map(fast.run, runs):
        assert (run["status"], run["output"], run["remaining_steps"]) == ("completed", {"z": [1, 2]}, 0)
    assert fast.messages("f") == []
    assert len(fast.messages("f", "a")) == 48


def test_outputs_survive_as_they_are(fast, ok) -> None:
    fast.flow("f", "a")
    values = [False, 0, "", None, [], {}, fast.NULL]
    fast.start("f", *range(7))
    assert fast.outcomes("f", *map(ok, fast.claim("f"), values)) == ["completed"] * 7
    stored = fast.column("select coalesce(output::text, 'SQL') from pgflow.step_tasks order by message_id")
    assert stored == ["false", "0", '""', "null", "[]", "{}", "SQL"]
    assert fast.column("select output -> 'a' from pgflow.runs where output -> 'a' <> 'null'") != []


def test_another_worker_reports_in_vain_but_nobody_in_particular_may(fast, another, ok) -> None:
    fast.flow("f", "m[]")
    (run,) = fast.start("f", [1, 2])
    one, two = fast.claim("f")
    other = another()
    assert other.outcomes("f", ok(one)) == ["lost"]
    other.worker = None
    assert other.outcomes("f", ok(one)) == ["completed"]
    fast.do("delete from pgflow.workers where worker_id = %s", fast.worker)
    fast.worker = another().worker
    assert fast.outcomes("f", ok(two)) == ["completed"]
    assert fast.run(run)["status"] == "completed"


def test_a_map_gathers_outputs_in_task_order_over_several_batches(fast, ok) -> None:
    fast.flow("f", "m[]")
    (run,) = fast.start("f", list("abcde"))
    tasks = fast.claim("f")
    for batch in (tasks[3:], tasks[:1], tasks[1:3]):
        assert fast.run(run)["status"] == "started"
        fast.finish("f", *(ok(task, task["input"]) for task in batch))
    assert fast.run(run)["output"] == {"m": list("abcde")}
    assert fast.state(run, "m")["remaining_tasks"] == 0


# Claiming in the same call


def test_what_became_ready_is_claimed_first(fast, ok) -> None:
    fast.flow("f", "a", "b < a", timeout=60)
    runs = fast.start("f", *range(6))
    tasks = fast.claim("f", 3)
    rows = fast.finish("f", *map(ok, tasks), claim=5)
    assert [row["outcome"] for row in rows] == ["completed"] * 3 + ["claimed"] * 5
    claimed = rows[3:]
    assert [(row["step_slug"], row["run_id"] in runs[:3]) for row in claimed] == [("b", True)] * 3 + [
        ("a", False)
    ] * 2
    assert [row["input"] for row in claimed] == [{"a": None}] * 3 + [{}] * 2
    assert {row["attempts_count"] for row in claimed} == {1}
    for row in claimed:
        task = fast.task(row["run_id"], row["step_slug"])
        assert (task["status"], task["attempts_count"], task["last_worker_id"]) == ("started", 1, fast.worker)
        assert (task["started_at"], task["message_id"]) == (row["started_at"], row["msg_id"])
    for message in fast.messages("f"):
        taken = message["msg_id"] in {row["msg_id"] for row in claimed}
        assert message["read_ct"] == int(taken)
        assert (message["last_read_at"] is not None) == taken
        assert message["due"] <= 0 if not taken else 60 < message["due"] <= 62


def test_no_more_is_claimed_than_wanted(fast, ok) -> None:
    fast.flow("f", "a", "m[] < a")
    (run,) = fast.start("f", {})
    rows = fast.finish("f", ok(*fast.claim("f"), list(range(10))), claim=4)
    assert [row["input"] for row in rows if row["outcome"] == "claimed"] == [0, 1, 2, 3]
    assert [task["status"] for task in fast.tasks(run, "m")] == ["started"] * 4 + ["queued"] * 6
    assert [task["input"] for task in fast.claim("f")] == [4, 5, 6, 7, 8, 9]


def test_a_start_delay_is_waited_for(fast, ok) -> None:
    fast.flow("f", "a")
    fast.step("f", "b", ["a"], start_delay=100)
    (run,) = fast.start("f", {})
    assert len(fast.finish("f", ok(*fast.claim("f")), claim=10)) == 1
    assert fast.task(run, "b")["status"] == "queued"
    assert 98 < fast.messages("f")[0]["due"] <= 100


def test_an_empty_batch_only_claims(fast) -> None:
    fast.flow("f", "a")
    fast.start("f", 1)
    assert [row["outcome"] for row in fast.finish("f", claim=10)] == ["claimed"]
    assert fast.finish("f", claim=10) == []


def test_a_stalled_continuation_is_found(fast, ok) -> None:
    """A task that was never queued is requeued like any other when its worker goes silent."""
    fast.flow("f", "a", "b < a")
    fast.start("f", {})
    fast.finish("f", ok(*fast.claim("f")), claim=10)
    assert fast.value("select recovered_count from pgflow.recover_stalled_tasks(-61)") == 1
    assert [(task["step_slug"], task["attempts_count"]) for task in fast.claim("f")] == [("b", 2)]


# Failures


def test_retries_wait_for_the_backoff_or_the_given_delay(fast, failed) -> None:
    fast.flow("f", "a", max_attempts=5, base_delay=50)
    fast.start("f", *range(4))
    tasks = fast.claim("f")
    delays = [None, 7, 0, -5]
    assert (
        fast.outcomes("f", *(failed(t, delay=d) for t, d in zip(tasks, delays, strict=True)))
        == ["retried"] * 4
    )
    assert [round(message["due"]) for message in fast.messages("f")] == [100, 7, 0, 0]
    task = fast.task(tasks[0]["run_id"], "a")
    assert (task["status"], task["error_message"], task["attempts_count"]) == ("queued", "boom", 1)
    assert (task["started_at"], task["failed_at"], task["last_worker_id"]) == (None, None, fast.worker)


def test_the_backoff_grows_to_a_year_at_most(fast, failed) -> None:
    fast.flow("f", "a", max_attempts=1000, base_delay=2_000_000_000)
    fast.start("f", 1)
    fast.finish("f", failed(*fast.claim("f")))
    assert round(fast.messages("f")[0]["due"]) == 365 * 24 * 3600


def test_a_permanent_failure_is_not_tried_again(fast, failed) -> None:
    fast.flow("f", "a", max_attempts=5)
    run, _ = fast.start("f", 1, 2)
    first, second = fast.claim("f")
    assert fast.outcomes("f", failed(first, permanent=True), failed(second, permanent=False)) == [
        "failed",
        "retried",
    ]
    assert (fast.run(run)["status"], fast.state(run, "a")["error_message"]) == ("failed", "boom")
    assert fast.task(run, "a")["attempts_count"] == 1


def test_a_failed_run_takes_its_other_tasks_along(fast, ok, failed) -> None:
    fast.flow("f", "a", "b", "c")
    run, other = fast.start("f", 1, 2)
    tasks = fast.claim("f")
    outcomes = [failed(t) if (t["run_id"], t["step_slug"]) == (run, "b") else ok(t) for t in tasks[:5]]
    assert fast.outcomes("f", *outcomes) == ["lost", "failed", "lost", "completed", "completed"]
    assert [task["status"] for task in fast.tasks(run)] == ["cancelled", "failed", "cancelled"]
    assert len(fast.messages("f")) == 1
    assert fast.run(other)["status"] == "started"


def test_the_first_of_two_failures_names_the_step(fast, failed) -> None:
    fast.flow("f", "a", "b")
    (run,) = fast.start("f", 1)
    a, b = fast.claim("f")
    assert fast.outcomes("f", failed(b, "first"), failed(a, "second")) == ["failed", "lost"]
    assert (fast.state(run, "b")["error_message"], fast.statuses(run)) == (
        "first",
        {"a": "started", "b": "failed"},
    )


def test_a_map_needs_an_array(fast, ok) -> None:
    fast.flow("f", "a", "m[] < a", max_attempts=5)
    values = [{}, None, fast.NULL, [1]]
    runs = fast.start("f", *range(4))
    assert fast.outcomes("f", *map(ok, fast.claim("f"), values)) == [
        "failed",
        "failed",
        "failed",
        "completed",
    ]
    assert [fast.task(run, "a")["error_message"] for run in runs] == [
        "[TYPE_VIOLATION] Produced object instead of array",
        "[TYPE_VIOLATION] Produced null instead of array",
        "[TYPE_VIOLATION] Produced null instead of array",
        None,
    ]
    assert fast.state(runs[0], "a")["error_message"] == (
        "[TYPE_VIOLATION] Map step m expects array input but dependency a produced object"
    )
    assert [fast.run(run)["status"] for run in runs] == ["failed"] * 3 + ["started"]


def test_exhausted_steps_are_skipped_as_they_say(fast, ok, failed) -> None:
    fast.flow("f")
    fast.step("f", "a", when_exhausted="skip")
    fast.step("f", "b", when_exhausted="skip-cascade")
    fast.step("f", "m", ["a"], step_type="map")
    fast.step("f", "after_b", ["b"])
    fast.step("f", "z", ["m"])
    (run,) = fast.start("f", {})
    rows = fast.finish("f", *(failed(task) for task in fast.claim("f")), claim=10)
    assert [row["outcome"] for row in rows] == ["failed", "failed", "claimed"]
    assert rows[-1]["input"] == {"m": []}
    assert fast.statuses(run) == {
        "a": "skipped",
        "b": "skipped",
        "m": "completed",
        "after_b": "skipped",
        "z": "started",
    }
    assert fast.state(run, "a")["skip_reason"] == fast.state(run, "b")["skip_reason"] == "handler_failed"
    assert fast.state(run, "after_b")["skip_reason"] == "dependency_skipped"
    fast.finish("f", ok(rows[-1], 1))
    assert (fast.run(run)["status"], fast.run(run)["output"]) == ("completed", {"z": 1})


def test_stacked_diamonds_are_skipped_in_a_moment(fast, failed) -> None:
    fast.flow("f")
    fast.step("f", "top", when_exhausted="skip-cascade")
    above = "top"
    for n in range(30):  # a billion paths
        fast.step("f", f"l{n}", [above])
        fast.step("f", f"r{n}", [above])
        fast.step("f", f"j{n}", [f"l{n}", f"r{n}"])
        above = f"j{n}"
    (run,) = fast.start("f", {})
    fast.finish("f", failed(*fast.claim("f")))
    assert set(fast.statuses(run).values()) == {"skipped"}
    assert fast.run(run)["status"] == "completed"


# Whose task it is


def test_a_task_started_again_meanwhile_is_lost(fast, ok, failed) -> None:
    fast.flow("f", "a", max_attempts=5)
    (run,) = fast.start("f", {})
    (mine,) = fast.claim("f")
    fast.value("select recovered_count from pgflow.recover_stalled_tasks(-61)")
    assert fast.outcomes("f", ok(mine)) == ["lost"]
    (theirs,) = fast.claim("f")
    before = fast.task(run, "a"), fast.messages("f")[0]["vt"]
    assert fast.outcomes("f", ok(mine, "late")) == fast.outcomes("f", failed(mine)) == ["lost"]
    assert (fast.task(run, "a"), fast.messages("f")[0]["vt"]) == before
    assert fast.outcomes("f", ok(theirs, "on time")) == ["completed"]
    assert fast.run(run)["output"] == {"a": "on time"}


def test_without_a_fence_any_attempt_counts(fast, ok) -> None:
    fast.flow("f", "a")
    fast.start("f", {})
    (task,) = fast.claim("f")
    assert fast.outcomes("f", ok({**task, "attempts_count": None})) == ["completed"]


def test_a_task_named_twice_is_recorded_once(fast, ok, failed) -> None:
    fast.flow("f", "m[]", max_attempts=5)
    (run,) = fast.start("f", [1, 2])
    one, two = fast.claim("f")
    assert fast.outcomes("f", ok(one, 1), ok(one, 2), failed(two), failed(two)) == [
        "completed",
        "lost",
        "retried",
        "lost",
    ]
    assert fast.state(run, "m")["remaining_tasks"] == 1


def test_tasks_unknown_or_of_another_flow_are_lost(fast, ok) -> None:
    fast.flow("f", "a")
    fast.flow("g", "a")
    fast.start("g", {})
    (task,) = fast.claim("g")
    fast.start("f", {})
    assert fast.outcomes("f", ok(task), ok({**task, "step_slug": "nope"})) == ["lost", "lost"]
    assert fast.task(task["run_id"], "a")["status"] == "started"
    assert len(fast.messages("f")) == len(fast.messages("g")) == 1


def test_the_message_of_a_late_outcome_is_archived(fast, ok) -> None:
    fast.flow("f", "a", "b")
    (run,) = fast.start("f", {})
    a, b = fast.claim("f")
    fast.do("update pgflow.runs set status = 'failed', failed_at = now() where run_id = %s", run)
    assert fast.outcomes("f", ok(a), ok(b)) == ["lost", "lost"]
    assert fast.messages("f") == []


def test_arrays_must_be_of_equal_length(fast) -> None:
    fast.flow("f", "a")
    with pytest.raises(psycopg.errors.RaiseException, match="equal length"):
        fast.rows(
            "select * from pgflowc.finish_batch('f', null, array[gen_random_uuid()], '{}', '{}', null, '{}')"
        )


# Cost


def test_the_number_of_statements_does_not_depend_on_the_batch(fast, ok, failed) -> None:
    fast.flow("f", "a", "b < a", "m[] < a", max_attempts=2)

    def statements(size: int) -> int:
        """Calls of functions of ours, each of which runs its statements once; loops would show."""
        fast.start("f", *range(size))
        outcomes = [
            failed(task) if n % 5 == 0 else ok(task, [1]) for n, task in enumerate(fast.claim("f", size))
        ]
        with fast.connection.transaction():
            fast.do("set local track_functions = 'all'")
            fast.finish("f", *outcomes, claim=size)
        fast.flush_statistics()
        total = fast.value(
            "select sum(calls)::int from pg_stat_user_functions where funcname <> '_chunk_map_inputs'"
        )
        fast.do("select pg_stat_reset()")
        return total

    assert statements(5) == statements(80)


def test_events_are_sent_for_watched_runs_only(fast, another, ok) -> None:
    fast.flow("f", "a")
    watched, _ = fast.start("f", 1, 2)
    listener = another()
    listener.do("listen pgflow_events")
    listener.do("select pgflow.watch_events(gen_random_uuid(), null, %s)", watched)
    fast.finish("f", *map(ok, fast.claim("f")))
    notes = list(listener.connection.notifies(timeout=10, stop_after=2))
    assert len(notes) == 2
    assert all(str(watched) in note.payload for note in notes)


@pytest.mark.parametrize("runs_at_first", [0, 10, 300])
@pytest.mark.parametrize("vacuumed", [False, True], ids=["", "vacuumed"])
def test_a_session_keeps_plans_that_stay_right(fast, ok, runs_at_first, vacuumed) -> None:
    """Plans are made once, on whatever is there: none may walk the runs, tasks or messages of a flow.

    Counted in blocks read, which a busy machine does not change.
    """
    fast.flow("f", "a", "m[] < a", "z < m")

    def blocks(statement: str) -> int:
        plan = fast.value(f"explain (analyze, buffers, format json) {statement}")[0]["Plan"]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    def round_of_ten() -> list[int]:
        """Blocks read in starting ten runs, and in claiming and finishing ten tasks."""
        start = blocks("select pgflowc.start_flow_batch('f', array_fill('1'::jsonb, array[10]))")
        claim = blocks("select * from pgflowc.claim_batch('f', null, 10)")
        tasks = fast.rows("select * from pgflow.step_tasks where status = 'started' limit 10")
        arrays = ", ".join(
            f"array[{', '.join(repr(str(task[column])) for task in tasks)}]::{kind}[]"
            for column, kind in [("run_id", "uuid"), ("step_slug", "text"), ("task_index", "int")]
        )
        finish = blocks(
            f"select * from pgflowc.finish_batch('f', null, {arrays}, null,"
            " array_fill('[1, 2]'::jsonb, array[10]), p_claim_max => 10)"
        )
        return [start, claim, finish]

    fast.start("f", *range(runs_at_first))
    if vacuumed:
        fast.do("vacuum (analyze)")
    fast.finish("f", ok({"run_id": UUID(int=0), "step_slug": "a", "task_index": 0}), claim=1)
    if runs_at_first:
        round_of_ten()
    fast.start("f", *range(3000))
    # Some 60 to 140 blocks for each task are usual, inserts into indexes included.
    assert all(blocks < 300 * 10 for blocks in round_of_ten())
