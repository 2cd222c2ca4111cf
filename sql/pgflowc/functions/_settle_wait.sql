-- pgflowc._settle_wait(p_wait, p_task, p_is_approval): end the wait of a parked task: its signal has come, or its deadline has passed.
--
-- A handler's task is queued again, and learns which; an approval is completed with what was sent to it, else it fails for good, which its
-- step's when_exhausted may turn into a skip. The caller holds the locks of run and task.
-- Locks: the row of task_signals; for an approval then as finish_batch.
create or replace function pgflowc._settle_wait(p_wait pgflowc.task_signals, p_task pgflow.step_tasks, p_is_approval boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgflowc.task_signals w
  set due_at = null
  where w.run_id = p_task.run_id and w.step_slug = p_task.step_slug and w.task_index = p_task.task_index;
  if p_is_approval is not true then
    perform pgflowc._resume_task(p_task);
  elsif p_wait.sent_at is not null then
    perform pgflowc._end_approval(p_task, p_wait.payload, null);
  else
    perform pgflowc._end_approval(
      p_task, null, format('no signal within %s s', extract(epoch from p_wait.deadline - p_wait.waiting_since)::bigint)
    );
  end if;
end;
$$;
