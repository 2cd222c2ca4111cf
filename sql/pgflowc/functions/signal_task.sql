-- pgflowc.signal_task(p_run_id, p_step_slug, p_payload, p_task_index): send a signal to a task. Returns what happened:
--
--   delivered   a handler that waits gets it, or an approval is completed by it
--   buffered    nobody waits yet, maybe there is no such task yet: it is kept for the wait that comes; a later signal replaces it
--   ignored     the run, the step or the task is over
-- A parked task is queued again; an approval is completed here, with all that follows from a completion. Raises no_data_found for an unknown
-- run, undefined_object for a step the run does not have, invalid_parameter_value for an index no task of it can have and for a payload that
-- the step's declaration does not allow, feature_not_supported on a core without waiting tasks.
-- Locks: the run, the task, the row of task_signals; for an approval then as finish_batch. A message is only inserted.
create or replace function pgflowc.signal_task(p_run_id uuid, p_step_slug text, p_payload jsonb, p_task_index integer default 0)
returns text
language plpgsql
set search_path = ''
as $$
declare
  v_payload constant jsonb := coalesce(p_payload, 'null');
  v_run pgflow.runs;
  v_step pgflow.step_states;
  v_kind text;
  v_declared pgflowc.awaited_signals;
  v_fault text;
  v_task pgflow.step_tasks;
  v_sent_before timestamptz;
  v_signal pgflowc.task_signals;
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

  select t.* into v_task
  from pgflow.step_tasks t
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.task_index = p_task_index
  for no key update; -- a claim may have a hand on it
  if v_run.status <> 'started' or v_step.status not in ('created', 'started')
    or v_task.status not in ('queued', 'started', 'waiting')
  then
    return 'ignored';
  end if;
  if v_declared.is_approval and v_task.status in ('queued', 'waiting') then
    perform pgflowc._end_approval(v_task, v_payload, null);
    return 'delivered';
  end if;

  select w.sent_at into v_sent_before
  from pgflowc.task_signals w
  where w.run_id = p_run_id and w.step_slug = p_step_slug and w.task_index = p_task_index;
  insert into pgflowc.task_signals as w (run_id, step_slug, task_index, flow_slug, payload, sent_at)
  values (p_run_id, p_step_slug, p_task_index, v_run.flow_slug, v_payload, clock_timestamp())
  on conflict (run_id, step_slug, task_index) do update set
    payload = excluded.payload, sent_at = excluded.sent_at, due_at = null
  returning * into v_signal;

  if v_task.status = 'waiting' then
    perform pgflowc._resume_task(v_task);
    return 'delivered';
  elsif v_task.status = 'started' and v_signal.waiting_since is not null and v_sent_before is null then
    -- Its handler waits in place, and its worker listens if it can.
    perform pg_notify('pgflowc_wakeup', format('signal %s %s %s', p_run_id, p_task_index, p_step_slug));
    return 'delivered';
  end if;
  return 'buffered';
end;
$$;
