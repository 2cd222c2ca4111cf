-- pgflow.complete_task(run_id, step_slug, task_index, output): report a task's success; returns the task's row as it then is.
--
-- No row for an unknown task. A late callback (the run failed, or the step is no longer started) changes no row and archives the
-- message if it is still there; a task that is not started is left alone, message included. Otherwise the task completes, with it
-- its step once no task remains, and with the step whatever that makes possible: sizes of dependent maps, conditions, taskless
-- steps, ready steps, the run. A single step that feeds a map must return an array, else task, step and run fail
-- (_fail_type_violation) without an error being raised.
-- Locks: the run, then the step's state, which every callback of this run waits for; the task, other step states of the run (safe
-- under the run's lock), tasks and messages of steps that a condition skips.
create or replace function pgflow.complete_task(run_id uuid, step_slug text, task_index integer, output jsonb)
returns setof pgflow.step_tasks
language plpgsql
set search_path = ''
set enable_seqscan = off -- a session keeps its plans, also those it made while the tables were empty
as $$
#variable_conflict use_column
declare
  v_run_id constant uuid := complete_task.run_id;
  v_step_slug constant text := complete_task.step_slug;
  v_task_index constant integer := complete_task.task_index;
  v_output constant jsonb := complete_task.output;
  v_flow_slug text;
  v_run_status text;
  v_step_status text;
  v_step_type text;
  v_initial_tasks integer;
  v_size integer; -- of a dependent map
  v_message_id bigint;
  v_map_slug text;
  v_remaining_steps integer;
  v_ready boolean;
  v_special boolean;
begin
  select r.flow_slug, r.status, s.status, s.initial_tasks, d.step_type
  into v_flow_slug, v_run_status, v_step_status, v_initial_tasks, v_step_type
  from pgflow.runs r
  join pgflow.step_states s on s.run_id = r.run_id and s.step_slug = v_step_slug
  join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
  where r.run_id = v_run_id
  for no key update of r, s;
  if not found then
    return;
  end if;

  if v_run_status = 'failed' or v_step_status <> 'started' then
    perform pgflow._archive_task_message(v_run_id, v_step_slug, v_task_index);
    return query select t.* from pgflow.step_tasks t
      where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
    return;
  end if;

  if v_step_type = 'single' and jsonb_typeof(v_output) is distinct from 'array' then
    select m.step_slug into v_map_slug
    from pgflow.deps e
    join pgflow.steps m on m.flow_slug = e.flow_slug and m.step_slug = e.step_slug and m.step_type = 'map'
    join pgflow.step_states s on s.run_id = v_run_id and s.step_slug = m.step_slug and s.initial_tasks is null
    where e.flow_slug = v_flow_slug and e.dep_slug = v_step_slug
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
  returning t.message_id into v_message_id;
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
      when s.remaining_tasks > 1 then null
      when v_step_type = 'single' then v_output
      else (
        select jsonb_agg(t.output order by t.task_index)
        from pgflow.step_tasks t
        where t.run_id = v_run_id and t.step_slug = v_step_slug and t.status = 'completed'
      )
    end
  where s.run_id = v_run_id and s.step_slug = v_step_slug
  returning s.status into v_step_status;

  if v_step_status = 'completed' then
    v_size := case
      when v_step_type = 'map' then v_initial_tasks
      when jsonb_typeof(v_output) = 'array' then jsonb_array_length(v_output)
    end;
    with dependent as (
      update pgflow.step_states s
      set
        remaining_deps = s.remaining_deps - 1,
        initial_tasks = case when m.step_type = 'map' then coalesce(s.initial_tasks, v_size) else s.initial_tasks end
      from pgflow.deps e
      join pgflow.steps m on m.flow_slug = e.flow_slug and m.step_slug = e.step_slug
      where
        e.flow_slug = v_flow_slug and e.dep_slug = v_step_slug
        and s.run_id = v_run_id and s.step_slug = e.step_slug and s.status = 'created'
      returning
        s.remaining_deps = 0 as is_ready,
        s.initial_tasks = 0 or m.required_input_pattern is not null or m.forbidden_input_pattern is not null as is_special
    ),
    progress as (
      update pgflow.runs r set remaining_steps = r.remaining_steps - 1 where r.run_id = v_run_id
      returning r.remaining_steps
    )
    select
      (select p.remaining_steps from progress p),
      coalesce(bool_or(d.is_ready), false),
      coalesce(bool_or(d.is_ready and d.is_special), false)
    into v_remaining_steps, v_ready, v_special
    from dependent d;

    if v_step_type = 'map' and v_initial_tasks > 1 then
      delete from pgflow.map_chunks c where c.run_id = v_run_id and c.step_slug = v_step_slug;
    end if;

    if pgflow._events_wanted(v_flow_slug, v_run_id) then
      perform pgflow._send_event(s.flow_slug, s.run_id, 'step:' || s.step_slug || ':completed', jsonb_build_object(
        'event_type', 'step:completed', 'run_id', s.run_id, 'step_slug', s.step_slug, 'status', s.status,
        'output', s.output, 'completed_at', s.completed_at
      ))
      from pgflow.step_states s
      where s.run_id = v_run_id and s.step_slug = v_step_slug;
    end if;

    -- The queue row goes first: _advance_run may fail the run, and archives only the messages of tasks that it ends.
    perform pgmq.archive(v_flow_slug, v_message_id);
    if v_special then
      perform pgflow._advance_run(v_run_id);
    elsif v_ready then
      perform pgflow.start_ready_steps(v_run_id);
    end if;
    if v_remaining_steps = 0 then
      perform pgflow.maybe_complete_run(v_run_id);
    end if;
  else
    perform pgmq.archive(v_flow_slug, v_message_id);
  end if;

  return query select t.* from pgflow.step_tasks t
    where t.run_id = v_run_id and t.step_slug = v_step_slug and t.task_index = v_task_index;
end;
$$;
