-- pgflowc.cancel_run(p_run_id, p_reason): end a run that is not over, as failed. Returns false if it was over already.
--
-- What a failure of the run does, without a step at fault: its queued and started tasks become cancelled, with `cancelled by ROLE`
-- or `cancelled by ROLE: p_reason` as error_message, their messages are archived, event run:failed has that text too; steps stay as they are.
-- (On a core whose tasks cannot be cancelled, pgflow 0.14.1, the tasks stay as they are as well.) A worker that still runs a task
-- of it reports in vain. Raises no_data_found for an unknown run.
-- Signals that were sent to its tasks are forgotten.
-- Locks: the run, its tasks, their messages, rows of task_signals.
create or replace function pgflowc.cancel_run(p_run_id uuid, p_reason text default null)
returns boolean
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
  v_text constant text := 'cancelled by ' || session_user || coalesce(': ' || nullif(p_reason, ''), '');
  v_run pgflow.runs;
  v_message_ids bigint[];
begin
  select r.* into v_run from pgflow.runs r where r.run_id = p_run_id for no key update;
  if not found then
    raise exception 'Run not found: %', p_run_id using errcode = 'no_data_found';
  elsif v_run.status <> 'started' then
    return false;
  end if;

  -- Written once: a second version of a row in one transaction has its foreign keys checked again, and the worker's row, which comes
  -- before the run's in the order of locks, would be locked after it.
  v_message_ids := pgflowc._fail_runs(
    array[p_run_id], array[v_text], pgflowc._watched_runs(v_run.flow_slug, array[p_run_id]), v_text
  );
  if v_message_ids is not null then
    perform pgmq.archive(v_run.flow_slug, v_message_ids);
  end if;
  delete from pgflowc.task_signals w where w.run_id = p_run_id;
  return true;
end;
$$;
