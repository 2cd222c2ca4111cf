"""Names, types, defaults and constraints, as the contract's tables list them (sections 2, 3, 5 to 12, 17).

The texts below are in the contract's order and words, so that the two can be laid side by side.
"""

from __future__ import annotations

import re

import pytest

# Section 3: column, type, nullable, default. Two columns of later versions follow those of 0.14.1.
COLUMNS = {
    "flows": """
        flow_slug text req
        opt_max_attempts integer req 3
        opt_base_delay integer req 1
        opt_timeout integer req 60
        created_at timestamptz req now
        flow_type text req 'flow'
    """,
    "steps": """
        flow_slug text req
        step_slug text req
        step_type text req 'single'
        step_index integer req 0
        deps_count integer req 0
        opt_max_attempts integer
        opt_base_delay integer
        opt_timeout integer
        opt_start_delay integer
        required_input_pattern jsonb
        forbidden_input_pattern jsonb
        when_unmet text req 'skip'
        when_exhausted text req 'fail'
        created_at timestamptz req now
    """,
    "deps": """
        flow_slug text req
        dep_slug text req
        step_slug text req
        created_at timestamptz req now
    """,
    "runs": """
        run_id uuid req gen_random_uuid()
        flow_slug text req
        status text req 'started'
        input jsonb req
        output jsonb
        remaining_steps integer req 0
        started_at timestamptz req now
        completed_at timestamptz
        failed_at timestamptz
    """,
    "step_states": """
        flow_slug text req
        run_id uuid req
        step_slug text req
        status text req 'created'
        remaining_tasks integer
        initial_tasks integer
        remaining_deps integer req 0
        output jsonb
        error_message text
        skip_reason text
        created_at timestamptz req now
        started_at timestamptz
        completed_at timestamptz
        failed_at timestamptz
        skipped_at timestamptz
    """,
    "step_tasks": """
        flow_slug text req
        run_id uuid req
        step_slug text req
        message_id bigint
        task_index integer req 0
        status text req 'queued'
        attempts_count integer req 0
        error_message text
        output jsonb
        queued_at timestamptz req now
        started_at timestamptz
        completed_at timestamptz
        failed_at timestamptz
        last_worker_id uuid
        requeued_count integer req 0
        last_requeued_at timestamptz
        permanently_stalled_at timestamptz
    """,
    "workers": """
        worker_id uuid req
        queue_name text req
        function_name text req
        started_at timestamptz req now
        deprecated_at timestamptz
        stopped_at timestamptz
        last_heartbeat_at timestamptz req now
    """,
    "worker_functions": """
        function_name text req
        enabled boolean req true
        debounce interval req '00:00:06'
        last_invoked_at timestamptz
        created_at timestamptz req now
        updated_at timestamptz req now
        start_mode text req 'http'
    """,
}

# Section 3: keys by name, and where foreign ones lead.
KEYS = """
    flows flows_pkey (flow_slug)
    steps steps_pkey (flow_slug, step_slug)
    steps steps_flow_slug_fkey (flow_slug) -> flows (flow_slug)
    steps steps_flow_slug_step_index_key (flow_slug, step_index)
    deps deps_pkey (flow_slug, dep_slug, step_slug)
    deps deps_flow_slug_fkey (flow_slug) -> flows (flow_slug)
    deps deps_flow_slug_dep_slug_fkey (flow_slug, dep_slug) -> steps (flow_slug, step_slug)
    deps deps_flow_slug_step_slug_fkey (flow_slug, step_slug) -> steps (flow_slug, step_slug)
    runs runs_pkey (run_id)
    runs runs_flow_slug_fkey (flow_slug) -> flows (flow_slug)
    step_states step_states_pkey (run_id, step_slug)
    step_states step_states_flow_slug_fkey (flow_slug) -> flows (flow_slug)
    step_states step_states_flow_slug_step_slug_fkey (flow_slug, step_slug) -> steps (flow_slug, step_slug)
    step_states step_states_run_id_fkey (run_id) -> runs (run_id)
    step_tasks step_tasks_pkey (run_id, step_slug, task_index)
    step_tasks step_tasks_flow_slug_fkey (flow_slug) -> flows (flow_slug)
    step_tasks step_tasks_run_id_fkey (run_id) -> runs (run_id)
    step_tasks step_tasks_run_id_step_slug_fkey (run_id, step_slug) -> step_states (run_id, step_slug)
    step_tasks step_tasks_last_worker_id_fkey (last_worker_id) -> workers (worker_id) on delete set null
    workers workers_pkey (worker_id)
    worker_functions worker_functions_pkey (function_name)
"""

