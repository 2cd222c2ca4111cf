"""requeue_stalled_tasks, recover_stalled_tasks, prune_data_older_than (both forms), the cron helpers."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest


def age(core, seconds: int) -> None:
    """Make every started task so many seconds older."""
    core.do(
        "update pgflow.step_tasks set queued_at = queued_at - make_interval(secs => %s),"
        " started_at = started_at - make_interval(secs => %s) where status = 'started'",
        seconds,
        seconds,
    )


def sweep(core) -> int:
    return core.value("select pgflow.requeue_stalled_tasks()")


def test_a_stalled_task_is_queued_again_at_once(core) -> None:
    core.flow("f", "a", timeout=20)
    worker = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'w')", worker)
    run_id = core.start("f")
    (task,) = core.claim("f", worker_id=worker)
    age(core, 51)
    assert sweep(core) == 1
    row = core.task(run_id, "a")
    assert (row["status"], row["attempts_count"], row["requeued_count"]) == ("queued", 1, 1)
    assert (row["started_at"], row["last_worker_id"]) == (None, None)
    assert row["last_requeued_at"] is not None
    assert core.visible_in("f", task["msg_id"]) <= 0
    (again,) = core.claim("f")
    assert core.task(run_id, "a")["attempts_count"] == 2
    core.complete(again)
    assert core.run(run_id)["status"] == "completed"


def test_a_task_within_its_timeout_and_thirty_seconds_is_left(core) -> None:
    core.flow("f", "a", timeout=20)
    core.start("f")
    core.claim("f")
    age(core, 49)
    assert sweep(core) == 0


def test_the_steps_own_timeout_counts(core) -> None:
    core.create_flow("f", timeout=20)
    core.add_step("f", "long", timeout=600)
    core.add_step("f", "short", timeout=5)
    core.start("f")
    core.claim("f")
    age(core, 40)
    assert sweep(core) == 1
    age(core, 500)
    assert sweep(core) == 0
    age(core, 100)
    assert sweep(core) == 1


START_BY_HAND = "update pgflow.step_tasks set status = 'started', started_at = now()"
STRANGE = {
    "started by hand, its message never read": START_BY_HAND,
    "claimed without a read, its message visible again": """
        select pgflow.start_tasks('f', array_agg(message_id), null) from pgflow.step_tasks;
        update pgmq.q_f set vt = now() - interval '1 minute', read_ct = 0""",
    "its message archived by hand": START_BY_HAND
    + "; select pgmq.archive('f', message_id) from pgflow.step_tasks",
    "without a message": START_BY_HAND + ", message_id = null",
    "without a queue": START_BY_HAND + "; select pgmq.drop_queue('f')",
}


@pytest.mark.parametrize("how", STRANGE)
def test_a_task_that_became_started_in_another_way_is_swept_too(core, how) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    for _ in range(3):
        core.do(STRANGE[how])
        age(core, 100)
        assert sweep(core) == 1
        assert core.task(run_id, "a")["status"] == "queued"
    core.do(STRANGE[how])
    age(core, 100)
    assert sweep(core) == 0
    assert core.task(run_id, "a")["permanently_stalled_at"] is not None


def test_among_very_many_tasks_a_stalled_one_is_found_through_the_queue(core) -> None:
    """Beyond the size up to which step_tasks is simply read."""
    core.flow("f", "m[]", timeout=1)
    core.start("f", [0] * 100_000)
    assert core.value("select pg_relation_size('pgflow.step_tasks')") > 16 * 1024 * 1024
    core.do("select pgmq.send('f', '{}')")
    core.claim("f", 3)
    core.do(
        "update pgflow.step_tasks set status = 'started', started_at = now()"
        " where task_index in (10, 60000, 60001)"
    )
    age(core, 100)
    assert sweep(core) == 4  # those claimed, and one that is among the oldest

    def started() -> list[int]:
        return core.column("select task_index from pgflow.step_tasks where status = 'started' order by 1")

    assert started() == [60000, 60001]
    # A worker comes across the message of one of the others, cannot claim its task, and so brings it up.
    core.do(
        "update pgmq.q_f set read_ct = 1 where msg_id = (select message_id from pgflow.step_tasks"
        " where task_index = 60001)"
    )
    assert sweep(core) == 1
    assert started() == [60000]


def test_the_fourth_stall_is_final_and_archives_although_nothing_is_requeued(core) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    for _ in range(3):
        core.make_visible("f")
        assert len(core.claim("f")) == 1
        age(core, 100)
        assert sweep(core) == 1
    (task,) = core.claim("f")
    age(core, 100)
    assert sweep(core) == 0
    row = core.task(run_id, "a")
    assert (row["status"], row["requeued_count"]) == ("started", 3)
    assert row["permanently_stalled_at"] is not None
    assert core.archived_messages("f") == [task["msg_id"]]
    assert sweep(core) == 0


@pytest.mark.parametrize("over", ["run", "step"])
def test_what_is_over_is_left_alone(core, over) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    core.claim("f")
    age(core, 100)
    if over == "run":
        core.do("update pgflow.runs set status = 'failed', failed_at = now()")
    else:
        core.do("update pgflow.step_states set status = 'skipped', skip_reason = 'x', remaining_tasks = null")
    before = core.task(run_id, "a")
    assert sweep(core) == 0
    assert core.task(run_id, "a") == before


def test_a_sweep_passes_over_a_task_being_completed(core, another) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    (task,) = core.claim("f")
    age(core, 100)
    other = another()
    with other.connection.transaction():
        other.complete(task)
        assert sweep(core) == 0
    assert core.run(run_id)["status"] == "completed"


def test_a_sweep_without_queue_tables(core) -> None:
    core.flow("f", "a")
    core.do("select pgmq.drop_queue('f')")
    assert sweep(core) == 0


def test_recover_stalled_tasks_has_its_own_threshold(core) -> None:
    core.flow("f", "a", timeout=10)
    core.flow("g", "a", timeout=10)
    for slug in "fg":
        core.start(slug)
        core.claim(slug)
    age(core, 13)
    recover = "select * from pgflow.recover_stalled_tasks(p_stale_threshold => %s)"
    assert core.rows(recover, 5.5) == [{"recovered_count": 0, "vt_batches": 0}]
    assert core.rows(recover, 2.5) == [{"recovered_count": 2, "vt_batches": 2}]


# Pruning


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


# Cron helpers, with just enough of pg_cron

CRON = """
create schema cron;
create table cron.job (jobid bigint generated always as identity, jobname text, schedule text, command text);
create table cron.job_run_details (jobid bigint, end_time timestamptz);
create function cron.schedule(name text, schedule text, command text) returns bigint language sql as
  'insert into cron.job (jobname, schedule, command) values (name, schedule, command) returning jobid';
