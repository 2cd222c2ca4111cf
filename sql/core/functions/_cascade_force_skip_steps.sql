-- pgflow._cascade_force_skip_steps(run_id, step_slug, skip_reason): skip a step and everything downstream of it.
--
-- The named step and all its transitive dependents that are created or started become skipped: the named one for the given reason,
-- the rest for dependency_skipped. Their active tasks become skipped too. Steps already completed, failed or skipped are untouched.
-- Returns the number of steps skipped; 0 for a run that is over. Raises for an unknown run. Does not complete the run. Each step is
-- visited once, so stacked diamonds cost no more than a chain.
-- Locks: the run, its step states, tasks, messages.
create or replace function pgflow._cascade_force_skip_steps(run_id uuid, step_slug text, skip_reason text)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_id constant uuid := _cascade_force_skip_steps.run_id;
  v_step_slug constant text := _cascade_force_skip_steps.step_slug;
  v_reason constant text := _cascade_force_skip_steps.skip_reason;
  v_flow_slug text;
  v_run_status text;
  v_skipped text[];
begin
  select r.flow_slug, r.status into v_flow_slug, v_run_status
  from pgflow.runs r
  where r.run_id = v_run_id
  for no key update;
  if not found then
    raise exception 'Run not found: %', v_run_id;
  end if;
  if v_run_status <> 'started' then
    return 0;
  end if;

  with recursive downstream (slug) as (
    select v_step_slug
    union -- not `union all`: a step reached twice is followed once
    select e.step_slug
    from downstream u
    join pgflow.deps e on e.flow_slug = v_flow_slug and e.dep_slug = u.slug
  ),
  skipped as (
    update pgflow.step_states s
    set
      status = 'skipped',
      skip_reason = case when s.step_slug = v_step_slug then v_reason else 'dependency_skipped' end,
      skipped_at = greatest(now(), s.created_at),
      remaining_tasks = null
    from downstream u
    where s.run_id = v_run_id and s.step_slug = u.slug and s.status in ('created', 'started')
    returning s.step_slug
  ),
  progress as (
    update pgflow.runs r
    set remaining_steps = r.remaining_steps - k.n
    from (select count(*)::integer as n from skipped) k
    where r.run_id = v_run_id and k.n > 0
  )
  select array_agg(k.step_slug) into v_skipped from skipped k;

  if v_skipped is null then
    return 0;
  end if;
  perform pgflow._send_steps_skipped(v_run_id, v_skipped);
  perform pgflow._end_tasks(v_run_id, v_skipped, 'skipped');
  return cardinality(v_skipped);
end;
$$;
