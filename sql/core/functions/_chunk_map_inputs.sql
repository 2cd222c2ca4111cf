-- pgflow._chunk_map_inputs(p_run_id, p_step_slugs): cut large arrays under the named map steps into pgflow.map_chunks.
--
-- A chunk has at most 100 elements and about 64 kB as stored, so that a claim's cost does not depend on the array's length. An
-- array within both limits is left where it is. Called once per map step, when it starts.
-- Locks: none beyond those held; rows are only inserted.
create or replace function pgflow._chunk_map_inputs(p_run_id uuid, p_step_slugs text[])
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into pgflow.map_chunks (run_id, step_slug, first_index, elements)
  select p_run_id, a.step_slug, min(e.n)::integer - 1, jsonb_agg(e.element order by e.n)
  from (
    select
      s.step_slug,
      src.elements,
      greatest(1, least(100, 65536::bigint * s.initial_tasks / greatest(pg_column_size(src.elements), 1))) as chunk_size
    from pgflow.step_states s
    join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
    cross join lateral (
      select case
        when d.deps_count = 0 then (select r.input from pgflow.runs r where r.run_id = p_run_id)
        else (
          select o.output
          from pgflow.deps e
          join pgflow.step_states o on o.run_id = p_run_id and o.step_slug = e.dep_slug
          where e.flow_slug = s.flow_slug and e.step_slug = s.step_slug
        )
      end as elements
    ) src
    where
      s.run_id = p_run_id
      and s.step_slug = any (p_step_slugs)
      and d.step_type = 'map'
      and s.initial_tasks > 1
      and (s.initial_tasks > 100 or pg_column_size(src.elements) > 65536)
      and jsonb_typeof(src.elements) = 'array'
  ) a
  cross join lateral jsonb_array_elements(a.elements) with ordinality e (element, n)
  group by a.step_slug, (e.n - 1) / a.chunk_size
$$;
