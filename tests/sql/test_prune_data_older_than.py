"""pgflow.prune_data_older_than, both forms (contract, sections 11 and 17.4)."""

from __future__ import annotations

from uuid import uuid4

import pytest


def counts(core) -> dict[str, int]:
    tables = ("workers", "runs", "step_states", "step_tasks")
    return {table: core.value(f"select count(*) from pgflow.{table}") for table in tables}


def three_runs(core, slug: str) -> list:
    """A completed, a failed and a running run, all two days old."""
    core.flow(slug, "a", "b < a", max_attempts=1)
    completed = core.start(slug)
    core.work(slug)
    failed = core.start(slug)
    core.fail(core.claim(slug)[0])
    running = core.start(slug)
    core.do(
        "update pgflow.runs set started_at = started_at - interval '2 days',"
        " completed_at = completed_at - interval '2 days', failed_at = failed_at - interval '2 days'"
        " where flow_slug = %s",
        slug,
    )
    core.do(f"update pgmq.a_{slug} set archived_at = archived_at - interval '2 days'")
    return [completed, failed, running]


def test_prune_deletes_what_is_over(core) -> None:
    _, _, running = three_runs(core, "f")
    core.do(
        "insert into pgflow.workers (worker_id, queue_name, function_name, last_heartbeat_at)"
        " values (%s, 'f', 'w', now() - interval '2 days'), (%s, 'f', 'w', now())",
        uuid4(),
        uuid4(),
    )
    core.do("select pgflow.prune_data_older_than(retention_interval => '1 day')")
    assert core.column("select run_id from pgflow.runs") == [running]
    assert counts(core) == {"workers": 1, "runs": 1, "step_states": 2, "step_tasks": 1}
    assert core.archived_messages("f") == []
    assert len(core.queued_messages("f")) == 1
    assert core.value("select count(*) from pgflow.steps") == 2


def test_prune_keeps_what_is_not_old_enough(core) -> None:
    three_runs(core, "f")
    before = counts(core)
    core.do("select pgflow.prune_data_older_than('3 days')")
    assert counts(core) == before
    assert len(core.archived_messages("f")) == 3


def test_the_cutoff_itself_stays(core) -> None:
    three_runs(core, "f")
    with core.connection.transaction():
        core.do("update pgflow.runs set completed_at = now() - interval '1 day' where status = 'completed'")
        core.do("select pgflow.prune_data_older_than('1 day')")
    assert core.column("select status from pgflow.runs order by 1") == ["completed", "started"]


def test_prune_clears_messages_and_tasks_left_over(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.do("update pgflow.runs set started_at = '2000-01-01', failed_at = '2000-01-02', status = 'failed'")
    core.do("update pgflow.step_tasks set message_id = null where run_id = %s", run_id)
    other = core.start("f")
    core.do(
        "update pgflow.runs set started_at = '2000-01-01', failed_at = '2000-01-02', status = 'failed'"
        " where run_id = %s",
        other,
    )
    core.do("select pgmq.drop_queue('f')")
    core.do("select pgflow.prune_data_older_than('1 day')")
    assert counts(core)["runs"] == 0


def test_prune_deletes_messages_of_runs_that_are_over(core) -> None:
    core.flow("f", "a")
    core.start("f")
    core.do("update pgflow.runs set started_at = '2000-01-01', failed_at = '2000-01-02', status = 'failed'")
    core.do("select pgflow.prune_data_older_than('1 day')")
    assert core.queued_messages("f") == core.archived_messages("f") == []


def test_pruning_a_worker_keeps_its_tasks(core) -> None:
    core.flow("f", "a")
    worker = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'w')", worker)
    run_id = core.start("f")
    core.claim("f", worker_id=worker)
    core.do("update pgflow.workers set last_heartbeat_at = '2000-01-01'")
    core.do("select pgflow.prune_data_older_than('1 day')")
    task = core.task(run_id, "a")
    assert (task["status"], task["last_worker_id"]) == ("started", None)


def test_prune_of_some_flows_says_what_went(core) -> None:
    three_runs(core, "f")
    three_runs(core, "g")
    prune = "select * from pgflow.prune_data_older_than(p_retention_interval => '1 day', p_flow_slugs => %s)"
    assert core.rows(prune, ["f"]) == [
        {"deleted_runs": 2, "deleted_step_states": 4, "deleted_step_tasks": 3, "deleted_workers": 0}
    ]
    assert set(core.column("select flow_slug from pgflow.runs where status <> 'started'")) == {"g"}
    assert core.archived_messages("f") == []
    assert len(core.archived_messages("g")) == 3
    assert core.rows(prune, None)[0]["deleted_runs"] == 2


