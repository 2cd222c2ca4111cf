-- pgflowc.prune_expired(p_limit): delete ended runs that are older than the retention of their flow, up to p_limit of each flow, with
-- their steps, tasks and messages; fewer if they have very many tasks.
--
-- The retention of a name is that of all its versions. One row for each stored flow of which something went: while there are any,
-- there may be more. One caller at a time: for another there is nothing to do. Runs that somebody else has locked, a retry say, are
-- left for the next time. Archived messages older than all that the retention keeps go as well: those of attempts before a retry
-- belong to no task any more.
-- Locks: advisory 'pgflowc.retention'; the runs, passing over locked ones, so it waits for nobody; their step states, tasks, messages.
create or replace function pgflowc.prune_expired(p_limit integer default 500)
returns table (flow_slug text, runs integer, step_tasks integer)
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see finish_batch.
set plan_cache_mode = force_generic_plan
set join_collapse_limit = 1
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_flow record;
  v_run_ids uuid[];
begin
  if not pg_try_advisory_xact_lock(hashtextextended('pgflowc.retention', 0)) then
    return;
  end if;

  for v_flow in
    select
      f.flow_slug, now() - r.completed as completed_before, now() - r.failed as failed_before,
      -- NULL if either is: what has no limit may still have messages.
      now() - case when r.completed > r.failed then r.completed when r.failed >= r.completed then r.failed end as archived_before
    from pgflowc.retention r
    cross join lateral pgflowc.versions_of(r.flow_slug) v (flow_slug)
    join pgflow.flows f on f.flow_slug = v.flow_slug
    order by f.flow_slug
  loop
    v_run_ids := pgflowc._few_tasks(array(
      select r.run_id
      from pgflow.runs r
      where
        r.flow_slug = v_flow.flow_slug
        and r.started_at < greatest(v_flow.completed_before, v_flow.failed_before) -- so were all that ended before; this has an index
        and (r.completed_at < v_flow.completed_before or r.failed_at < v_flow.failed_before)
      order by r.started_at
      limit p_limit
      for update skip locked
    ));
    if v_run_ids <> '{}' then
      flow_slug := v_flow.flow_slug;
      runs := cardinality(v_run_ids);
      step_tasks := (select d.step_tasks from pgflowc._delete_runs(v_flow.flow_slug, v_run_ids) d);
      return next;
    end if;
    if v_flow.archived_before is not null then
      begin
        execute format(
          $query$
          delete from pgmq.%1$I a
          where a.ctid = any (array(select o.ctid from pgmq.%1$I o where o.archived_at < $1 order by o.archived_at limit $2))
          $query$,
          pgmq.format_table_name(v_flow.flow_slug, 'a')
        )
        using v_flow.archived_before, p_limit;
      exception when undefined_table then -- the flow is deleted at this moment
        null;
      end;
    end if;
  end loop;
end;
$$;
