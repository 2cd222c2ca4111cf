-- pgflowc.start_flow_batch(p_flow_slug, p_inputs, p_run_ids): start a run of a flow for each input; returns their ids in that order.
--
-- p_flow_slug may be a name with versions: the runs start on the current one.
-- What pgflow.start_flow does for each, root maps, conditions, empty arrays and events included, in a number of statements that does
-- not depend on the number of inputs. p_run_ids, when given, is parallel to p_inputs; a NULL in it means a new id. All runs start
-- or none: an unknown flow violates a foreign key of pgflow.runs, a used id its primary key, a NULL input its column.
-- Locks: advisory (2, hash of the slug), shared, so that the flow has the same steps to the end; the new runs; the rest as in finish_batch.
create or replace function pgflowc.start_flow_batch(p_flow_slug text, p_inputs jsonb[], p_run_ids uuid[] default null)
returns setof uuid
language plpgsql
set search_path = pg_catalog, pg_temp
-- Why no plan is left to estimates: see finish_batch.
set plan_cache_mode = force_generic_plan
set join_collapse_limit = 1
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_material = off
set jit = off
as $$
declare
  v_flow pgflowc.flow_traits;
  v_new_ids uuid[];
  v_run_ids uuid[];
  v_steps integer;
  v_has_root_map boolean;
  v_bad_input jsonb;
  v_started_run_ids uuid[];
  v_started_step_slugs text[];
  v_special_run_ids uuid[];
  v_watched uuid[];
  v_ended_run_ids uuid[];
  v_settled record;
  v_started record;
begin
  if coalesce(cardinality(p_inputs), 0) = 0 then
    return;
  end if;
  if cardinality(p_run_ids) <> cardinality(p_inputs) then
    raise exception 'p_run_ids length (%) must equal p_inputs length (%)', cardinality(p_run_ids), cardinality(p_inputs);
  end if;

  p_flow_slug := pgflowc.current_flow(p_flow_slug);
  perform pg_advisory_xact_lock_shared(2, hashtext(p_flow_slug));

  select count(*), coalesce(bool_or(d.step_type = 'map' and d.deps_count = 0), false)
  into v_steps, v_has_root_map
  from pgflow.steps d
  where d.flow_slug = p_flow_slug;

  if v_has_root_map then
    select u.input into v_bad_input
    from unnest(p_inputs) with ordinality u (input, n)
    where jsonb_typeof(u.input) is distinct from 'array'
    order by u.n
    limit 1;
    if found and v_bad_input is null then
      raise exception 'Flow % has root map steps but input is NULL', p_flow_slug;
    elsif found then
      raise exception 'Flow % has root map steps but input is not an array (got %)', p_flow_slug, jsonb_typeof(v_bad_input);
    end if;
  end if;

  if to_regprocedure('pgflow._new_run_ids(integer)') is not null then -- our core; random ids beside any other
    v_new_ids := pgflow._new_run_ids(cardinality(p_inputs));
  end if;
  v_run_ids := array(
    select coalesce(u.run_id, u.new_id, gen_random_uuid())
    from unnest(p_inputs, p_run_ids, v_new_ids) with ordinality u (input, run_id, new_id, n)
    order by u.n
  );
  insert into pgflow.runs (run_id, flow_slug, input, remaining_steps, status, completed_at)
  select
    u.run_id, p_flow_slug, u.input, v_steps,
    case v_steps when 0 then 'completed' else 'started' end,
    case v_steps when 0 then now() end
  from unnest(v_run_ids, p_inputs) u (run_id, input);

  v_watched := pgflowc._watched_runs(p_flow_slug, v_run_ids);
  if v_watched is not null then
    perform pgflowc._send_run_events(v_watched, v_run_ids, 'started');
  end if;

  if v_steps = 0 then
    if v_watched is not null then
      perform pgflowc._send_run_events(v_watched, v_run_ids, 'completed');
    end if;
    return query select u.run_id from unnest(v_run_ids) u (run_id);
    return;
  end if;

  v_flow := pgflowc._flow_traits(p_flow_slug);

  -- In flows without conditions a root step with tasks is started in the write that creates it.
  with made as (
    insert into pgflow.step_states (
      flow_slug, run_id, step_slug, remaining_deps, initial_tasks, status, started_at, remaining_tasks
    )
    select
      p_flow_slug, m.run_id, m.step_slug, m.deps_count, m.size,
      case when m.starts then 'started' else 'created' end,
      case when m.starts then now() end,
      case when m.starts then m.size end
    from (
      select
        u.run_id, d.step_slug, d.deps_count, z.size,
        not v_flow.has_conditions and d.deps_count = 0 and z.size > 0 as starts
      from unnest(v_run_ids, p_inputs) with ordinality u (run_id, input, n)
      join pgflow.steps d on d.flow_slug = p_flow_slug
      cross join lateral (
        select case when d.step_type = 'single' then 1 when d.deps_count = 0 then jsonb_array_length(u.input) end as size
        offset 0 -- counted once
      ) z
      order by u.n, d.step_index
    ) m
    returning run_id, step_slug, status, remaining_deps, initial_tasks
  )
  select
    array_agg(m.run_id) filter (where m.status = 'started'),
    array_agg(m.step_slug) filter (where m.status = 'started'),
    array_agg(m.run_id) filter (where m.remaining_deps = 0 and m.initial_tasks = 0)
  into v_started_run_ids, v_started_step_slugs, v_special_run_ids
  from made m;

  if v_flow.has_conditions then
    v_special_run_ids := v_run_ids;
  end if;
  if v_special_run_ids is not null then
    v_settled := pgflowc._settle_runs(v_flow, v_special_run_ids, v_watched);
    v_ended_run_ids := v_settled.ended_run_ids;
    v_started_run_ids := v_started_run_ids || v_settled.started_run_ids;
    v_started_step_slugs := v_started_step_slugs || v_settled.started_step_slugs;
    if v_flow.has_conditions then
      v_started := pgflowc._start_ready_steps(v_run_ids);
      v_started_run_ids := v_started.started_run_ids;
      v_started_step_slugs := v_started.started_step_slugs;
    end if;
  end if;
  if v_started_run_ids is not null then
    perform pgflowc._enqueue_tasks(v_flow, v_started_run_ids, v_started_step_slugs, null, 0, v_watched);
  end if;
  if v_ended_run_ids is not null then
    perform pgflowc._close_runs(v_ended_run_ids, v_watched);
  end if;

  return query select u.run_id from unnest(v_run_ids) u (run_id);
end;
$$;
