"""pgflow.prune_data_older_than, both forms (contract, sections 11 and 17.4)."""

from __future__ import annotations

from uuid import uuid4


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
