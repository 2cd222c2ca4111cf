-- pgflow.start_flow(flow_slug, input, run_id): start a run of a flow and return its row.
--
-- A flow with root maps takes a JSON array, any other flow any JSON. An unknown flow violates a foreign key of pgflow.runs, a
-- used run_id its primary key. The row returned may already be completed (nothing to do) or failed (a condition under
-- when_unmet = fail).
-- Locks: advisory (2, hash of the slug), shared, so that the flow has the same steps to the end; the new run; the rest as in _advance_run.
create or replace function pgflow.start_flow(flow_slug text, input jsonb, run_id uuid default null)
returns setof pgflow.runs
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see complete_task.
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
  v_flow_slug constant text := start_flow.flow_slug;
  v_run_id constant uuid := coalesce(start_flow.run_id, (pgflow._new_run_ids(1))[1]);
  v_steps integer;
  v_has_root_map boolean;
  v_size integer;
begin
  perform pg_advisory_xact_lock_shared(2, hashtext(v_flow_slug));

  select count(*), coalesce(bool_or(s.step_type = 'map' and s.deps_count = 0), false)
  into v_steps, v_has_root_map
  from pgflow.steps s
  where s.flow_slug = v_flow_slug;

  if v_has_root_map then
    if start_flow.input is null then
      raise exception 'Flow % has root map steps but input is NULL', v_flow_slug;
    elsif jsonb_typeof(start_flow.input) <> 'array' then
      raise exception 'Flow % has root map steps but input is not an array (got %)',
        v_flow_slug, jsonb_typeof(start_flow.input);
    end if;
    v_size := jsonb_array_length(start_flow.input);
  end if;

  insert into pgflow.runs (run_id, flow_slug, input, remaining_steps)
  values (v_run_id, v_flow_slug, start_flow.input, v_steps);

  insert into pgflow.step_states (flow_slug, run_id, step_slug, remaining_deps, initial_tasks)
  select
    s.flow_slug, v_run_id, s.step_slug, s.deps_count,
    case when s.step_type = 'single' then 1 when s.deps_count = 0 then v_size end
  from pgflow.steps s
  where s.flow_slug = v_flow_slug;

  if pgflow._events_wanted(v_flow_slug, v_run_id) then
    perform pgflow._send_event(r.flow_slug, r.run_id, 'run:started', jsonb_build_object(
      'event_type', 'run:started', 'run_id', r.run_id, 'flow_slug', r.flow_slug, 'status', r.status, 'input', r.input,
      'remaining_steps', r.remaining_steps, 'started_at', r.started_at
    ))
    from pgflow.runs r
    where r.run_id = v_run_id;
  end if;

  perform pgflow._advance_run(v_run_id);
  perform pgflow.maybe_complete_run(v_run_id);

  return query select r.* from pgflow.runs r where r.run_id = v_run_id;
end;
$$;
