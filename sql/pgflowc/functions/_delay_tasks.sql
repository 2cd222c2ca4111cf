-- pgflowc._delay_tasks(p_run_id, p_visible_at): keep the queued tasks of a run that this transaction has started from workers until
-- then, and for the start_delay of their step longer.
--
-- Locks: rows of task_signals, messages.
create or replace function pgflowc._delay_tasks(p_run_id uuid, p_visible_at timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_queued record;
begin
  -- Approvals have no message: their wait begins that much later.
  update pgflowc.task_signals w
  set
    waiting_since = w.waiting_since + x.delay, deadline = w.deadline + x.delay, due_at = w.due_at + x.delay
  from pgflow.runs r
  cross join lateral (select p_visible_at - r.started_at as delay) x
  where r.run_id = p_run_id and w.run_id = p_run_id and w.waiting_since is not null;

  select
    min(t.flow_slug) as flow_slug, array_agg(t.message_id) as message_ids,
    array_agg(p_visible_at + make_interval(secs => coalesce(d.opt_start_delay, 0))) as visible_ats
  into v_queued
  from pgflow.step_tasks t
  join pgflow.steps d on d.flow_slug = t.flow_slug and d.step_slug = t.step_slug
  where t.run_id = p_run_id and t.status = 'queued';

  if v_queued.message_ids is not null then
    execute format(
      'update pgmq.%I m set vt = u.visible_at from unnest($1, $2) u (msg_id, visible_at) where m.msg_id = u.msg_id',
      pgmq.format_table_name(v_queued.flow_slug, 'q')
    )
    using v_queued.message_ids, v_queued.visible_ats;
  end if;
end;
$$;
