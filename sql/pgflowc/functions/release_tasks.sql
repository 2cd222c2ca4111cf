-- pgflowc.release_tasks(p_run_ids, p_step_slugs, p_task_indexes, p_worker_ids, p_attempts): give claimed tasks back without spending an
-- attempt.
--
-- The arrays are parallel. A task that is still the caller's (started by that worker, NULL if it was claimed without one, in that
-- attempt, its step and run started) is queued again as it was before the claim, visible at once, and workers that wait on its queue
-- are woken. Others are left alone. Returns the number released.
-- Locks: the runs by run_id, tasks, messages.
create or replace function pgflowc.release_tasks(
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_worker_ids uuid[],
  p_attempts integer[]
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see finish_batch.
set plan_cache_mode = force_generic_plan
set join_collapse_limit = 1
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
declare
  v_queue record;
  v_released integer := 0;
begin
  -- A task changes hands under its own lock, but whoever ends a run locks all its tasks, in no order: only the run's lock keeps two
  -- such calls from holding one task each and waiting for the other's.
  perform from pgflow.runs r where r.run_id = any (p_run_ids) order by r.run_id for no key update;

  for v_queue in
    with released as (
      update pgflow.step_tasks t
      set status = 'queued', started_at = null, last_worker_id = null, attempts_count = t.attempts_count - 1
      from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_worker_ids, p_attempts)
        u (run_id, step_slug, task_index, worker_id, attempt)
      join pgflow.runs r on r.run_id = u.run_id and r.status = 'started'
      join pgflow.step_states s on s.run_id = u.run_id and s.step_slug = u.step_slug and s.status = 'started'
      where
        t.run_id = u.run_id
        and t.step_slug = u.step_slug
        and t.task_index = u.task_index
        and t.status = 'started'
        and t.attempts_count = u.attempt
        and t.last_worker_id is not distinct from u.worker_id
        and t.permanently_stalled_at is null -- has no message any more
      returning t.flow_slug, t.message_id
    )
    select x.flow_slug, count(*)::integer as tasks, array_agg(x.message_id order by x.message_id) as message_ids
    from released x
    group by x.flow_slug
    order by x.flow_slug
  loop
    v_released := v_released + v_queue.tasks;
    execute format(
      'update pgmq.%I m set vt = clock_timestamp() where m.msg_id = any ($1)',
      pgmq.format_table_name(v_queue.flow_slug, 'q')
    )
    using v_queue.message_ids;
    -- After the write, whose lock on the table is what a worker about to sleep looks for (announce_wait).
    perform pgflowc._wake_queue(v_queue.flow_slug);
  end loop;
  return v_released;
end;
$$;
