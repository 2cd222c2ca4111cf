-- pgflowc._settle_waits(p_flow, p_most, p_run_id): see to parked tasks of a flow that are due, the oldest first, at most so many; returns
-- how many. p_run_id: only those of that run.
--
-- A deadline that has passed queues the task again, and its handler learns it; an approval fails for good, which its step's when_exhausted
-- may turn into a skip. An approval whose signal came before it did is completed. Runs that somebody has locked are left to the next call;
-- one whose end raises is put off for a minute with a warning, so that it stops no claim.
-- Locks: the runs, passing over locked ones, so it waits for no other run; then tasks and as finish_batch.
create or replace function pgflowc._settle_waits(p_flow pgflowc.flow_traits, p_most integer default 100, p_run_id uuid default null)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_wait pgflowc.task_signals;
  v_task pgflow.step_tasks;
  v_settled integer := 0;
begin
  for v_wait in
    select w.*
    from pgflowc.task_signals w
    where w.flow_slug = p_flow.flow_slug and w.due_at <= clock_timestamp() and (p_run_id is null or w.run_id = p_run_id)
    order by w.due_at
    limit p_most
  loop
    perform from pgflow.runs r where r.run_id = v_wait.run_id for no key update skip locked;
    continue when not found;
    -- As it is now: whoever had the lock may have seen to it.
    select w.* into v_wait
    from pgflowc.task_signals w
    where
      w.run_id = v_wait.run_id and w.step_slug = v_wait.step_slug and w.task_index = v_wait.task_index
      and w.due_at <= clock_timestamp();
    continue when not found;

    select t.* into v_task
    from pgflow.step_tasks t
    where t.run_id = v_wait.run_id and t.step_slug = v_wait.step_slug and t.task_index = v_wait.task_index
    for no key update;
    if v_task.status is distinct from 'waiting' then
      perform pgflowc._forget_signals(array[v_wait.run_id]);
      update pgflowc.task_signals w
      set due_at = null
      where w.run_id = v_wait.run_id and w.step_slug = v_wait.step_slug and w.task_index = v_wait.task_index;
      continue;
    end if;

    begin
      update pgflowc.task_signals w
      set due_at = null
      where w.run_id = v_wait.run_id and w.step_slug = v_wait.step_slug and w.task_index = v_wait.task_index;
      if (v_task.step_slug = any (p_flow.approvals)) is not true then
        perform pgflowc._resume_task(v_task);
      elsif v_wait.sent_at is not null then
        perform pgflowc._end_approval(v_task, v_wait.payload, null);
      else
        perform pgflowc._end_approval(
          v_task, null, format('no signal within %s s', extract(epoch from v_wait.deadline - v_wait.waiting_since)::bigint)
        );
      end if;
      v_settled := v_settled + 1;
    exception when others then
      raise warning 'the wait of task % of step "%" of run % cannot be ended: %', v_wait.task_index, v_wait.step_slug, v_wait.run_id, sqlerrm;
      update pgflowc.task_signals w
      set due_at = clock_timestamp() + interval '1 minute'
      where w.run_id = v_wait.run_id and w.step_slug = v_wait.step_slug and w.task_index = v_wait.task_index;
    end;
  end loop;
  return v_settled;
end;
$$;
