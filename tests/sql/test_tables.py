"""Tables: constraints that hold for direct writes, privileges, and what keeps updates cheap."""

from __future__ import annotations

STATE_CHECKS = {
    "status = 'lost'": "status_is_valid",
    "status = 'created'": "remaining_tasks_state_consistency",
    "status = 'skipped', remaining_tasks = null": "skip_reason_matches_status",
    "skip_reason = 'x'": "skip_reason_matches_status",
    "initial_tasks = null": "initial_tasks_known_when_started",
    "status = 'completed'": "status_and_remaining_tasks_match",
    "output = '1'": "output_only_for_completed_or_null",
    "completed_at = now(), failed_at = now()": "completed_at_or_failed_at_or_skipped_at",
    "started_at = created_at - interval '1 s'": "started_at_is_after_created_at",
    "failed_at = started_at - interval '1 s'": "failed_at_is_after_started_at",
}


def test_step_states(core, raises) -> None:
    core.flow("f", "a")
    core.start("f")
    for change, constraint in STATE_CHECKS.items():
        with raises(f'new row for relation "step_states" violates check constraint "{constraint}"'):
            core.do(f"update pgflow.step_states set {change}")


RUN_CHECKS = {
    "status = 'lost'": "status_is_valid",
    "remaining_steps = -1": "runs_remaining_steps_check",
    "completed_at = now(), failed_at = now()": "completed_at_or_failed_at",
    "completed_at = started_at - interval '1 s'": "completed_at_is_after_started_at",
}


def test_runs(core, raises) -> None:
    core.flow("f", "a")
    core.start("f")
    for change, constraint in RUN_CHECKS.items():
        with raises(f'new row for relation "runs" violates check constraint "{constraint}"'):
            core.do(f"update pgflow.runs set {change}")


TASK_CHECKS = {
    "status = 'lost'": "valid_status",
    "attempts_count = -1": "attempts_count_nonnegative",
    "output = '1'": "output_valid_only_for_completed_or_failed",
    "completed_at = now(), failed_at = now()": "completed_at_or_failed_at",
    "started_at = queued_at - interval '1 s'": "started_at_is_after_queued_at",
}


def test_step_tasks(core, raises) -> None:
    core.flow("f", "a")
    core.start("f")
    for change, constraint in TASK_CHECKS.items():
        with raises(f'new row for relation "step_tasks" violates check constraint "{constraint}"'):
            core.do(f"update pgflow.step_tasks set {change}")


def test_task_statuses(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    for status in ("queued", "started", "completed", "failed", "skipped", "cancelled"):
        core.do("update pgflow.step_tasks set status = %s", status)
        assert core.task(run_id, "a")["status"] == status


def test_column_defaults(core) -> None:
    core.do("insert into pgflow.flows (flow_slug) values ('f')")
    core.do("insert into pgflow.steps (flow_slug, step_slug) values ('f', 'a')")
    core.do("insert into pgflow.runs (flow_slug, input) values ('f', '{}')")
    flow = core.row("select * from pgflow.flows")
    assert (flow["opt_max_attempts"], flow["opt_base_delay"], flow["opt_timeout"]) == (3, 1, 60)
    step = core.row("select * from pgflow.steps")
    assert (step["step_type"], step["step_index"], step["deps_count"]) == ("single", 0, 0)
    run = core.row("select * from pgflow.runs")
    assert (run["status"], run["remaining_steps"]) == ("started", 0)


def test_everything_can_be_deleted_in_dependency_order(core) -> None:
    core.flow("f", "list", "m[] < list")
    core.start("f")
    core.complete(core.claim("f")[0], list(range(500)))
    core.do("select pgflow.track_worker_function('w')")
    for table in ("step_tasks", "step_states", "runs", "deps", "steps", "flows", "worker_functions"):
        core.do(f"delete from pgflow.{table}")
    assert core.value("select count(*) from pgflow.map_chunks") == 0


def test_public_has_nothing(core) -> None:
    for schema in ("pgflow", "pgflowc"):
        assert core.value("select not has_schema_privilege('public', %s, 'usage')", schema)
        assert core.value("select not has_schema_privilege('public', %s, 'create')", schema)


def test_no_function_looks_at_temporary_objects_first(core) -> None:
    """As all do whose search path does not name pg_temp, an empty one included."""
    assert (
        core.column(
            "select oid::regprocedure::text from pg_proc"
            " where pronamespace in ('pgflow'::regnamespace, 'pgflowc'::regnamespace)"
            " and not coalesce('search_path=pg_catalog, pg_temp' = any (proconfig), false)"
        )
        == []
    )


def test_the_record_of_a_claim(core) -> None:
    attributes = core.rows(
        "select attname::text as name, atttypid::regtype::text as type from pg_attribute"
        " where attrelid = 'pgflow.step_task_record'::regclass order by attnum"
    )
    assert [(a["name"], a["type"]) for a in attributes] == [
        ("flow_slug", "text"),
        ("run_id", "uuid"),
        ("step_slug", "text"),
        ("input", "jsonb"),
        ("msg_id", "bigint"),
        ("task_index", "integer"),
        ("flow_input", "jsonb"),
    ]


def test_updates_of_hot_tables_write_no_index(core) -> None:
    core.flow("f", *[f"s{n}" for n in range(5)])
    for _ in range(20):
        core.start("f")
    core.work("f")
    core.flush_statistics()
    stats = core.rows(
        "select relname::text, n_tup_upd, n_tup_hot_upd from pg_stat_user_tables"
        " where schemaname = 'pgflow' and relname in ('runs', 'step_states', 'step_tasks')"
    )
    for table in stats:
        assert table["n_tup_upd"] > 0
        assert table["n_tup_hot_upd"] / table["n_tup_upd"] > 0.6, table
