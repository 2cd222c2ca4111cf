-- pgflowc._start_ready_steps(p_run_ids): start every step of the runs that has its dependencies and at least one task.
--
-- For flows with conditions, once these are resolved; other flows start steps as they are released. Passes over runs that are over.
-- Returns the steps started, in the order of the runs and of definition; their tasks are the caller's. The caller holds the locks of the runs.
-- Locks: step states.
create or replace function pgflowc._start_ready_steps(
  p_run_ids uuid[],
  out started_run_ids uuid[],
  out started_step_slugs text[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with started as (
    update pgflow.step_states s
    set status = 'started', started_at = greatest(now(), s.created_at), remaining_tasks = s.initial_tasks
    from (select u.run_id, min(u.n) as n from unnest(p_run_ids) with ordinality u (run_id, n) group by u.run_id) u
    join pgflow.runs r on r.run_id = u.run_id and r.status = 'started'
    join pgflow.steps d on d.flow_slug = r.flow_slug
    where
      s.run_id = u.run_id
      and s.step_slug = d.step_slug
      and s.status = 'created'
      and s.remaining_deps = 0
      and s.initial_tasks > 0
    returning s.run_id, s.step_slug, u.n, d.step_index
  )
  select
    array_agg(k.run_id order by k.n, k.step_index), array_agg(k.step_slug order by k.n, k.step_index)
  into started_run_ids, started_step_slugs
  from started k;
end;
$$;
