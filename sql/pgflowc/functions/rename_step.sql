-- pgflowc.rename_step(p_flow_slug, p_before, p_after): give a step of a drained flow another slug, in finished runs too.
--
-- Outputs of finished runs keep the keys they have. Raises no_data_found for an unknown step, unique_violation when the flow has a
-- step of the new slug, object_in_use while runs are alive (see require_drained).
-- Locks: as require_drained; the flow's runs by run_id, against pruning; then their states and tasks. (Elsewhere
-- runs come before the row of their flow; in a drained flow nobody makes tasks, so none who holds a run wants it.)
create or replace function pgflowc.rename_step(p_flow_slug text, p_before text, p_after text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_step pgflow.steps;
  v_index integer;
begin
  perform pgflowc.require_drained(p_flow_slug);
  select s.* into v_step from pgflow.steps s where s.flow_slug = p_flow_slug and s.step_slug = p_before;
  if not found then
    raise exception 'flow "%" has no step "%"', p_flow_slug, p_before using errcode = 'no_data_found';
  end if;

  perform from pgflow.runs r where r.flow_slug = p_flow_slug order by r.run_id for no key update;
  -- The keys do not cascade, so the step is copied under its new name, what refers to it is moved, and the old one deleted.
  v_index := v_step.step_index;
  v_step.step_slug := p_after;
  v_step.step_index := (select max(s.step_index) + 1 from pgflow.steps s where s.flow_slug = p_flow_slug);
  insert into pgflow.steps select v_step.*;
  update pgflow.deps d set dep_slug = p_after where d.flow_slug = p_flow_slug and d.dep_slug = p_before;
  update pgflow.deps d set step_slug = p_after where d.flow_slug = p_flow_slug and d.step_slug = p_before;

  insert into pgflow.step_states
  select (jsonb_populate_record(s, jsonb_build_object('step_slug', p_after))).*
  from pgflow.step_states s
  join pgflow.runs r on r.run_id = s.run_id
  where r.flow_slug = p_flow_slug and s.step_slug = p_before;
  update pgflow.step_tasks t set step_slug = p_after
  from pgflow.runs r
  where r.flow_slug = p_flow_slug and t.run_id = r.run_id and t.step_slug = p_before;
  delete from pgflow.step_states s using pgflow.runs r
  where r.flow_slug = p_flow_slug and s.run_id = r.run_id and s.step_slug = p_before;
  if to_regclass('pgflow.map_chunks') is not null then
    update pgflow.map_chunks c set step_slug = p_after
    from pgflow.runs r
    where r.flow_slug = p_flow_slug and c.run_id = r.run_id and c.step_slug = p_before;
  end if;

  update pgflowc.task_signals w set step_slug = p_after
  from pgflow.runs r
  where r.flow_slug = p_flow_slug and w.run_id = r.run_id and w.step_slug = p_before;
  update pgflowc.awaited_signals a set step_slug = p_after where a.flow_slug = p_flow_slug and a.step_slug = p_before;

  delete from pgflow.steps s where s.flow_slug = p_flow_slug and s.step_slug = p_before;
  update pgflow.steps s set step_index = v_index where s.flow_slug = p_flow_slug and s.step_slug = p_after;
end;
$$;
