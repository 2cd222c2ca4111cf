-- pgflowc._claimed_tasks(p_flow, p_run_ids, ...): claimed tasks, given as parallel arrays, with their inputs, in that order.
--
-- Inputs are those of pgflow.start_tasks: {} and the run's input as flow_input for a root single step; an object of the completed
-- dependencies' outputs for another; the element for a map. timeout is the step's, else the flow's, in seconds.
-- Locks: none.
create or replace function pgflowc._claimed_tasks(
  p_flow pgflowc.flow_traits,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_msg_ids bigint[],
  p_attempts integer[],
  p_started_ats timestamptz[]
)
returns table (
  flow_slug text,
  run_id uuid,
  step_slug text,
  task_index integer,
  input jsonb,
  flow_input jsonb,
  msg_id bigint,
  attempts_count integer,
  started_at timestamptz,
  timeout integer
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_elements jsonb[];
begin
  if p_flow.has_maps then
    v_elements := pgflowc._map_elements(p_flow, p_run_ids, p_step_slugs, p_task_indexes);
  end if;

  return query
  select
    p_flow.flow_slug, u.run_id, u.step_slug, u.task_index,
    case
      when d.step_type = 'map' then u.element
      when d.deps_count = 0 then '{}'
      else (
        select coalesce(jsonb_object_agg(e.dep_slug, o.output), '{}')
        from pgflow.deps e
        join pgflow.step_states o on o.run_id = u.run_id and o.step_slug = e.dep_slug and o.status = 'completed'
        where e.flow_slug = p_flow.flow_slug and e.step_slug = u.step_slug
      )
    end,
    case
      when d.step_type = 'single' and d.deps_count = 0 then (select r.input from pgflow.runs r where r.run_id = u.run_id)
    end,
    u.msg_id, u.attempts, u.started_at, coalesce(d.opt_timeout, p_flow.opt_timeout)
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_msg_ids, p_attempts, p_started_ats, v_elements)
    with ordinality u (run_id, step_slug, task_index, msg_id, attempts, started_at, element, n)
  join pgflow.steps d on d.flow_slug = p_flow.flow_slug and d.step_slug = u.step_slug
  order by u.n;
end;
$$;
