-- pgflowc.consume_task_signal(p_run_id, p_step_slug, p_task_index, p_attempt, p_wait_for): the handler of a started task waits for its signal.
--
-- status is
--   received   there is a signal, the latest one; it stays with the task until that is over, so another attempt gets it again
--   expired    there is none, and the deadline has passed: none will count any more
--   waiting    there is none yet; seconds_left is the time until the deadline, NULL without one
--   over       the task is not started in that attempt any more
-- The wait begins with the first such call: its deadline is p_wait_for seconds from then (NULL: what the step declares, without that for
-- ever), whatever later calls and attempts say. Raises feature_not_supported on a core without waiting tasks.
-- Locks: the row of task_signals, and the run (for key share).
create or replace function pgflowc.consume_task_signal(
  p_run_id uuid,
  p_step_slug text,
  p_task_index integer,
  p_attempt integer,
  p_wait_for double precision default null,
  out status text,
  out payload jsonb,
  out seconds_left double precision
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task pgflow.step_tasks;
  v_signal pgflowc.task_signals;
begin
  select t.* into v_task
  from pgflow.step_tasks t
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index;
  if v_task.status is distinct from 'started' or v_task.attempts_count <> p_attempt then
    status := 'over';
    return;
  end if;

  select w.* into v_signal
  from pgflowc.task_signals w
  where w.run_id = p_run_id and w.step_slug = p_step_slug and w.task_index = p_task_index;
  if v_signal.waiting_since is null then
    perform pgflowc._require_waiting();
    insert into pgflowc.task_signals as w (run_id, step_slug, task_index, flow_slug, waiting_since, deadline)
    values (
      p_run_id, p_step_slug, p_task_index, v_task.flow_slug, clock_timestamp(),
      clock_timestamp() + make_interval(secs => coalesce(
        p_wait_for,
        (
          select a.wait_for from pgflowc.awaited_signals a
          where a.flow_slug = v_task.flow_slug and a.step_slug = p_step_slug
        )
      ))
    )
    on conflict (run_id, step_slug, task_index) do update set
      waiting_since = coalesce(w.waiting_since, excluded.waiting_since),
      deadline = case when w.waiting_since is null then excluded.deadline else w.deadline end
    returning * into v_signal;
  end if;

  if v_signal.sent_at is not null then
    status := 'received';
    payload := v_signal.payload;
  elsif v_signal.deadline <= clock_timestamp() then
    -- One that came in time may not have committed; one that has not got this lock yet is too late (signal_task).
    select w.* into v_signal
    from pgflowc.task_signals w
    where w.run_id = p_run_id and w.step_slug = p_step_slug and w.task_index = p_task_index
    for no key update;
    if not found then
      status := 'over';
    elsif v_signal.sent_at is not null then
      status := 'received';
      payload := v_signal.payload;
    else
      status := 'expired';
    end if;
  else
    status := 'waiting';
    seconds_left := extract(epoch from v_signal.deadline - clock_timestamp());
  end if;
end;
$$;