# Sections 3 and 18: checks that error texts name.
CHECKS = """
    flows slug_is_valid opt_max_attempts_is_nonnegative opt_base_delay_is_nonnegative opt_timeout_is_positive
    steps steps_step_slug_check steps_step_type_check opt_start_delay_is_nonnegative
    steps required_input_pattern_is_object forbidden_input_pattern_is_object
    steps when_unmet_is_valid when_exhausted_is_valid
    deps deps_check
    runs status_is_valid
    step_states status_is_valid remaining_tasks_state_consistency initial_tasks_known_when_started
    step_states output_only_for_completed_or_null skip_reason_matches_status
    step_states status_and_remaining_tasks_match completed_at_or_failed_at_or_skipped_at
    step_tasks valid_status
"""

# Sections 5 to 12 and 17: signature, result, and traits that a caller can see (`definer`: security definer).
FUNCTIONS = """
    is_valid_slug(slug text) boolean immutable parallel-safe
    create_flow(flow_slug text, max_attempts integer default null, base_delay integer default null,
      timeout integer default null) pgflow.flows
    add_step(flow_slug text, step_slug text, deps_slugs text[] default '{}',
      max_attempts integer default null, base_delay integer default null, timeout integer default null,
      start_delay integer default null,
      step_type text default 'single', required_input_pattern jsonb default null,
      forbidden_input_pattern jsonb default null, when_unmet text default 'skip',
      when_exhausted text default 'fail') pgflow.steps
    delete_flow_and_data(p_flow_slug text) void
    calculate_retry_delay(base_delay numeric, attempts_count integer) integer immutable parallel-safe

    _get_flow_shape(p_flow_slug text) jsonb stable
    _compare_flow_shapes(p_local jsonb, p_db jsonb) text[] stable
    _create_flow_from_shape(p_flow_slug text, p_shape jsonb) void
    ensure_flow_compiled(flow_slug text, shape jsonb, allow_data_loss boolean default false) jsonb
    is_local() boolean stable parallel-safe

    start_flow(flow_slug text, input jsonb, run_id uuid default null) setof pgflow.runs
    start_flow_with_states(flow_slug text, input jsonb, run_id uuid default null) jsonb definer
    get_run_with_states(run_id uuid) jsonb definer

    start_tasks(flow_slug text, msg_ids bigint[], worker_id uuid) setof pgflow.step_task_record
    start_tasks(flow_slug text, msg_ids bigint[], worker_id uuid, queue_name text)
      setof pgflow.step_task_record
    complete_task(run_id uuid, step_slug text, task_index integer, output jsonb) setof pgflow.step_tasks
    fail_task(run_id uuid, step_slug text, task_index integer, error_message text) setof pgflow.step_tasks
    set_vt_batch(queue_name text, msg_ids bigint[], vt_offsets integer[]) table(msg_id bigint,
      read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb)
    poll_for_tasks(queue_name text, vt integer, qty integer, max_poll_seconds integer default 5,
      poll_interval_ms integer default 100) setof pgflow.step_task_record

    start_ready_steps(run_id uuid) void
    maybe_complete_run(run_id uuid) void
    cascade_complete_taskless_steps(run_id uuid) integer
    cascade_resolve_conditions(run_id uuid) boolean
    _cascade_force_skip_steps(run_id uuid, step_slug text, skip_reason text) integer
    _archive_task_message(p_run_id uuid, p_step_slug text, p_task_index integer) void

    requeue_stalled_tasks() integer definer
    prune_data_older_than(retention_interval interval) void
    setup_requeue_stalled_tasks_cron(cron_interval text default '15 seconds') text definer
    setup_ensure_workers_cron(cron_interval text default '1 second') text definer
    cleanup_ensure_workers_logs(retention_hours integer default 24) table(cron_deleted bigint) definer
    ensure_workers() table(function_name text, invoked boolean, request_id bigint) definer

    track_worker_function(function_name text, start_mode text default 'http') void
    mark_worker_stopped(worker_id uuid) void

    flow_exists(p_flow_slug text) boolean stable
    get_flow_input(p_run_id uuid) jsonb stable
    get_step_output(p_run_id uuid, p_step_slug text) jsonb stable
    register_worker(p_worker_id uuid, p_queue_name text, p_function_name text) void
    recover_stalled_tasks(p_stale_threshold double precision) table(recovered_count bigint, vt_batches bigint)
    prune_data_older_than(p_retention_interval interval, p_flow_slugs text[]) table(deleted_runs bigint,
      deleted_step_states bigint, deleted_step_tasks bigint, deleted_workers bigint)
    delay_run(p_flow_slug text, p_run_id uuid, p_delay_seconds integer) integer
"""


def lines(text: str) -> list[str]:
    """The lines of a table above; one that goes on has its rest indented more."""
    joined = re.sub(r"\n {2,}(?=\S)", " ", "\n" + "\n".join(line[4:] for line in text.splitlines()))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def plain(text: str) -> str:
    """Types and defaults as the contract writes them."""
    text = text.replace("timestamp with time zone", "timestamptz").lower()
    return re.sub(r"::(text\[\]|[a-z_]+( precision)?)", "", text).replace("now()", "now")


