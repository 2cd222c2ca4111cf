-- pgflow._release_dependents(p_run_id, p_flow_slug, p_step_slugs): some steps were skipped plainly; their dependents no longer wait.
--
-- remaining_deps is lowered by the number of such parents. A map depends on one step only, so it has no elements now. The caller
-- holds the run's lock.
-- Locks: step states of the run.
create or replace function pgflow._release_dependents(p_run_id uuid, p_flow_slug text, p_step_slugs text[])
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  update pgflow.step_states s
  set
    remaining_deps = greatest(s.remaining_deps - p.parents, 0),
    initial_tasks = case when d.step_type = 'map' and d.deps_count = 1 then 0 else s.initial_tasks end
  from (
    select e.step_slug, count(*)::integer as parents
    from pgflow.deps e
    where e.flow_slug = p_flow_slug and e.dep_slug = any (p_step_slugs)
    group by e.step_slug
  ) p
  join pgflow.steps d on d.flow_slug = p_flow_slug and d.step_slug = p.step_slug
  where s.run_id = p_run_id and s.step_slug = p.step_slug
$$;
