-- pgflow.start_ready_steps(run_id): start every step of a run that has its dependencies and at least one task.
--
-- The step becomes started with remaining_tasks = initial_tasks, and all its tasks are queued at once, one message each, visible
-- after the step's opt_start_delay; those of pgflowc's approvals wait without one (_begin_approvals). Does nothing for a run that is over.
-- Locks: the run, then its step states. Tasks and messages are only inserted. For an approval whose signal came before it as
-- pgflowc.finish_batch.
create or replace function pgflow.start_ready_steps(run_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_id constant uuid := start_ready_steps.run_id;
  v_flow_slug text;
  v_approvals text[];
  v_started text[];
  v_has_map boolean;
begin
  select r.flow_slug into v_flow_slug
  from pgflow.runs r
  where r.run_id = v_run_id and r.status = 'started'
  for no key update;
  if not found then
    return;
  end if;

  v_approvals := pgflow._approvals(v_flow_slug);
  with started as (
    update pgflow.step_states s
    set status = 'started', started_at = greatest(now(), s.created_at), remaining_tasks = s.initial_tasks
    from pgflow.steps d
    where
      s.run_id = v_run_id
      and s.status = 'created'
      and s.remaining_deps = 0
      and s.initial_tasks > 0
      and d.flow_slug = v_flow_slug
      and d.step_slug = s.step_slug
    returning s.step_slug, s.initial_tasks, d.step_index, d.step_type, coalesce(d.opt_start_delay, 0) as delay
  ),
  parcel as ( -- one send for all steps of the same delay
    select
      st.delay,
      array_agg(st.step_slug order by st.step_index, i.n) as step_slugs,
      array_agg(i.n order by st.step_index, i.n) as task_indexes,
      array_agg(
        jsonb_build_object('flow_slug', v_flow_slug, 'run_id', v_run_id, 'step_slug', st.step_slug, 'task_index', i.n)
        order by st.step_index, i.n
      ) as messages
    from started st
    cross join lateral generate_series(0, st.initial_tasks - 1) i (n)
    where (st.step_slug = any (v_approvals)) is not true
    group by st.delay
  ),
  queued as (
    insert into pgflow.step_tasks (flow_slug, run_id, step_slug, task_index, message_id)
    select v_flow_slug, v_run_id, t.step_slug, t.task_index, t.message_id
    from parcel p
    cross join lateral rows from (
      -- The form that the others of pgmq call, without their detour; ids come in the order of the messages.
      pgmq.send_batch(v_flow_slug, p.messages, null::jsonb[], clock_timestamp() + make_interval(secs => p.delay)),
      unnest(p.step_slugs),
      unnest(p.task_indexes)
    ) t (message_id, step_slug, task_index)
  )
  select array_agg(st.step_slug), bool_or(st.step_type = 'map')
  into v_started, v_has_map
  from started st;

  if v_started is null then
    return;
  end if;
  if v_has_map then
    perform pgflow._chunk_map_inputs(v_run_id, v_started);
  end if;
  if pgflow._events_wanted(v_flow_slug, v_run_id) then
    perform pgflow._send_event(s.flow_slug, s.run_id, 'step:' || s.step_slug || ':started', jsonb_build_object(
      'event_type', 'step:started', 'run_id', s.run_id, 'step_slug', s.step_slug, 'status', s.status,
      'started_at', s.started_at, 'remaining_tasks', s.remaining_tasks, 'remaining_deps', s.remaining_deps
    ))
    from (
      select s.*
      from pgflow.step_states s
      join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
      where s.run_id = v_run_id and s.step_slug = any (v_started)
      order by d.step_index
    ) s;
  end if;
  if v_started && v_approvals then
    perform pgflow._begin_approvals(v_run_id);
  end if;
end;
$$;
