-- pgflowc._map_elements(p_flow, p_run_ids, p_step_slugs, p_task_indexes): the array elements that map tasks work on.
--
-- Parallel to the arguments; NULL for tasks of single steps. An element comes from its chunk where our core has cut the array
-- (pgflow.map_chunks). Elsewhere each array is read and decompressed once for all its tasks in the call, not once per task.
-- Locks: none.
create or replace function pgflowc._map_elements(
  p_flow pgflowc.flow_traits,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[]
)
returns jsonb[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_flow.has_chunks then
    return array(
      select
        case when d.step_type = 'map' then coalesce(
          (
            select c.elements -> (u.task_index - c.first_index)
            from pgflow.map_chunks c
            where c.run_id = u.run_id and c.step_slug = u.step_slug and c.first_index <= u.task_index
            order by c.first_index desc
            limit 1
          ),
          case
            when d.deps_count = 0 then (select r.input -> u.task_index from pgflow.runs r where r.run_id = u.run_id)
            else (
              select o.output -> u.task_index
              from pgflow.deps e
              join pgflow.step_states o on o.run_id = u.run_id and o.step_slug = e.dep_slug
              where e.flow_slug = p_flow.flow_slug and e.step_slug = u.step_slug
            )
          end
        ) end
      from unnest(p_run_ids, p_step_slugs, p_task_indexes) with ordinality u (run_id, step_slug, task_index, n)
      join pgflow.steps d on d.flow_slug = p_flow.flow_slug and d.step_slug = u.step_slug
      order by u.n
    );
  end if;

  return array(
    select a.elements -> i.task_index
    from (
      select u.run_id, u.step_slug, array_agg(u.task_index) as task_indexes, array_agg(u.n) as numbers
      from unnest(p_run_ids, p_step_slugs, p_task_indexes) with ordinality u (run_id, step_slug, task_index, n)
      group by u.run_id, u.step_slug
    ) g
    join pgflow.steps d on d.flow_slug = p_flow.flow_slug and d.step_slug = g.step_slug
    cross join lateral (
      select
        case
          when d.step_type = 'single' then null
          when d.deps_count = 0 then (select r.input #> '{}' from pgflow.runs r where r.run_id = g.run_id)
          else (
            select o.output #> '{}' -- the empty path: the array itself, decompressed
            from pgflow.deps e
            join pgflow.step_states o on o.run_id = g.run_id and o.step_slug = e.dep_slug
            where e.flow_slug = p_flow.flow_slug and e.step_slug = g.step_slug
          )
        end as elements
      offset 0 -- evaluated once for each array
    ) a
    cross join lateral unnest(g.task_indexes, g.numbers) i (task_index, n)
    order by i.n
  );
end;
$$;
