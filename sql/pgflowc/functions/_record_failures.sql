-- pgflowc._record_failures(p_flow, p_worker_id, p_run_ids, ..., p_watched): record the outcomes of a batch that fail their run, and
-- those that are tried again; name those that skip their step.
--
-- The arguments are those of finish_batch. In each run the first failure that fails it is recorded, and ends all its tasks. Returns
-- the ordinals recorded with their outcomes (failed, retried), the ids of messages to archive, and the ordinals, at most one of each
-- step, of failures under skip and under skip-cascade, which are the caller's to record. The caller holds the locks of the runs.
-- Locks: tasks, step states, messages of tasks tried again.
create or replace function pgflowc._record_failures(
  p_flow pgflowc.flow_traits,
  p_worker_id uuid,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_attempts integer[],
  p_outputs jsonb[],
  p_errors text[],
  p_retry_delays integer[],
  p_permanent boolean[],
  p_watched uuid[],
  out ordinals integer[],
  out outcomes text[],
  out message_ids bigint[],
  out skip_ordinals integer[],
  out cascade_ordinals integer[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_judged record;
  v_fatal integer[];
  v_map_slugs text[];
  v_retry integer[];
begin
  ordinals := '{}';
  outcomes := '{}';
  message_ids := '{}';
  v_judged := pgflowc._judge_outcomes(
    p_flow, p_worker_id, p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_outputs, p_errors, p_permanent
  );
  if v_judged.ordinals is null then
    return;
  end if;

  select
    array_agg(j.n) filter (where j.verdict in ('fail', 'violation') and j.is_first_of_run),
    array_agg(j.map_slug) filter (where j.verdict in ('fail', 'violation') and j.is_first_of_run),
    array_agg(j.n) filter (where j.verdict = 'retry'),
    array_agg(j.n) filter (where j.verdict = 'skip' and j.is_first_of_step),
    array_agg(j.n) filter (where j.verdict = 'skip-cascade' and j.is_first_of_step)
  into v_fatal, v_map_slugs, v_retry, skip_ordinals, cascade_ordinals
  from (
    select
      j.*,
      row_number() over (partition by p_run_ids[j.n], j.verdict in ('fail', 'violation') order by j.n) = 1 as is_first_of_run,
      row_number() over (partition by p_run_ids[j.n], p_step_slugs[j.n], j.verdict order by j.n) = 1 as is_first_of_step
    from unnest(v_judged.ordinals, v_judged.verdicts, v_judged.map_slugs) j (n, verdict, map_slug)
  ) j;

  if v_fatal is not null then
    message_ids := pgflowc._fail_tasks(
      p_run_ids, p_step_slugs, p_task_indexes, p_outputs, p_errors, v_fatal, v_map_slugs, p_watched
    );
    ordinals := v_fatal;
    outcomes := array_fill('failed'::text, array[cardinality(v_fatal)]);
  end if;
  if v_retry is not null then
    v_retry := pgflowc._retry_tasks(p_flow, p_run_ids, p_step_slugs, p_task_indexes, p_errors, p_retry_delays, v_retry);
    ordinals := ordinals || v_retry;
    outcomes := outcomes || array_fill('retried'::text, array[coalesce(cardinality(v_retry), 0)]);
  end if;
end;
$$;
