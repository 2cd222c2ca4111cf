-- pgflow._prune(p_cutoff, p_flow_slugs): delete what was over before p_cutoff, of some flows or of all (NULL).
--
-- In this order: workers whose last heartbeat is older, whatever the flows; runs completed or failed before, with their tasks, step
-- states and the messages they may have left; archived messages. Strictly before: a row exactly at the cutoff stays. Deleting a worker
-- looks through step_tasks once, for want of an index that every claim would have to write.
-- Locks: workers; runs by run_id, those included in which the workers left tasks, which forget them; step states, tasks,
-- messages.
create or replace function pgflow._prune(p_cutoff timestamptz, p_flow_slugs text[])
returns table (deleted_runs bigint, deleted_step_states bigint, deleted_step_tasks bigint, deleted_workers bigint)
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
  v_worker_ids uuid[];
  v_run_ids uuid[];
  v_messages record;
  v_flow record;
begin
  v_worker_ids := array(
    select w.worker_id from pgflow.workers w where w.last_heartbeat_at < p_cutoff order by w.worker_id for update
  );
  v_run_ids := array(
    select r.run_id
    from pgflow.flows f
    join pgflow.runs r on r.flow_slug = f.flow_slug and r.started_at < p_cutoff -- so were all that ended before; this has an index
    where
      (r.completed_at < p_cutoff or r.failed_at < p_cutoff)
      and (p_flow_slugs is null or f.flow_slug = any (p_flow_slugs))
  );
  -- All at once, and before any task: deleting a worker writes its tasks, in whatever runs they are.
  perform
  from pgflow.runs r
  where r.run_id = any (
    v_run_ids || case when v_worker_ids <> '{}' then array(
      select distinct t.run_id
      from (select t.run_id from pgflow.step_tasks t where t.last_worker_id = any (v_worker_ids) offset 0) t -- not by an index, in its order
    ) end
  )
  order by r.run_id
  for update;
  v_run_ids := array( -- one of them may have been retried or deleted while this waited
    select r.run_id
    from pgflow.runs r
    where r.run_id = any (v_run_ids) and (r.completed_at < p_cutoff or r.failed_at < p_cutoff)
  );

  delete from pgflow.workers w where w.worker_id = any (v_worker_ids);
  deleted_workers := cardinality(v_worker_ids);
  deleted_runs := cardinality(v_run_ids);
  deleted_step_states := 0;
  deleted_step_tasks := 0;

  if deleted_runs > 0 then
    perform from pgflow.step_states s where s.run_id = any (v_run_ids) order by s.run_id, s.step_slug for update;
    for v_messages in
      with gone as (
        delete from pgflow.step_tasks t where t.run_id = any (v_run_ids) returning t.flow_slug, t.message_id
      )
      select g.flow_slug, count(*) as tasks, array_agg(g.message_id) filter (where g.message_id is not null) as ids
      from gone g
      group by g.flow_slug
    loop
      deleted_step_tasks := deleted_step_tasks + v_messages.tasks;
      if v_messages.ids is not null
        and to_regclass(format('pgmq.%I', pgmq.format_table_name(v_messages.flow_slug, 'q'))) is not null
      then
        perform pgmq.delete(v_messages.flow_slug, v_messages.ids);
      end if;
    end loop;
    delete from pgflow.step_states s where s.run_id = any (v_run_ids);
    get diagnostics deleted_step_states = row_count;
    delete from pgflow.runs r where r.run_id = any (v_run_ids);
  end if;

  for v_flow in
    select pgmq.format_table_name(f.flow_slug, 'a') as archive_table
    from pgflow.flows f
    where p_flow_slugs is null or f.flow_slug = any (p_flow_slugs)
    order by f.flow_slug
  loop
    begin
      execute format('delete from pgmq.%I a where a.archived_at < $1', v_flow.archive_table) using p_cutoff;
    exception when undefined_table then -- also when the flow is deleted at this moment
      null;
    end;
  end loop;

  return next;
end;
$$;