def old_failure(core, slug: str = "f"):
    """A run of days ago whose task `a` failed, and whose worker has been silent for as long."""
    worker = uuid4()
    core.do("select pgflow.register_worker(%s, %s, 'w')", worker, slug)
    run_id = core.start(slug)
    core.fail(core.claim(slug, worker_id=worker)[0])
    core.do(
        "update pgflow.runs set started_at = now() - interval '3 days', failed_at = now() - interval '2 days'"
        " where run_id = %s",
        run_id,
    )
    core.do("update pgflow.workers set last_heartbeat_at = now() - interval '2 days'")
    return run_id


PRUNE = "select pgflow.prune_data_older_than(interval '1 day')"


@pytest.mark.parametrize("call", ["pgflowc.retry_run(%s)", "pgflow.delete_flow_and_data('f'), %s"])
def test_who_works_on_a_run_of_a_worker_that_goes_is_waited_for(call, core, another, in_thread) -> None:
    core.flow("f", "a", max_attempts=1)
    run_id = old_failure(core)
    worker, pruner = another(), another()
    with core.connection.transaction():
        core.do("select from pgflow.step_states for update")
        working = in_thread(lambda: worker.do(f"select {call}", run_id))
        core.wait_until_blocked(worker)
        pruning = in_thread(lambda: pruner.do(PRUNE))
        core.wait_until_blocked(pruner)
    working.join()
    pruning.join()
    assert core.column("select status from pgflow.runs") == (["started"] if "retry" in call else [])
    assert core.rows("select from pgflow.workers") == []


@pytest.mark.parametrize(
    ("call", "held"),
    [
        ("remove_step('f', 'a')", "step_tasks where step_slug = 'a' and run_id = %s"),
        ("rename_step('f', 'a', 'b')", "runs where run_id = %s"),
    ],
)
def test_steps_of_runs_that_go_are_waited_for(call, held, core, another, in_thread) -> None:
    """Whoever locks rows of several runs does so in the order of run_id."""
    core.flow("f", "a", max_attempts=1)
    first, second = sorted(old_failure(core) for _ in range(2))
    core.do("update pgflow.runs set started_at = started_at - interval '1 day' where run_id = %s", second)
    changer, pruner = another(), another()
    with core.connection.transaction():
        core.do(f"select from pgflow.{held} for update", first)
        pruning = in_thread(lambda: pruner.do(PRUNE))
        core.wait_until_blocked(pruner)
        changing = in_thread(lambda: changer.do(f"select pgflowc.{call}"))
        core.wait_until_blocked(changer)
    pruning.join()
    changing.join()
    assert core.rows("select from pgflow.runs") == []


def test_cancelling_a_run_of_a_worker_that_goes(core, another, in_thread) -> None:
    core.flow("f", "a")
    worker = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'w')", worker)
    run_id = core.start("f")
    core.claim("f", worker_id=worker)
    core.do("update pgflow.workers set last_heartbeat_at = now() - interval '2 days'")
    canceller, pruner = another(), another()
    with core.connection.transaction():
        core.do("select from pgflow.step_tasks for update")
        cancelling = in_thread(lambda: canceller.do("select pgflowc.cancel_run(%s, 'late')", run_id))
        core.wait_until_blocked(canceller)
        pruning = in_thread(lambda: pruner.do(PRUNE))
        core.wait_until_blocked(pruner)
    cancelling.join()
    pruning.join()
    task = core.task(run_id, "a")
    assert (task["status"], task["error_message"], task["last_worker_id"]) == (
        "cancelled",
        "cancelled by postgres: late",
        None,
    )


def test_a_flow_deleted_meanwhile_does_not_stop_it(core, another, in_thread) -> None:
    core.flow("f", "a")
    core.flow("g", "a")
    core.start("g")
    core.work("g")
    core.do("update pgmq.a_g set archived_at = now() - interval '2 days'")
    deleter, pruner = another(), another()
    with core.connection.transaction():
        core.do("lock table pgmq.a_f in share mode")
        deleting = in_thread(lambda: deleter.do("select pgflow.delete_flow_and_data('f')"))
        core.wait_until_blocked(deleter)
        pruning = in_thread(lambda: pruner.do(PRUNE))
        core.wait_until_blocked(pruner)
    deleting.join()
    pruning.join()
    assert core.archived_messages("g") == []
