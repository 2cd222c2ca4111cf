-- pgflowc._skip_failed_steps(p_flow_slug, p_run_ids, ..., p_ordinals, p_cascade, p_watched): fail those tasks of a batch and skip
-- their steps, under p_cascade with everything downstream.
--
-- The arguments are those of finish_batch; p_ordinals names the tasks in them, at most one of each step. Tasks that are no longer
-- started are passed over. Dependents of a plainly skipped step, and runs.remaining_steps, are the caller's. Returns the ordinals of
-- the tasks failed, their steps, the run of each step skipped (a run as often as it lost steps) and the ids of messages to archive.
-- The caller holds the locks of runs and tasks.
-- Locks: step states, then the other tasks of the steps.
create or replace function pgflowc._skip_failed_steps(
  p_flow_slug text,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_errors text[],
  p_ordinals integer[],
  p_cascade boolean,
  p_watched uuid[],
  out ordinals integer[],
  out run_ids uuid[],
  out step_slugs text[],
  out ended_run_ids uuid[],
  out message_ids bigint[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_errors text[];
  v_skipped record;
begin
  with failed as (
    update pgflow.step_tasks t
    set status = 'failed', failed_at = greatest(now(), t.started_at, t.queued_at), error_message = p_errors[u.n]
    from (
      select o.n, p_run_ids[o.n] as run_id, p_step_slugs[o.n] as step_slug, p_task_indexes[o.n] as task_index
      from unnest(p_ordinals) o (n)
    ) u
    join pgflow.runs r on r.run_id = u.run_id and r.status = 'started'
    join pgflow.step_states s on s.run_id = u.run_id and s.step_slug = u.step_slug and s.status = 'started'
    where t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = u.task_index and t.status = 'started'
    returning u.n, t.run_id, t.step_slug, t.error_message, t.message_id
  )
  select
    array_agg(f.n), array_agg(f.run_id), array_agg(f.step_slug), array_agg(f.error_message), array_agg(f.message_id)
  into ordinals, run_ids, step_slugs, v_errors, message_ids
  from failed f;

  if ordinals is not null then
    v_skipped := pgflowc._skip_steps(
      p_flow_slug, run_ids, step_slugs, 'handler_failed', v_errors, p_cascade, p_watched
    );
    ended_run_ids := v_skipped.ended_run_ids;
    message_ids := message_ids || v_skipped.message_ids;
  end if;
end;
$$;
