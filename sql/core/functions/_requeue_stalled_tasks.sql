-- pgflow._requeue_stalled_tasks(p_grace): queue again the tasks whose worker has gone silent.
--
-- Stalled is a started task of a started step of a started run that began longer than its step's timeout (else the flow's) plus
-- p_grace ago. Up to three times it is queued again, for any worker and at once, with attempts_count kept; after that it stays started,
-- is marked permanently_stalled_at, and its message is archived. Returns the number requeued, and in how many queues.
--
-- step_tasks has no index on a column that every claim writes. While it has at most 16 MB (some 70,000 tasks) it is read; beyond
-- that candidates are found through the queues, which hold live tasks only: every message that was ever read, and the 1,000 oldest of
-- the others. A task that became started in no usual way, its message unread, is found when its message's turn to be read comes.
-- Locks: the tasks, passing over locked ones; then their messages.
create or replace function pgflow._requeue_stalled_tasks(p_grace interval)
returns table (requeued bigint, queues bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see complete_task.
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
  v_flow record;
  v_message_ids bigint[];
  v_rows tid[] := '{}';
begin
  requeued := 0;
  queues := 0;

  if pg_relation_size('pgflow.step_tasks') <= 16 * 1024 * 1024 then
    v_rows := array(
      select t.ctid from pgflow.step_tasks t
      where t.status = 'started' and t.permanently_stalled_at is null and t.started_at < now() - p_grace
    );
  else
    for v_flow in
      select f.flow_slug, pgmq.format_table_name(f.flow_slug, 'q') as queue_table from pgflow.flows f
    loop
      continue when to_regclass(format('pgmq.%I', v_flow.queue_table)) is null;
      execute format(
        'select array_agg(m.msg_id)
         from (
           (select q.msg_id from pgmq.%1$I q where q.read_ct > 0)
           union all
           (select q.msg_id from pgmq.%1$I q where q.read_ct = 0 order by q.msg_id limit 1000)
         ) m',
        v_flow.queue_table
      )
      into v_message_ids;
      v_rows := v_rows || array(
        select t.ctid from pgflow.step_tasks t
        where
          t.message_id = any (v_message_ids)
          and (t.flow_slug = v_flow.flow_slug) is true -- written so that no plan walks the tasks of the flow
          and t.status = 'started'
          and t.permanently_stalled_at is null
          and t.started_at < now() - p_grace
      );
    end loop;
  end if;

  for v_flow in
    with stalled as materialized (
      select t.ctid as row, t.requeued_count < 3 as again
      from pgflow.step_tasks t
      join pgflow.runs r on r.run_id = any (array[t.run_id]) and r.status = 'started'
      join pgflow.step_states s on s.run_id = any (array[t.run_id]) and s.step_slug = t.step_slug and s.status = 'started'
      join pgflow.steps d on d.flow_slug = t.flow_slug and d.step_slug = t.step_slug
      join pgflow.flows f on f.flow_slug = t.flow_slug
      where
        t.ctid = any (v_rows)
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
      where t.ctid = x.row
      returning t.flow_slug, t.message_id, x.again
    )
    select
      x.flow_slug,
      count(*) filter (where x.again) as again,
      array_agg(x.message_id order by x.message_id) filter (where x.again) as requeue_ids,
      array_agg(x.message_id order by x.message_id) filter (where not x.again) as archive_ids
    from swept x
    group by x.flow_slug
    order by x.flow_slug
  loop
    requeued := requeued + v_flow.again;
    queues := queues + (v_flow.again > 0)::integer;
    -- A message may be missing, and so may the queue.
    continue when to_regclass(format('pgmq.%I', pgmq.format_table_name(v_flow.flow_slug, 'q'))) is null;
    if v_flow.requeue_ids is not null then
      perform pgflow.set_vt_batch(
        v_flow.flow_slug, v_flow.requeue_ids, array_fill(0, array[cardinality(v_flow.requeue_ids)])
      );
    end if;
    if v_flow.archive_ids is not null then
      perform pgmq.archive(v_flow.flow_slug, v_flow.archive_ids);
    end if;
  end loop;

  return next;
end;
$$;
