-- pgflowc._settle_waits(p_flow, p_most, p_run_ids, p_puts_off): see to parked tasks of a flow that are due, the oldest first, at most so
-- many; returns how many. p_run_ids: only those of these runs.
--
-- What becomes of each is told in _settle_wait. Runs that somebody has locked are left to a later call: under p_puts_off to one in a moment,
-- the longer it lasts the later, at most a second, so that nobody who counts on next_due comes in vain again and again. One whose end
-- raises is put off for a minute with a warning, so that it stops no claim.
-- Locks: the runs, passing over locked ones, so it waits for no other run; then tasks and as finish_batch. Rows of task_signals of locked runs,
-- passing over locked ones: p_puts_off is for callers that wait for no run after this.
create or replace function pgflowc._settle_waits(
  p_flow pgflowc.flow_traits,
  p_most integer default 100,
  p_run_ids uuid[] default null,
  p_puts_off boolean default false
)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp(); -- by a volatile function no index is searched
  v_due pgflowc.task_signals[];
  v_wait pgflowc.task_signals;
  v_task pgflow.step_tasks;
  v_settled integer := 0;
begin
  if p_run_ids is null then
    v_due := array(
      select w from pgflowc.task_signals w where w.flow_slug = p_flow.flow_slug and w.due_at <= v_now order by w.due_at limit p_most
    );
  else
    v_due := array(
      select w from pgflowc.task_signals w
      where w.flow_slug = p_flow.flow_slug and w.run_id = any (p_run_ids) and w.due_at <= v_now
      order by w.due_at
      limit p_most
    );
  end if;
  foreach v_wait in array v_due loop
    perform from pgflow.runs r where r.run_id = v_wait.run_id for no key update skip locked;
    if not found then
      if p_puts_off then
        update pgflowc.task_signals w
        set due_at = clock_timestamp() + least(
          greatest(
            clock_timestamp() - case when w.sent_at is null then w.deadline else greatest(w.sent_at, w.waiting_since) end,
            interval '50 ms'
          ),
          interval '1 s'
        )
        where w.ctid = (
          select x.ctid
          from pgflowc.task_signals x
          where
            x.run_id = v_wait.run_id and x.step_slug = v_wait.step_slug and x.task_index = v_wait.task_index
            and x.due_at <= clock_timestamp()
          for update skip locked
        );
      end if;
      continue;
    end if;
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
      perform pgflowc._forget_signals(array[v_wait.run_id], array[v_wait.step_slug], array[v_wait.task_index]);
      update pgflowc.task_signals w
      set due_at = null
      where w.run_id = v_wait.run_id and w.step_slug = v_wait.step_slug and w.task_index = v_wait.task_index;
      continue;
    end if;

    begin
      perform pgflowc._settle_wait(v_wait, v_task, v_task.step_slug = any (p_flow.approvals));
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
