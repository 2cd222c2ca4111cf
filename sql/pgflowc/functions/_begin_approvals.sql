-- pgflowc._begin_approvals(p_flow_slug, p_run_ids, p_step_slugs, p_watched): make the tasks of approvals whose steps have just been started, or
-- make them anew, as tasks that wait: they need neither a message nor a worker.
--
-- Their wait begins now, or after the step's opt_start_delay. One whose signal came before it is due at once, and the caller's to settle
-- (_settle_waits). The caller holds the locks of the runs.
-- Locks: tasks, their rows of task_signals, the queue's table as a write of it does.
create or replace function pgflowc._begin_approvals(p_flow_slug text, p_run_ids uuid[], p_step_slugs text[], p_watched uuid[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with begun as (
    insert into pgflow.step_tasks as t (flow_slug, run_id, step_slug, task_index, status)
    select p_flow_slug, u.run_id, u.step_slug, 0, 'waiting'
    from unnest(p_run_ids, p_step_slugs) with ordinality u (run_id, step_slug, n)
    order by u.n
    on conflict (run_id, step_slug, task_index) do update set
      status = excluded.status, message_id = null, attempts_count = 0, error_message = null, output = null,
      queued_at = excluded.queued_at, started_at = null, failed_at = null, last_worker_id = null,
      requeued_count = 0, last_requeued_at = null, permanently_stalled_at = null
    returning t.run_id, t.step_slug, t.queued_at
  )
  insert into pgflowc.task_signals as w (run_id, step_slug, task_index, flow_slug, waiting_since, deadline, due_at)
  select
    b.run_id, b.step_slug, 0, p_flow_slug, x.since,
    x.since + make_interval(secs => a.wait_for), x.since + make_interval(secs => a.wait_for)
  from begun b
  left join pgflowc.awaited_signals a on a.flow_slug = p_flow_slug and a.step_slug = b.step_slug -- declared no more since the caller looked
  join pgflow.steps d on d.flow_slug = p_flow_slug and d.step_slug = b.step_slug
  cross join lateral (select b.queued_at + make_interval(secs => coalesce(d.opt_start_delay, 0)) as since) x
  on conflict (run_id, step_slug, task_index) do update set
    waiting_since = excluded.waiting_since, deadline = excluded.deadline,
    due_at = case when w.sent_at is null then excluded.deadline else clock_timestamp() end;

  if p_watched is not null then
    perform pgflowc._send_step_events(p_watched, p_run_ids, p_step_slugs, 'waiting');
  end if;
  -- Those who sleep count on the next due time that they have seen, and who is about to looks for this lock (announce_wait).
  execute format('lock table pgmq.%I in row exclusive mode', pgmq.format_table_name(p_flow_slug, 'q'));
  perform pgflowc._wake_queue(p_flow_slug);
end;
$$;
