-- pgflow._requeue_stalled_tasks(p_grace): queue again the tasks whose worker has gone silent.
--
-- Stalled is a started task of a started step of a started run that began longer than its step's timeout (else the flow's) plus
-- p_grace ago. Up to three times it is queued again, for any worker and at once, with attempts_count kept; after that it stays started,
-- is marked permanently_stalled_at, and its message is archived. Returns the number requeued, and in how many queues.
-- Finds its candidates through the queues, which hold live tasks only: step_tasks needs no index on a column that every claim writes.
-- Locks: the tasks, passing over locked ones; then their messages.
create or replace function pgflow._requeue_stalled_tasks(p_grace interval)
returns table (requeued bigint, queues bigint)
language plpgsql
set search_path = ''
as $$
declare
  v_flow record;
  v_claimed_ids bigint[];
  v_requeue_ids bigint[];
  v_archive_ids bigint[];
begin
  requeued := 0;
  queues := 0;

  for v_flow in
    select f.flow_slug, pgmq.format_table_name(f.flow_slug, 'q') as queue_table
    from pgflow.flows f
    order by f.flow_slug
  loop
    continue when to_regclass(format('pgmq.%I', v_flow.queue_table)) is null;
    -- Not those that wait for their first claim, which may be very many: a claim leaves vt three seconds or more after enqueued_at.
    execute format(
      'select array_agg(q.msg_id) from pgmq.%I q where q.read_ct > 0 or q.vt > q.enqueued_at + interval ''2 seconds''',
      v_flow.queue_table
    )
    into v_claimed_ids;
    continue when v_claimed_ids is null;

    with stalled as materialized (
      select t.run_id, t.step_slug, t.task_index, t.requeued_count < 3 as again
      from pgflow.step_tasks t
      join pgflow.runs r on r.run_id = t.run_id and r.status = 'started'
      join pgflow.step_states s on s.run_id = t.run_id and s.step_slug = t.step_slug and s.status = 'started'
      join pgflow.steps d on d.flow_slug = t.flow_slug and d.step_slug = t.step_slug
      join pgflow.flows f on f.flow_slug = t.flow_slug
      where
        t.flow_slug = v_flow.flow_slug
        and t.message_id = any (v_claimed_ids)
        and t.status = 'started'
        and t.permanently_stalled_at is null
        and t.started_at < now() - make_interval(secs => coalesce(d.opt_timeout, f.opt_timeout)) - p_grace
      for no key update of t skip locked
    ),
    swept as (
      update pgflow.step_tasks t
      set
        status = case when x.again then 'queued' else t.status end,
        started_at = case when x.again then null else t.started_at end,
        last_worker_id = case when x.again then null else t.last_worker_id end,
        requeued_count = case when x.again then t.requeued_count + 1 else t.requeued_count end,
        last_requeued_at = case when x.again then now() else t.last_requeued_at end,
        permanently_stalled_at = case when x.again then t.permanently_stalled_at else now() end
      from stalled x
      where t.run_id = x.run_id and t.step_slug = x.step_slug and t.task_index = x.task_index
      returning t.message_id, x.again
    )
    select
      array_agg(x.message_id order by x.message_id) filter (where x.again),
      array_agg(x.message_id order by x.message_id) filter (where not x.again)
    into v_requeue_ids, v_archive_ids
    from swept x;

    if v_requeue_ids is not null then
      perform pgflow.set_vt_batch(
        v_flow.flow_slug, v_requeue_ids, array_fill(0, array[cardinality(v_requeue_ids)])
      );
      requeued := requeued + cardinality(v_requeue_ids);
      queues := queues + 1;
    end if;
    if v_archive_ids is not null then
      perform pgmq.archive(v_flow.flow_slug, v_archive_ids);
    end if;
  end loop;

  return next;
end;
$$;
