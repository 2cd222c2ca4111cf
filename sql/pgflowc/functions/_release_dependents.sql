-- pgflowc._release_dependents(p_flow_slug, p_run_ids, p_step_slugs, p_start): some steps were completed or plainly skipped; their
-- dependents no longer wait for them.
--
-- remaining_deps is lowered by the number of such parents, and a map learns its size: the length of a single parent's output, the
-- number of a map parent's tasks, 0 after a skipped one. Under p_start (flows without conditions) a dependent that is now ready and
-- has tasks is started in the same write; its tasks are the caller's. Returns the steps started, in the order of their parents and
-- of definition, and the runs in which something became ready that has no tasks or a condition (once for each such step), for
-- _settle_runs. The caller holds the locks of the runs.
-- Locks: step states.
create or replace function pgflowc._release_dependents(
  p_flow_slug text,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_start boolean,
  out started_run_ids uuid[],
  out started_step_slugs text[],
  out special_run_ids uuid[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with freed as (
    select
      u.run_id, e.step_slug, d.step_index, count(*)::integer as parents, min(u.n) as n,
      max(case
        when d.step_type = 'single' then 1
        when o.status <> 'completed' then 0
        when p.step_type = 'map' then o.initial_tasks
        when jsonb_typeof(o.output) = 'array' then jsonb_array_length(o.output)
      end) as size,
      bool_or(d.required_input_pattern is not null or d.forbidden_input_pattern is not null) as has_condition
    from unnest(p_run_ids, p_step_slugs) with ordinality u (run_id, step_slug, n)
    join pgflow.deps e on e.flow_slug = p_flow_slug and e.dep_slug = u.step_slug
    join pgflow.steps d on d.flow_slug = p_flow_slug and d.step_slug = e.step_slug
    join pgflow.steps p on p.flow_slug = p_flow_slug and p.step_slug = u.step_slug
    left join pgflow.step_states o on d.step_type = 'map' and o.run_id = u.run_id and o.step_slug = u.step_slug
    group by u.run_id, e.step_slug, d.step_index
  ),
  released as (
    update pgflow.step_states s
    set
      remaining_deps = greatest(s.remaining_deps - f.parents, 0),
      initial_tasks = coalesce(s.initial_tasks, f.size),
      status = case
        when p_start and s.status = 'created' and s.remaining_deps <= f.parents and coalesce(s.initial_tasks, f.size) > 0
          then 'started'
        else s.status
      end,
      started_at = case
        when p_start and s.status = 'created' and s.remaining_deps <= f.parents and coalesce(s.initial_tasks, f.size) > 0
          then greatest(now(), s.created_at)
        else s.started_at
      end,
      remaining_tasks = case
        when p_start and s.status = 'created' and s.remaining_deps <= f.parents and coalesce(s.initial_tasks, f.size) > 0
          then coalesce(s.initial_tasks, f.size)
      end
    from freed f
    -- Of skipped dependents only the count goes down.
    where s.run_id = f.run_id and s.step_slug = f.step_slug and s.status in ('created', 'skipped')
    returning
      f.n, f.step_index, s.run_id, s.step_slug, s.status = 'started' as is_started,
      s.status = 'created' and s.remaining_deps = 0 and (s.initial_tasks = 0 or f.has_condition) as is_special
  )
  select
    array_agg(r.run_id order by r.n, r.step_index) filter (where r.is_started),
    array_agg(r.step_slug order by r.n, r.step_index) filter (where r.is_started),
    array_agg(r.run_id) filter (where r.is_special)
  into started_run_ids, started_step_slugs, special_run_ids
  from released r;
end;
$$;
