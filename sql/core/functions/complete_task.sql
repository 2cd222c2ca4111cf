-- pgflow.complete_task(run_id, step_slug, task_index, output): report a task's success; returns the task's row as it then is.
--
-- No row for an unknown task. A late callback (the run failed, or the step is no longer started) changes no row and archives the
-- message if it is still there; a task that is not started is left alone, message included. Otherwise the task completes, with it
-- its step once no task remains, and with the step whatever is possible in the run then: sizes of dependent maps, conditions,
-- taskless steps, ready steps, the run. After any other completion steps that something else made ready start, too, and a run with
-- no step remaining completes. A single step that feeds a map must return an array, else task, step and run fail
-- (_fail_type_violation) without an error being raised.
-- Locks: the run, then the step's state, which every callback of this run waits for; the task, other step states of the run (safe
-- under the run's lock), tasks and messages of steps that a condition skips.
create or replace function pgflow.complete_task(run_id uuid, step_slug text, task_index integer, output jsonb)
returns setof pgflow.step_tasks
language plpgsql
set search_path = pg_catalog, pg_temp
-- Plans are kept for the life of a session, also those made while the tables were empty, where every plan looks as good as any
-- other. So none is left to estimates, here and in what this calls: statements join in the order in which they are written, and
-- reach every row by its key. Generic plans, since nothing depends on the values. `= any (array[x])` in a join is an equality that
-- does not offer the planner to walk the whole index in order, which looks as cheap as a look-up while the table looks empty.
set plan_cache_mode = force_generic_plan
set join_collapse_limit = 1
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
#variable_conflict use_column
declare
  v_run_id constant uuid := complete_task.run_id;
  v_step_slug constant text := complete_task.step_slug;
  v_task_index constant integer := complete_task.task_index;
  v_output constant jsonb := complete_task.output;
  v_run record;
  v_map_slug text;
  v_task pgflow.step_tasks;
  v_step_status text;
  v_size integer; -- of a dependent map
begin
  select
    r.flow_slug, r.status, r.remaining_steps, s.status as step_status, s.initial_tasks, d.step_type,
    exists (select from pgflow.deps e where e.flow_slug = d.flow_slug and e.dep_slug = d.step_slug) as has_dependents
  into v_run
  from pgflow.runs r
  join pgflow.step_states s on s.run_id = r.run_id and s.step_slug = v_step_slug
  join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
  where r.run_id = v_run_id
  for no key update of r, s;
  if not found then
    return;
  end if;

  if v_run.status = 'failed' or v_run.step_status <> 'started' then
    perform pgflow._archive_task_message(v_run_id, v_step_slug, v_task_index);
    return query select t.* from pgflow.step_tasks t
      where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
    return;
  end if;

  if v_run.has_dependents and v_run.step_type = 'single' and jsonb_typeof(v_output) is distinct from 'array' then
    select m.step_slug into v_map_slug
    from pgflow.deps e
    join pgflow.steps m on m.flow_slug = e.flow_slug and m.step_slug = e.step_slug and m.step_type = 'map'
    join pgflow.step_states s on s.run_id = v_run_id and s.step_slug = m.step_slug and s.initial_tasks is null
    where e.flow_slug = v_run.flow_slug and e.dep_slug = v_step_slug
    order by m.step_index
    limit 1;
    if found then
      perform pgflow._fail_type_violation(v_run_id, v_step_slug, v_task_index, v_output, v_map_slug);
      return query select t.* from pgflow.step_tasks t
        where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
      return;
    end if;
  end if;

  update pgflow.step_tasks t
  set status = 'completed', completed_at = greatest(now(), t.started_at, t.queued_at), output = v_output
  where
    t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index and t.status = 'started'
  returning * into v_task;
  if not found then
    return query select t.* from pgflow.step_tasks t
      where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
    return;
  end if;

  update pgflow.step_states s
  set
    remaining_tasks = s.remaining_tasks - 1,
    status = case when s.remaining_tasks = 1 then 'completed' else s.status end,
    completed_at = case when s.remaining_tasks = 1 then greatest(now(), s.started_at) end,
    output = case
      when s.remaining_tasks is distinct from 1 then null
      when v_run.step_type = 'single' then v_output
      else (
        select jsonb_agg(t.output order by t.task_index)
        from pgflow.step_tasks t
        where t.run_id = v_run_id and t.step_slug = v_step_slug and t.status = 'completed'
      )
    end
  where s.run_id = v_run_id and s.step_slug = v_step_slug
  returning s.status into v_step_status;

  if v_step_status = 'completed' then
    if v_run.has_dependents then
      v_size := case
        when v_run.step_type = 'map' then v_run.initial_tasks
        when jsonb_typeof(v_output) = 'array' then jsonb_array_length(v_output)
      end;
      update pgflow.step_states s
      set
        remaining_deps = greatest(s.remaining_deps - 1, 0),
        initial_tasks = case when m.step_type = 'map' then coalesce(s.initial_tasks, v_size) else s.initial_tasks end
      from pgflow.deps e
      join pgflow.steps m on m.flow_slug = e.flow_slug and m.step_slug = e.step_slug
      where
        e.flow_slug = v_run.flow_slug and e.dep_slug = v_step_slug
        and s.run_id = v_run_id and s.step_slug = e.step_slug;
    end if;
    if v_run.step_type = 'map' and v_run.initial_tasks > 1 then
      delete from pgflow.map_chunks c where c.run_id = v_run_id and c.step_slug = v_step_slug;
    end if;

    if pgflow._events_wanted(v_run.flow_slug, v_run_id) then
      perform pgflow._send_event(s.flow_slug, s.run_id, 'step:' || s.step_slug || ':completed', jsonb_build_object(
        'event_type', 'step:completed', 'run_id', s.run_id, 'step_slug', s.step_slug, 'status', s.status,
        'output', s.output, 'completed_at', s.completed_at
      ))
      from pgflow.step_states s
      where s.run_id = v_run_id and s.step_slug = v_step_slug;
    end if;
  end if;

  -- Before _advance_run, which may fail the run and archives only the messages of tasks that it ends.
  perform pgmq.archive(v_run.flow_slug, v_task.message_id);

  if v_step_status = 'completed' then
    if v_run.remaining_steps > 1 then
      perform pgflow._advance_run(v_run_id);
    end if;
    perform pgflow._end_steps(v_run_id, 1);
  elsif exists ( -- nothing that this call did; but who writes the tables directly may count on it
    select from pgflow.step_states s
    where s.run_id = v_run_id and s.status = 'created' and s.remaining_deps = 0 and s.initial_tasks > 0
  ) then
    perform pgflow.start_ready_steps(v_run_id);
  end if;
  if v_step_status <> 'completed' and v_run.remaining_steps = 0 then
    perform pgflow.maybe_complete_run(v_run_id);
  end if;
  return next v_task;
end;
$$;
