-- pgflowc.retry_run(p_run_id): take a failed run up again where it failed. Returns false if the run is not failed.
--
-- Steps that are completed or skipped stay so, and so do the completed tasks of the others, with their outputs. The other tasks of
-- steps that had begun are queued again as if new: attempts from 0, a new message, visible at once. Steps that had not begun wait for
-- what they depend on by today's definition; those that are ready are put through their conditions, so a run that failed for a
-- condition fails for it again, unless that has changed meanwhile. Events: run:started, and step:started for a step that had failed.
-- Signals that were sent to tasks which have not failed are kept, and their waits get them at once; a task that failed waits anew.
-- An outcome that a worker reports late for an attempt of before is lost (finish_batch), unless it is that worker's again, in an
-- attempt of the same number: that is for the worker to know, and ours do.
-- Raises no_data_found for an unknown run, object_not_in_prerequisite_state when a step that has become a map finds no array.
-- Locks: advisory (2, hash of the slug), shared, against changes of the flow; the run, its step states, tasks, messages, rows of
-- task_signals.
create or replace function pgflowc.retry_run(p_run_id uuid)
returns boolean
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
  v_run pgflow.runs;
  v_flow pgflowc.flow_traits;
  v_watched uuid[];
  v_failed_step_slugs text[];
  v_sizeless text;
  v_settled record;
  v_started record;
  v_started_run_ids uuid[];
  v_started_step_slugs text[];
begin
  perform pg_advisory_xact_lock_shared(2, hashtext(r.flow_slug)) from pgflow.runs r where r.run_id = p_run_id; -- as start_flow
  select r.* into v_run from pgflow.runs r where r.run_id = p_run_id for no key update;
  if not found then
    raise exception 'Run not found: %', p_run_id using errcode = 'no_data_found';
  elsif v_run.status <> 'failed' then
    return false;
  end if;
  perform pgflowc._forget_signals(array[p_run_id]); -- that somebody failed by writing to the tables
  v_flow := pgflowc._flow_traits(v_run.flow_slug);
  v_watched := pgflowc._watched_runs(v_run.flow_slug, array[p_run_id]);

  with reset as (
    update pgflow.step_states s
    set
      status = case when x.tasks > 0 then 'started' else 'created' end,
      started_at = case when x.tasks > 0 then s.started_at end,
      remaining_tasks = case when x.tasks > 0 then x.unfinished end,
      failed_at = null,
      error_message = null
    from (
      select s.step_slug, s.status, count(t.*) as tasks, count(*) filter (where t.status <> 'completed') as unfinished
      from pgflow.step_states s
      left join pgflow.step_tasks t on t.run_id = s.run_id and t.step_slug = s.step_slug
      where s.run_id = p_run_id and s.status in ('started', 'failed')
      group by s.step_slug, s.status
    ) x
    where s.run_id = p_run_id and s.step_slug = x.step_slug
    returning s.step_slug, s.status, x.status as was
  )
  select array_agg(x.step_slug) filter (where x.status = 'started' and x.was = 'failed') into v_failed_step_slugs from reset x;

  -- What has not begun waits for what it depends on by now: the definition may have changed since.
  update pgflow.step_states s
  set remaining_deps = x.remaining_deps, initial_tasks = case d.step_type when 'single' then 1 else x.size end
  from pgflow.step_states k
  join pgflow.steps d on d.flow_slug = k.flow_slug and d.step_slug = k.step_slug
  cross join lateral (
    select
      count(*) filter (where o.status not in ('completed', 'skipped')) as remaining_deps,
      case
        when d.deps_count = 0 and jsonb_typeof(v_run.input) = 'array' then jsonb_array_length(v_run.input)
        when d.deps_count > 0 then max(case
          when o.status = 'skipped' then 0
          when o.status = 'completed' and jsonb_typeof(o.output) = 'array' then jsonb_array_length(o.output)
        end)
      end as size -- of a map
    from pgflow.deps e
    join pgflow.step_states o on o.run_id = p_run_id and o.step_slug = e.dep_slug -- one added later is no step of this run
    where e.flow_slug = d.flow_slug and e.step_slug = d.step_slug
  ) x
  where k.run_id = p_run_id and s.run_id = p_run_id and s.step_slug = k.step_slug and s.status = 'created';
  select s.step_slug into v_sizeless
  from pgflow.step_states s
  where s.run_id = p_run_id and s.status = 'created' and s.remaining_deps = 0 and s.initial_tasks is null
  order by s.step_slug
  limit 1;
  if found then
    raise exception 'run % cannot go on: map step "%" of today''s definition has no array to work on', p_run_id, v_sizeless
      using errcode = 'object_not_in_prerequisite_state', hint = 'Start a new run instead.';
  end if;

  update pgflow.runs r
  set
    status = 'started',
    failed_at = null,
    remaining_steps = (
      select count(*) from pgflow.step_states s where s.run_id = p_run_id and s.status not in ('completed', 'skipped')
    )
  where r.run_id = p_run_id;

  if v_watched is not null then
    perform pgflowc._send_run_events(v_watched, array[p_run_id], 'started');
    perform pgflowc._send_step_events(v_watched, array_agg(p_run_id), array_agg(u.step_slug), 'started')
    from unnest(v_failed_step_slugs) u (step_slug);
  end if;

  -- Steps first: a condition may fail the run again, and then no task is touched.
  v_settled := pgflowc._settle_runs(v_flow, array[p_run_id], v_watched);
  perform pgflowc._requeue_run(v_flow, p_run_id, v_watched);
  v_started := pgflowc._start_ready_steps(array[p_run_id]);
  v_started_run_ids := v_settled.started_run_ids || v_started.started_run_ids;
  v_started_step_slugs := v_settled.started_step_slugs || v_started.started_step_slugs;
  if v_started_run_ids is not null then
    perform pgflowc._enqueue_tasks(v_flow, v_started_run_ids, v_started_step_slugs, null, 0, v_watched);
  end if;
  if v_settled.message_ids is not null then
    perform pgmq.archive(v_run.flow_slug, v_settled.message_ids);
  end if;
  if v_settled.ended_run_ids is not null then
    perform pgflowc._close_runs(v_settled.ended_run_ids, v_watched);
  end if;
  if v_flow.approvals is not null then -- whose signals have been kept
    perform pgflowc._settle_waits(v_flow, p_run_ids => array[p_run_id]);
  end if;
  return true;
end;
$$;
