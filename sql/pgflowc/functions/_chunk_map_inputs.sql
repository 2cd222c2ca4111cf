-- pgflowc._chunk_map_inputs(p_flow_slug, p_run_ids, p_step_slugs): let our core cut the arrays under those of the steps that are
-- large maps, so that claims do not read the whole array.
--
-- What is large, and how it is cut, is the core's: pgflow._chunk_map_inputs, called once for each run. Arrays of up to 50 elements
-- and 8 kB are far from large, and spared the call.
-- Locks: none; rows are only inserted.
create or replace function pgflowc._chunk_map_inputs(p_flow_slug text, p_run_ids uuid[], p_step_slugs text[])
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._chunk_map_inputs(m.run_id, m.step_slugs)
  from (
    select u.run_id, array_agg(u.step_slug) as step_slugs
    from unnest(p_run_ids, p_step_slugs) u (run_id, step_slug)
    join pgflow.steps d on d.flow_slug = p_flow_slug and d.step_slug = u.step_slug and d.step_type = 'map'
    join pgflow.step_states s on s.run_id = u.run_id and s.step_slug = u.step_slug
    where
      s.initial_tasks > 50
      or pg_column_size(case
        when d.deps_count = 0 then (select r.input from pgflow.runs r where r.run_id = u.run_id)
        else (
          select o.output
          from pgflow.deps e
          join pgflow.step_states o on o.run_id = u.run_id and o.step_slug = e.dep_slug
          where e.flow_slug = p_flow_slug and e.step_slug = u.step_slug
        )
      end) > 8192
    group by u.run_id
  ) m
$$;
