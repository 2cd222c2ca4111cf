-- pgflow._map_element(p_run_id, p_flow_slug, p_step_slug, p_task_index): the element a map task works on.
--
-- From its chunk where the array was cut (_chunk_map_inputs), else from the array itself: the run's input for a root map, the
-- output of its one dependency for another. NULL when there is no such element.
-- Locks: none.
create or replace function pgflow._map_element(p_run_id uuid, p_flow_slug text, p_step_slug text, p_task_index integer)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_element jsonb;
begin
  select c.elements -> (p_task_index - c.first_index) into v_element
  from pgflow.map_chunks c
  where c.run_id = p_run_id and c.step_slug = p_step_slug and c.first_index <= p_task_index
  order by c.first_index desc
  limit 1;
  if v_element is not null then
    return v_element;
  end if;

  select o.output -> p_task_index into v_element
  from pgflow.deps e
  join pgflow.step_states o on o.run_id = p_run_id and o.step_slug = e.dep_slug
  where e.flow_slug = p_flow_slug and e.step_slug = p_step_slug;
  if found then
    return v_element;
  end if;

  return (select r.input -> p_task_index from pgflow.runs r where r.run_id = p_run_id);
end;
$$;
