-- pgflowc.signal_task(p_run_id, p_step_slug, p_payload, p_task_index): send a signal to a task. Returns what happened:
--
--   delivered   a handler that waits gets it, or an approval is completed by it
--   buffered    nobody waits yet, maybe there is no such task yet: it is kept for the wait that comes; a later signal replaces it
--   ignored     the run, the step or the task is over, or the deadline of its wait has passed
-- A parked task is queued again; an approval is completed here, with all that follows from a completion. A wait whose deadline has passed
-- is ended here as well, for that reason, if nobody has seen to it yet. Raises no_data_found for an unknown
-- run, undefined_object for a step the run does not have, invalid_parameter_value for an index no task of it can have and for a payload that
-- the step's declaration does not allow, feature_not_supported on a core without waiting tasks.
-- Locks: the run; of an approval its task; the row of task_signals; for an approval then as finish_batch. A message is only inserted.
create or replace function pgflowc.signal_task(p_run_id uuid, p_step_slug text, p_payload jsonb, p_task_index integer default 0)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_payload constant jsonb := coalesce(p_payload, 'null');
  v_run pgflow.runs;
  v_step pgflow.step_states;
  v_kind text;
  v_declared pgflowc.awaited_signals;
  v_fault text;
  v_task pgflow.step_tasks;
  v_is_approval boolean;
  v_wait pgflowc.task_signals;
begin
  perform pgflowc._require_waiting();
  select r.* into v_run from pgflow.runs r where r.run_id = p_run_id for no key update;
  if not found then
    raise exception 'Run not found: %', p_run_id using errcode = 'no_data_found';
  end if;
  select s.* into v_step from pgflow.step_states s where s.run_id = p_run_id and s.step_slug = p_step_slug;
  if not found then
    raise exception 'run % of flow "%" has no step "%"', p_run_id, v_run.flow_slug, p_step_slug using errcode = 'undefined_object';
  end if;
  select d.step_type into v_kind from pgflow.steps d where d.flow_slug = v_run.flow_slug and d.step_slug = p_step_slug;
  if p_task_index is null or p_task_index < 0 or p_task_index >= (case v_kind when 'map' then v_step.initial_tasks else 1 end) then
    raise exception 'step "%" has no task %', p_step_slug, coalesce(p_task_index::text, 'null')
      using errcode = 'invalid_parameter_value', hint = format('It has %s.', coalesce(v_step.initial_tasks, 1));
  end if;
  select a.* into v_declared
  from pgflowc.awaited_signals a
  where a.flow_slug = v_run.flow_slug and a.step_slug = p_step_slug;
  v_fault := pgflowc._payload_fault(v_declared.payload_schema, v_payload);
  if v_fault is not null then
    raise exception 'step "%" takes no such signal: %', p_step_slug, v_fault using errcode = 'invalid_parameter_value';
  end if;

  -- Only an approval's task is locked: a claim passes over a task whose lock is held, and hides its message for seconds. Under the run's lock
  -- claims and sweeps may still make a queued task a started one, and the other way round.
  select t.* into v_task
  from pgflow.step_tasks t
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index;
  if v_declared.is_approval then
    select t.* into v_task
    from pgflow.step_tasks t
    where t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index
    for no key update;
  end if;
  if v_run.status <> 'started' or v_step.status not in ('created', 'started')
    or v_task.status not in ('queued', 'started', 'waiting')
  then
    return 'ignored';
  end if;
  -- The row's lock comes before a look at the clock, or at a row: its handler may be learning that the deadline has passed (consume_task_signal).
  insert into pgflowc.task_signals (run_id, step_slug, task_index, flow_slug)
  values (p_run_id, p_step_slug, p_task_index, v_run.flow_slug)
  on conflict (run_id, step_slug, task_index) do nothing;
  select w.* into v_wait
  from pgflowc.task_signals w
  where w.run_id = p_run_id and w.step_slug = p_step_slug and w.task_index = p_task_index
  for no key update;
  select t.status into v_task.status -- if its handler has begun to wait, it is started by now
  from pgflow.step_tasks t
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index;
  v_is_approval := v_declared.is_approval and v_task.status in ('queued', 'waiting');
  if v_is_approval and v_wait.waiting_since is null then -- queued before the step was an approval
    v_wait.waiting_since := v_task.queued_at;
    v_wait.deadline := v_task.queued_at + make_interval(secs => v_declared.wait_for);
  end if;

  if v_wait.deadline <= clock_timestamp() then
    if v_is_approval or v_task.status = 'waiting' then
      perform pgflowc._settle_wait(v_wait, v_task, v_is_approval);
    end if;
    return 'ignored';
  elsif v_is_approval then
    perform pgflowc._end_approval(v_task, v_payload, null);
    return 'delivered';
  end if;

  update pgflowc.task_signals w
  set payload = v_payload, sent_at = clock_timestamp(), due_at = null
  where w.run_id = p_run_id and w.step_slug = p_step_slug and w.task_index = p_task_index;
  if v_task.status = 'waiting' then
    perform pgflowc._resume_task(v_task);
    return 'delivered';
  elsif v_task.status = 'started' and v_wait.waiting_since is not null and v_wait.sent_at is null then
    -- Its handler waits in place, and its worker listens if it can.
    perform pg_notify('pgflowc_wakeup', format('signal %s %s %s', p_run_id, p_task_index, p_step_slug));
    return 'delivered';
  end if;
  return 'buffered';
end;
$$;
