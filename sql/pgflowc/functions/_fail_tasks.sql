-- pgflowc._fail_tasks(p_run_ids, ..., p_ordinals, p_map_slugs, p_watched): fail those tasks of a batch, with their steps and runs.
--
-- The arguments are those of finish_batch; p_ordinals names the tasks in them, at most one of each run. p_map_slugs, parallel to it,
-- is the map that the task feeds and gave no array: a type violation, for which the error texts are made here and the output is
-- kept with the task. Returns the ids of messages to archive. The caller holds the locks of runs and tasks.
-- Locks: step states, then the other tasks of the runs.
create or replace function pgflowc._fail_tasks(
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_outputs jsonb[],
  p_errors text[],
  p_ordinals integer[],
  p_map_slugs text[],
  p_watched uuid[]
)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids constant uuid[] := array(select p_run_ids[o.n] from unnest(p_ordinals) with ordinality o (n, i) order by o.i);
  v_step_slugs constant text[] := array(
    select p_step_slugs[o.n] from unnest(p_ordinals) with ordinality o (n, i) order by o.i
  );
  v_task_errors text[];
  v_step_errors text[];
  v_own_ids bigint[];
  v_ids bigint[];
begin
  select
    array_agg(case
      when o.map_slug is null then p_errors[o.n]
      else format('[TYPE_VIOLATION] Produced %s instead of array', x.type)
    end order by o.i),
    array_agg(case
      when o.map_slug is null then p_errors[o.n]
      else format(
        '[TYPE_VIOLATION] Map step %s expects array input but dependency %s produced %s', o.map_slug, p_step_slugs[o.n], x.type
      )
    end order by o.i)
  into v_task_errors, v_step_errors
  from unnest(p_ordinals, p_map_slugs) with ordinality o (n, map_slug, i)
  cross join lateral (select coalesce(jsonb_typeof(p_outputs[o.n]), 'null') as type) x;

  with failed as (
    update pgflow.step_tasks t
    set
      status = 'failed',
      failed_at = greatest(now(), t.started_at, t.queued_at),
      output = case when u.map_slug is not null then p_outputs[u.n] end,
      error_message = u.error
    from unnest(p_ordinals, v_run_ids, v_step_slugs, v_task_errors, p_map_slugs) u (n, run_id, step_slug, error, map_slug)
    where t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = p_task_indexes[u.n]
    returning t.message_id
  )
  select array_agg(f.message_id) into v_own_ids from failed f;

  update pgflow.step_states s
  set status = 'failed', failed_at = greatest(now(), s.started_at), error_message = u.error
  from unnest(v_run_ids, v_step_slugs, v_step_errors) u (run_id, step_slug, error)
  where s.run_id = u.run_id and s.step_slug = u.step_slug;

  if p_watched is not null then -- after a type violation the run's event comes first, and has no message
    perform pgflowc._send_step_events(p_watched, array_agg(u.run_id), array_agg(u.step_slug), 'failed')
    from unnest(v_run_ids, v_step_slugs, p_map_slugs) u (run_id, step_slug, map_slug)
    where u.map_slug is null;
  end if;
  v_ids := pgflowc._fail_runs(
    v_run_ids,
    array(select p_errors[o.n] from unnest(p_ordinals) with ordinality o (n, i) order by o.i),
    p_watched
  );
  if p_watched is not null then
    perform pgflowc._send_step_events(p_watched, array_agg(u.run_id), array_agg(u.step_slug), 'failed')
    from unnest(v_run_ids, v_step_slugs, p_map_slugs) u (run_id, step_slug, map_slug)
    where u.map_slug is not null;
  end if;
  return v_own_ids || v_ids;
end;
$$;
