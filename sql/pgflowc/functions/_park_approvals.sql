-- pgflowc._park_approvals(p_flow, p_message_ids): let the queued approvals behind these messages wait, instead of being claimed.
--
-- Of steps that have become approvals since; others wait from their first moment (_begin_approvals). Their wait began when they were queued.
-- One whose signal came before it is due at once, and _settle_waits completes it: here that would take the run's lock after the task's.
-- Archives their messages and returns the ids. The caller holds the messages.
-- Locks: the tasks and their runs (for key share), passing over locked ones; their rows of task_signals, so it waits for nobody but a
-- handler that has just begun to wait.
create or replace function pgflowc._park_approvals(p_flow pgflowc.flow_traits, p_message_ids bigint[])
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message_ids bigint[];
begin
  with candidate as materialized (
    select t.ctid as row
    from pgflow.step_tasks t
    join pgflow.runs r on r.run_id = t.run_id
    where
      t.message_id = any (p_message_ids)
      and (t.flow_slug = p_flow.flow_slug) is true -- written so that no plan walks the tasks of the flow
      and t.status = 'queued'
      and t.step_slug = any (p_flow.approvals)
    for no key update of t skip locked
    for key share of r skip locked -- the foreign key of task_signals would wait for who deletes the run, and that one for the task
  ),
  parked as (
    update pgflow.step_tasks t
    set status = 'waiting'
    from candidate c
    where t.ctid = c.row and t.status = 'queued'
    returning t.run_id, t.step_slug, t.task_index, t.message_id, t.queued_at
  ),
  noted as (
    insert into pgflowc.task_signals as w (run_id, step_slug, task_index, flow_slug, waiting_since, deadline, due_at)
    select
      p.run_id, p.step_slug, p.task_index, p_flow.flow_slug, p.queued_at,
      p.queued_at + make_interval(secs => a.wait_for), p.queued_at + make_interval(secs => a.wait_for)
    from parked p
    left join pgflowc.awaited_signals a on a.flow_slug = p_flow.flow_slug and a.step_slug = p.step_slug -- as in _begin_approvals
    on conflict (run_id, step_slug, task_index) do update set
      waiting_since = excluded.waiting_since, deadline = excluded.deadline,
      due_at = case when w.sent_at is null then excluded.deadline else clock_timestamp() end
  )
  select array_agg(p.message_id) into v_message_ids from parked p;

  if v_message_ids is null then
    return '{}';
  end if;
  perform pgmq.archive(p_flow.flow_slug, v_message_ids);
  perform pgflowc._wake_queue(p_flow.flow_slug); -- those who sleep count on the next due time that they have seen
  return v_message_ids;
end;
$$;
