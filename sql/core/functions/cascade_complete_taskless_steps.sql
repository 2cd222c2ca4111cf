-- pgflow.cascade_complete_taskless_steps(run_id): complete every ready step without tasks, round by round, until none is left.
--
-- Taskless are created steps with no remaining deps and initial_tasks = 0: maps over an empty array or over a skipped step. They
-- complete with `[]` (a single step with NULL), and dependent maps become taskless in turn. Steps that a round makes ready are put
-- through their conditions before the next one; that may fail the run. Returns the number of steps completed. Does not start steps
-- nor complete the run.
--
-- More than 50 rounds raise. Every round ends at least one step, so the loop cannot run away; the limit stands because the family
-- has it and its tests look for the text: a chain of 51 or more maps over an empty array is refused.
-- Locks: the run, its step states; tasks and messages of steps that a condition skips.
create or replace function pgflow.cascade_complete_taskless_steps(run_id uuid)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_max_rounds constant integer := 50;
  v_run_id constant uuid := cascade_complete_taskless_steps.run_id;
  v_total integer := 0;
  v_rounds integer := 0;
  v_completed text[];
  v_conditional boolean;
  v_flow_slug text;
begin
  select r.flow_slug into v_flow_slug
  from pgflow.runs r
  where r.run_id = v_run_id and r.status = 'started'
  for no key update;
  if not found then
    return 0;
  end if;

  loop
    with done as (
      update pgflow.step_states s
      set
        status = 'completed',
        started_at = greatest(now(), s.created_at),
        completed_at = greatest(now(), s.created_at),
        remaining_tasks = 0,
        output = case when d.step_type = 'map' then '[]'::jsonb end
      from pgflow.steps d
      where
        s.run_id = v_run_id
        and s.status = 'created'
        and s.remaining_deps = 0
        and s.initial_tasks = 0
        and d.flow_slug = v_flow_slug
        and d.step_slug = s.step_slug
      returning s.step_slug
    ),
    parent as (
      select e.step_slug, count(*)::integer as parents
      from done
      join pgflow.deps e on e.flow_slug = v_flow_slug and e.dep_slug = done.step_slug
      group by e.step_slug
    ),
    dependent as (
      update pgflow.step_states s
      set
        remaining_deps = greatest(s.remaining_deps - p.parents, 0),
        initial_tasks = case when d.step_type = 'map' then 0 else s.initial_tasks end
      from parent p
      join pgflow.steps d on d.flow_slug = v_flow_slug and d.step_slug = p.step_slug
      where s.run_id = v_run_id and s.step_slug = p.step_slug
      returning s.status = 'created' and s.remaining_deps = 0 and (
        d.required_input_pattern is not null or d.forbidden_input_pattern is not null
      ) as is_conditional
    ),
    progress as (
      update pgflow.runs r
      set remaining_steps = r.remaining_steps - k.n
      from (select count(*)::integer as n from done) k
      where r.run_id = v_run_id and k.n > 0
    )
    select
      (select array_agg(done.step_slug) from done),
      coalesce((select bool_or(x.is_conditional) from dependent x), false)
    into v_completed, v_conditional;

    exit when v_completed is null;

    v_rounds := v_rounds + 1;
    if v_rounds > c_max_rounds then
      raise exception 'Cascade loop exceeded safety limit of % iterations', c_max_rounds
        using detail = format('Run %s of flow "%s" has a chain of more than %s steps without tasks.',
          v_run_id, v_flow_slug, c_max_rounds);
    end if;
    v_total := v_total + cardinality(v_completed);

    if pgflow._events_wanted(v_flow_slug, v_run_id) then
      perform pgflow._send_event(s.flow_slug, s.run_id, 'step:' || s.step_slug || ':completed', jsonb_build_object(
        'event_type', 'step:completed', 'run_id', s.run_id, 'step_slug', s.step_slug, 'status', s.status,
        'output', s.output, 'started_at', s.started_at, 'completed_at', s.completed_at,
        'remaining_tasks', s.remaining_tasks, 'remaining_deps', s.remaining_deps
      ))
      from (
        select s.*
        from pgflow.step_states s
        join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
        where s.run_id = v_run_id and s.step_slug = any (v_completed)
        order by d.step_index
      ) s;
    end if;

    if v_conditional then
      exit when not pgflow.cascade_resolve_conditions(v_run_id);
    end if;
  end loop;

  return v_total;
end;
$$;
