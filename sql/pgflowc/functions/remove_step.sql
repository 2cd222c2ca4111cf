-- pgflowc.remove_step(p_flow_slug, p_step_slug): take a step out of a drained flow, with what finished runs kept of it.
--
-- Runs stay, with their input and output; their states and tasks of this step go. Raises no_data_found for an unknown step,
-- object_in_use while runs are alive (see require_drained), and dependent_objects_still_exist while a step depends on it.
-- Locks: as require_drained; the flow's runs by run_id, against pruning; then their tasks and states. (Elsewhere
-- runs come before the row of their flow; in a drained flow nobody makes tasks, so none who holds a run wants it.)
create or replace function pgflowc.remove_step(p_flow_slug text, p_step_slug text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_dependents text;
begin
  perform pgflowc.require_drained(p_flow_slug);
  select string_agg(d.step_slug, ', ' order by d.step_slug) into v_dependents
  from pgflow.deps d
  where d.flow_slug = p_flow_slug and d.dep_slug = p_step_slug;
  if v_dependents is not null then
    raise exception 'step "%" of flow "%" is needed by: %', p_step_slug, p_flow_slug, v_dependents
      using errcode = 'dependent_objects_still_exist';
  end if;

  perform from pgflow.runs r where r.flow_slug = p_flow_slug order by r.run_id for no key update;
  -- By run: tasks and states have no index on the flow.
  delete from pgflow.step_tasks t using pgflow.runs r
  where r.flow_slug = p_flow_slug and t.run_id = r.run_id and t.step_slug = p_step_slug;
  delete from pgflow.step_states s using pgflow.runs r
  where r.flow_slug = p_flow_slug and s.run_id = r.run_id and s.step_slug = p_step_slug;
  if to_regclass('pgflow.map_chunks') is not null then
    delete from pgflow.map_chunks c using pgflow.runs r
    where r.flow_slug = p_flow_slug and c.run_id = r.run_id and c.step_slug = p_step_slug;
  end if;
  delete from pgflow.deps d where d.flow_slug = p_flow_slug and d.step_slug = p_step_slug;
  delete from pgflow.steps s where s.flow_slug = p_flow_slug and s.step_slug = p_step_slug;
  if not found then
    raise exception 'flow "%" has no step "%"', p_flow_slug, p_step_slug using errcode = 'no_data_found';
  end if;
end;
$$;
