-- pgflow.fail_task(run_id, step_slug, task_index, error_message): report a task's failure; returns the task's row as it then is.
--
-- No row for an unknown task. A late callback (the run failed, or the step is no longer started) changes no row and archives the
-- message if it is still there; a task that is not started is left alone, message included. With attempts left the task is
-- queued again and its message visible after the retry delay; without, when_exhausted of its step decides: fail the run, skip the
-- step, or skip it and everything downstream.
-- Locks: the run, then the step's state, which every callback of this run waits for; the task; when attempts are used up the other
-- active tasks of the run or step, other step states of the run (safe under the run's lock), then messages.
create or replace function pgflow.fail_task(run_id uuid, step_slug text, task_index integer, error_message text)
returns setof pgflow.step_tasks
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see complete_task.
set plan_cache_mode = force_generic_plan
set join_collapse_limit = 1
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_run_id constant uuid := fail_task.run_id;
  v_step_slug constant text := fail_task.step_slug;
  v_task_index constant integer := fail_task.task_index;
  v_flow_slug text;
  v_run_status text;
  v_step_status text;
  v_when_exhausted text;
  v_max_attempts integer;
  v_base_delay integer;
  v_task_status text;
  v_attempts integer;
  v_message_id bigint;
begin
  select
    r.flow_slug, r.status, s.status, d.when_exhausted,
    coalesce(d.opt_max_attempts, f.opt_max_attempts), coalesce(d.opt_base_delay, f.opt_base_delay)
  into v_flow_slug, v_run_status, v_step_status, v_when_exhausted, v_max_attempts, v_base_delay
  from pgflow.runs r
  join pgflow.step_states s on s.run_id = r.run_id and s.step_slug = v_step_slug
  join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
  join pgflow.flows f on f.flow_slug = r.flow_slug
  where r.run_id = v_run_id
  for no key update of r, s;
  if not found then
    return;
  end if;

  if v_run_status = 'failed' or v_step_status <> 'started' then
    perform pgflow._archive_task_message(v_run_id, v_step_slug, v_task_index);
  else
    select t.status, t.attempts_count, t.message_id into v_task_status, v_attempts, v_message_id
    from pgflow.step_tasks t
    where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index
    for no key update;

    if v_task_status = 'started' and v_attempts < v_max_attempts then
      update pgflow.step_tasks t
      set status = 'queued', started_at = null, failed_at = null, error_message = fail_task.error_message
      where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
      perform pgflow.set_vt_batch(
        v_flow_slug, array[v_message_id], array[pgflow.calculate_retry_delay(v_base_delay, v_attempts)]
      );
    elsif v_task_status = 'started' then
      update pgflow.step_tasks t
      set
        status = 'failed',
        failed_at = greatest(now(), t.started_at, t.queued_at),
        error_message = fail_task.error_message
      where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;

      if v_when_exhausted = 'fail' then
        update pgflow.step_states s
        set status = 'failed', failed_at = greatest(now(), s.started_at), error_message = fail_task.error_message
        where s.run_id = v_run_id and s.step_slug = v_step_slug;
        perform pgflow._send_step_failed(v_run_id, v_step_slug);
        perform pgflow._fail_run(v_run_id, jsonb_build_object('error_message', fail_task.error_message));
      else
        perform pgflow._skip_failed_step(v_run_id, v_step_slug, fail_task.error_message);
      end if;
      perform pgflow._archive_task_message(v_run_id, v_step_slug, v_task_index);
    end if;
  end if;

  return query select t.* from pgflow.step_tasks t
    where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
end;
$$;
