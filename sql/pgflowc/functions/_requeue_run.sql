-- pgflowc._requeue_run(p_flow, p_run_id, p_watched): queue the unfinished tasks of a run's started steps again, as if they were new; let
-- those of approvals wait again.
--
-- For retry_run, after whose reset no such task has a message. Does nothing for a run that is over. The caller holds the run's lock.
-- Locks: the tasks, rows of task_signals; messages are only inserted.
create or replace function pgflowc._requeue_run(p_flow pgflowc.flow_traits, p_run_id uuid, p_watched uuid[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tasks record;
  v_message_ids bigint[];
begin
  select
    array_agg(x.step_slug) filter (where not x.is_approval) as step_slugs,
    array_agg(x.task_index) filter (where not x.is_approval) as task_indexes,
    array_agg(x.step_slug) filter (where x.is_approval) as approvals
  into v_tasks
  from (
    select t.step_slug, t.task_index, (t.step_slug = any (p_flow.approvals)) is true as is_approval
    from pgflow.step_states s
    join pgflow.runs r on r.run_id = s.run_id and r.status = 'started'
    join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
    join pgflow.step_tasks t on t.run_id = s.run_id and t.step_slug = s.step_slug and t.status <> 'completed'
    where s.run_id = p_run_id and s.status = 'started'
    order by d.step_index, t.task_index
  ) x;
  if v_tasks.approvals is not null then
    perform pgflowc._begin_approvals(
      p_flow.flow_slug, array_fill(p_run_id, array[cardinality(v_tasks.approvals)]), v_tasks.approvals, p_watched
    );
  end if;
  if v_tasks.step_slugs is null then
    return;
  end if;

  -- Message ids are drawn in the order of the rows, so the smallest belongs to the first task.
  execute format(
    $query$
    with sent as (
      insert into pgmq.%I (vt, message)
      select
        clock_timestamp(),
        jsonb_build_object('flow_slug', $1, 'run_id', $2, 'step_slug', t.step_slug, 'task_index', t.task_index)
      from unnest($3, $4) with ordinality t (step_slug, task_index, n)
      order by t.n
      returning msg_id
    )
    select array_agg(s.msg_id order by s.msg_id) from sent s
    $query$,
    p_flow.queue_table
  )
  into v_message_ids
  using p_flow.flow_slug, p_run_id, v_tasks.step_slugs, v_tasks.task_indexes;

  update pgflow.step_tasks t
  set
    status = 'queued', message_id = u.message_id, attempts_count = 0, error_message = null, output = null, queued_at = now(),
    started_at = null, failed_at = null, last_worker_id = null,
    requeued_count = 0, last_requeued_at = null, permanently_stalled_at = null
  from unnest(v_tasks.step_slugs, v_tasks.task_indexes, v_message_ids) u (step_slug, task_index, message_id)
  where t.run_id = p_run_id and t.step_slug = u.step_slug and t.task_index = u.task_index;
end;
$$;