@pytest.mark.parametrize("table", COLUMNS)
def test_columns(core, table) -> None:
    found = core.rows(
        "select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,"
        " pg_get_expr(d.adbin, d.adrelid) as preset"
        " from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
        " where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum",
        f"pgflow.{table}",
    )
    assert [
        plain(
            " ".join(
                [c["name"], c["type"], *(["req"] if c["required"] else []), *filter(None, [c["preset"]])]
            )
        )
        for c in found
    ] == [line.strip() for line in COLUMNS[table].strip().splitlines()]


def test_there_are_no_other_tables_of_the_contract(core) -> None:
    found = set(core.column("select tablename::text from pg_tables where schemaname = 'pgflow'"))
    assert found - set(COLUMNS) == {"map_chunks", "event_listeners"}  # how ours works inside


def test_keys(core) -> None:
    found = core.rows(
        "select c.conrelid::regclass::text as table, c.conname::text as name,"
        " pg_get_constraintdef(c.oid) as definition"
        " from pg_constraint c where c.connamespace = 'pgflow'::regnamespace and c.contype in ('p', 'u', 'f')"
        " and c.conrelid = any (%s::regclass[])",
        [f"pgflow.{table}" for table in COLUMNS],
    )
    shown = {
        f"{c['table']} {c['name']} {c['definition']}".replace("pgflow.", "")
        .replace("PRIMARY KEY ", "")
        .replace("FOREIGN KEY ", "")
        .replace("UNIQUE ", "")
        .replace("REFERENCES ", "-> ")
        .replace("ON DELETE SET NULL", "on delete set null")
        .replace(")(", ") (")
        for c in found
    }
    assert {re.sub(r"(-> \w+)\(", r"\1 (", line) for line in shown} == set(lines(KEYS))


def test_checks(core) -> None:
    found = {
        (row["table"].removeprefix("pgflow."), row["name"])
        for row in core.rows(
            "select conrelid::regclass::text as table, conname::text as name from pg_constraint"
            " where connamespace = 'pgflow'::regnamespace and contype = 'c'"
        )
    }
    wanted = {(line.split()[0], name) for line in lines(CHECKS) for name in line.split()[1:]}
    assert wanted - found == set()


def test_functions(core) -> None:
    found = core.rows(
        "select p.proname::text as name, pg_get_function_arguments(p.oid) as arguments,"
        " pg_get_function_result(p.oid) as result, p.provolatile, p.proparallel, p.prosecdef"
        " from pg_proc p where p.pronamespace = 'pgflow'::regnamespace"
    )
    traits = {"i": " immutable", "s": " stable", "v": ""}
    shown = {
        plain(f"{f['name']}({f['arguments']}) {f['result']}")
        + traits[f["provolatile"]]
        + " parallel-safe" * (f["proparallel"] == "s")
        + " definer" * f["prosecdef"]
        for f in found
    }
    assert [line for line in lines(FUNCTIONS) if line not in shown] == []


def test_public_functions_are_those_and_no_more(core) -> None:
    """Ours are in schema pgflowc, or begin with an underscore; but for events by NOTIFY."""
    names = set(core.column("select proname::text from pg_proc where pronamespace = 'pgflow'::regnamespace"))
    wanted = {line.split("(")[0] for line in lines(FUNCTIONS)}
    assert {name for name in names - wanted if not name.startswith("_")} == {"watch_events", "unwatch_events"}


def test_only_these_run_as_the_owner(core) -> None:
    """Section 14; and what looks into schema pgflowc, on which whoever starts runs may have no rights."""
    definers = core.column(
        "select proname::text from pg_proc where pronamespace = 'pgflow'::regnamespace and prosecdef"
    )
    contract = {line.split("(")[0] for line in lines(FUNCTIONS) if line.endswith(" definer")}
    assert set(definers) - contract == {"_approvals", "_begin_approvals", "_forget_signals"}
    assert contract <= set(definers)


def test_paths_that_the_queries_need(core) -> None:
    """Section 3.9: an access path has an index that begins with its columns, or goes another way."""
    indexes = core.column("select indexdef from pg_indexes where schemaname = 'pgflow'")

    def has(table: str, *columns: str) -> bool:
        return any(
            f"ON pgflow.{table} USING" in index and f"({', '.join(columns)}" in index for index in indexes
        )

    assert has("step_tasks", "message_id")  # claim
    assert has("step_states", "run_id")  # ready steps
    assert has("step_tasks", "run_id", "step_slug", "task_index")  # active tasks; outputs in task order
    assert has("deps", "flow_slug", "dep_slug")
    assert has("deps", "flow_slug", "step_slug")
    assert has("runs", "flow_slug")
    # The stall scan goes through the queue, whose live messages are few; a flow's tasks through its runs.