create function cron.unschedule(id bigint) returns boolean language sql as
  'delete from cron.job where jobid = id returning true';
"""


def test_cron_jobs_are_replaced(core) -> None:
    core.do(CRON)
    assert "15 seconds" in core.value("select pgflow.setup_requeue_stalled_tasks_cron()")
    assert "30 seconds" in core.value(
        "select pgflow.setup_requeue_stalled_tasks_cron(cron_interval => '30 seconds')"
    )
    core.do("select pgflow.setup_ensure_workers_cron()")
    jobs = core.rows("select jobname, schedule from cron.job order by 1")
    assert [(job["jobname"], job["schedule"]) for job in jobs] == [
        ("pgflow_cleanup_logs", "0 * * * *"),
        ("pgflow_ensure_workers", "1 second"),
        ("pgflow_requeue_stalled_tasks", "30 seconds"),
    ]
    for command in core.column("select command from cron.job"):
        core.do(command)


def test_cron_notes_are_cleared(core) -> None:
    assert core.value("select cron_deleted from pgflow.cleanup_ensure_workers_logs()") == 0
    core.do(CRON)
    core.do("select pgflow.setup_ensure_workers_cron()")
    core.do(
        "insert into cron.job_run_details select jobid, now() - interval '5 hours' from cron.job"
        " union all select jobid, now() from cron.job"
    )
    assert (
        core.value("select cron_deleted from pgflow.cleanup_ensure_workers_logs(retention_hours => 4)") == 1
    )


def test_without_pg_cron_the_helpers_say_so(core) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="pg_cron is not installed"):
        core.do("select pgflow.setup_requeue_stalled_tasks_cron()")


# The starter, with just enough of pg_net

NET = """
create schema net;
create table net.requests (id bigint generated always as identity, url text, headers jsonb);
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{}', timeout_milliseconds int default 5000) returns bigint language sql as
  'insert into net.requests (url, headers) values (url, headers) returning id';
create schema vault;
create table vault.decrypted_secrets (name text, decrypted_secret text);
insert into vault.decrypted_secrets
  values ('supabase_project_id', 'abc'), ('supabase_service_role_key', 'key');
"""


def test_functions_without_a_worker_are_pinged(core) -> None:
    core.do(NET)
    for name in ("idle", "busy", "off"):
        core.do("select pgflow.track_worker_function(%s)", name)
    core.do("select pgflow.track_worker_function('own', 'process')")
    core.do("update pgflow.worker_functions set enabled = false where function_name = 'off'")
    core.do("select pgflow.register_worker(%s, 'f', 'busy')", uuid4())
    stopped = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'idle')", stopped)
    core.do("select pgflow.mark_worker_stopped(%s)", stopped)
    (pinged,) = core.rows("select * from pgflow.ensure_workers()")
    assert (pinged["function_name"], pinged["invoked"]) == ("idle", True)
    request = core.row("select * from net.requests")
    assert request["url"] == "https://abc.supabase.co/functions/v1/idle"
    assert request["headers"]["Authorization"] == "Bearer key"
    assert core.rows("select * from pgflow.ensure_workers()") == []


def test_a_local_stack_pings_the_local_gateway(core) -> None:
    core.do(NET)
    core.do("set app.settings.jwt_secret = 'super-secret-jwt-token-with-at-least-32-characters-long'")
    core.do("select pgflow.track_worker_function('w')")
    assert len(core.rows("select * from pgflow.ensure_workers()")) == 1
    assert core.value("select url from net.requests") == "http://kong:8000/functions/v1/w"


def test_without_pg_net_the_starter_says_so(core) -> None:
    assert core.rows("select * from pgflow.ensure_workers()") == []
    core.do("select pgflow.track_worker_function('w')")
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="pg_net is not installed"):
        core.do("select pgflow.ensure_workers()")
