-- pgflowc.finish_batch(p_queue_name, p_worker_id, p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_outputs, ...): record the
-- outcomes of a batch of tasks of one queue, over any number of runs and steps, and claim the next tasks.
--
-- The arrays are parallel. An outcome with an error is a failure: tried again after p_retry_delays seconds (NULL: the step's backoff) while
-- attempts are left and p_permanent is not true. Any other is a success with its output; SQL NULL is a valid one. p_attempts is the fence:
-- the attempts_count that the claim returned. A task started again since, by another worker in an attempt of the same number too, or no
-- longer started, is lost to the caller and left alone (NULL: no fence). The result is that of pgflow.complete_task and fail_task called
-- one by one: in each run first the failure that fails it, then retries, then the rest in the order of the batch. Only one thing is left to
-- complete_task: steps and runs that direct writes to the tables made ready go on with it, not here (or call pgflow.start_ready_steps).
--
-- One row for each outcome: ordinal from 1, and outcome
--   completed   recorded
--   retried     recorded, and queued again
--   failed      recorded; no attempt is left, or the output was no array though a map waits for one
--   parked      waits for its signal without a worker, the attempt unspent: it is among p_parked, and has neither output nor error
--   released    the same, but the signal has come or the deadline has passed meanwhile: queued again at once
--   lost        not recorded: the task was no longer the caller's
-- then up to p_claim_max rows with outcome claimed, like those of claim_batch, none of a paused queue. Tasks that this call made ready
-- come first: they are made as started, which spares the trip through the queue.
--
-- The number of statements does not depend on the size of the batch. In a flow with conditions, or when a failure skips steps
-- downstream, it grows with the number of steps that one run ends in the batch, and with the rounds of _settle_runs.
-- Locks: the worker's row (shared, for claims), the runs by run_id, those of _is_paused; then, safe under these, step states, tasks,
-- messages, rows of task_signals. Nobody writes step states without the run's lock; claims and sweeps, which do write tasks and messages
-- without it, wait for nobody, and neither does _settle_waits here.
create or replace function pgflowc.finish_batch(
  p_queue_name text,
  p_worker_id uuid,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_attempts integer[],
  p_outputs jsonb[],
  p_errors text[] default null,
  p_retry_delays integer[] default null,
  p_permanent boolean[] default null,
  p_claim_max integer default 0,
  p_read_timeout integer default 5,
  p_parked boolean[] default null
)
returns table (
  ordinal integer,
  outcome text,
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
-- Plans are kept for the life of a session, and a session may begin on empty tables, where every plan looks as good as any other.
-- So none is left to estimates: statements begin at the batch's arrays, join in the order in which they are written, and reach every
-- row by its key. Generic plans, since the arrays' contents do not matter.
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
  v_flow constant pgflowc.flow_traits := pgflowc._flow_traits(p_queue_name);
  v_size constant integer := coalesce(cardinality(p_run_ids), 0);
  v_claim_max integer := coalesce(p_claim_max, 0);
  v_watched uuid[];
  v_parked record;
  v_failures record;
  v_skip integer[]; -- ordinals of failures that skip their step
  v_cascade integer[];
  v_ordinals integer[] := '{}'; -- of the outcomes recorded, with
  v_outcomes text[] := '{}';
  v_archive bigint[] := '{}';
  v_turns integer[];
  v_turn integer := 0;
  v_last_turn integer := 1;
  v_done record;
  v_released record;
  v_skipped record;
  v_settled record;
  v_ended uuid[]; -- the run of each step that ended in a turn
  v_special uuid[]; -- runs for _settle_runs
  v_started_run_ids uuid[]; -- steps started in a turn
  v_started_step_slugs text[];
  v_claim record;
  v_run_ids uuid[]; -- claimed tasks
  v_step_slugs text[];
  v_task_indexes integer[];
  v_msg_ids bigint[];
  v_attempts integer[];
  v_started_ats timestamptz[];
begin
  if v_size <> any (array[
    coalesce(cardinality(p_step_slugs), 0), coalesce(cardinality(p_task_indexes), 0),
    coalesce(cardinality(p_attempts), v_size), coalesce(cardinality(p_outputs), v_size),
    coalesce(cardinality(p_errors), v_size), coalesce(cardinality(p_retry_delays), v_size),
    coalesce(cardinality(p_permanent), v_size), coalesce(cardinality(p_parked), v_size)
  ]) then
    raise exception 'the arrays of finish_batch must be of equal length';
  end if;

  if v_claim_max > 0 then
    -- The foreign key would take this lock after the tasks'; deleting a worker takes them in this order.
    perform from pgflow.workers w where w.worker_id = p_worker_id for key share;
  end if;

  if v_size > 0 then
    perform
    from pgflow.runs r
    where r.run_id = any (p_run_ids) and (r.flow_slug = v_flow.flow_slug) is true
    order by r.run_id
    for no key update;
    v_watched := pgflowc._watched_runs(v_flow.flow_slug, p_run_ids);
    if true = any (p_parked) then -- before all else, which looks at started tasks only
      v_parked := pgflowc._park_tasks(
        v_flow, p_worker_id, p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_parked, v_watched
      );
      v_ordinals := v_parked.ordinals;
      v_outcomes := v_parked.outcomes;
      v_archive := v_parked.message_ids;
    end if;
    if v_flow.map_sources is not null or array_remove(p_errors, null) <> '{}' then
      v_failures := pgflowc._record_failures(
        v_flow, p_worker_id, p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_outputs, p_errors, p_retry_delays,
        p_permanent, v_watched
      );
      v_ordinals := v_ordinals || v_failures.ordinals;
      v_outcomes := v_outcomes || v_failures.outcomes;
      v_archive := v_archive || v_failures.message_ids;
      v_skip := v_failures.skip_ordinals;
      v_cascade := v_failures.cascade_ordinals;
    end if;
    if v_flow.has_conditions or v_cascade is not null then
      -- What a step's end brings about can end the run, or other steps: one step of each run at a time.
      select array_agg(o.turn order by o.n), max(o.turn)
      into v_turns, v_last_turn
      from (
        select o.n, dense_rank() over (partition by o.run_id order by o.first_n)::integer as turn
        from (
          select o.n, o.run_id, min(o.n) over (partition by o.run_id, o.step_slug) as first_n
          from unnest(p_run_ids, p_step_slugs) with ordinality o (run_id, step_slug, n)
        ) o
      ) o;
    end if;
  end if;
  if v_claim_max > 0 and pgflowc._is_paused(v_flow.flow_slug) then
    v_claim_max := 0;
  end if;

  while v_size > 0 and v_turn < v_last_turn loop
    v_turn := v_turn + 1;
    v_done := pgflowc._complete_tasks(
      v_flow, p_worker_id, p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_outputs, p_errors, v_turns, v_turn
    );
    v_ordinals := v_ordinals || v_done.ordinals;
    v_outcomes := v_outcomes || array_fill('completed'::text, array[coalesce(cardinality(v_done.ordinals), 0)]);
    v_archive := v_archive || v_done.message_ids;
    v_ended := v_done.ended_run_ids;
    v_special := null;
    v_started_run_ids := null;
    v_started_step_slugs := null;

    if v_ended is not null then
      if v_watched is not null then
        perform pgflowc._send_step_events(v_watched, v_done.ended_run_ids, v_done.ended_step_slugs, 'completed');
      end if;
      v_released := pgflowc._release_dependents(
        v_flow.flow_slug, v_done.ended_run_ids, v_done.ended_step_slugs, not v_flow.has_conditions
      );
      v_special := v_released.special_run_ids;
      v_started_run_ids := v_released.started_run_ids;
      v_started_step_slugs := v_released.started_step_slugs;
    end if;

    if v_skip is not null then
      v_skipped := pgflowc._skip_failed_steps(
        v_flow.flow_slug, p_run_ids, p_step_slugs, p_task_indexes, p_errors,
        array(select n from unnest(v_skip) n where v_turns is null or v_turns[n] = v_turn), false, v_watched
      );
      v_ordinals := v_ordinals || v_skipped.ordinals;
      v_outcomes := v_outcomes || array_fill('failed'::text, array[coalesce(cardinality(v_skipped.ordinals), 0)]);
      v_archive := v_archive || v_skipped.message_ids;
      v_ended := v_ended || v_skipped.ended_run_ids;
      v_released := pgflowc._release_dependents(
        v_flow.flow_slug, v_skipped.run_ids, v_skipped.step_slugs, not v_flow.has_conditions
      );
      v_special := v_special || v_released.special_run_ids;
      v_started_run_ids := v_started_run_ids || v_released.started_run_ids;
      v_started_step_slugs := v_started_step_slugs || v_released.started_step_slugs;
    end if;
    if v_cascade is not null then
      v_skipped := pgflowc._skip_failed_steps(
        v_flow.flow_slug, p_run_ids, p_step_slugs, p_task_indexes, p_errors,
        array(select n from unnest(v_cascade) n where v_turns[n] = v_turn), true, v_watched
      );
      v_ordinals := v_ordinals || v_skipped.ordinals;
      v_outcomes := v_outcomes || array_fill('failed'::text, array[coalesce(cardinality(v_skipped.ordinals), 0)]);
      v_archive := v_archive || v_skipped.message_ids;
      v_ended := v_ended || v_skipped.ended_run_ids;
    end if;

    if v_special is not null then
      v_settled := pgflowc._settle_runs(v_flow, v_special, v_watched);
      v_archive := v_archive || v_settled.message_ids;
      v_ended := v_ended || v_settled.ended_run_ids;
      v_started_run_ids := v_started_run_ids || v_settled.started_run_ids;
      v_started_step_slugs := v_started_step_slugs || v_settled.started_step_slugs;
    end if;
    if v_flow.has_conditions and v_ended is not null then
      v_released := pgflowc._start_ready_steps(v_ended);
      v_started_run_ids := v_released.started_run_ids;
      v_started_step_slugs := v_released.started_step_slugs;
    end if;
    if v_started_run_ids is not null then
      v_claim := pgflowc._enqueue_tasks(
        v_flow, v_started_run_ids, v_started_step_slugs, p_worker_id,
        case v_turn when v_last_turn then v_claim_max else 0 end, v_watched
      );
      v_run_ids := v_claim.run_ids;
      v_step_slugs := v_claim.step_slugs;
      v_task_indexes := v_claim.task_indexes;
      v_msg_ids := v_claim.msg_ids;
      v_attempts := array_fill(1, array[coalesce(cardinality(v_run_ids), 0)]);
      v_started_ats := array_fill(now(), array[coalesce(cardinality(v_run_ids), 0)]);
    end if;
    if v_ended is not null then
      perform pgflowc._close_runs(v_ended, v_watched);
    end if;
  end loop;

  if coalesce(cardinality(v_ordinals), 0) < v_size then
    -- A late outcome: if its run or step is over, its message has no use any more.
    v_archive := v_archive || array(
      select t.message_id
      from unnest(p_run_ids, p_step_slugs, p_task_indexes) u (run_id, step_slug, task_index)
      join pgflow.runs r on r.run_id = u.run_id
      join pgflow.step_states s on s.run_id = u.run_id and s.step_slug = u.step_slug
      join pgflow.step_tasks t on t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = u.task_index
      where (t.flow_slug = v_flow.flow_slug) is true and (r.status = 'failed' or s.status <> 'started')
    );
  end if;
  if v_archive <> '{}' then
    perform pgmq.archive(v_flow.flow_slug, v_archive);
  end if;
  -- By the key: in a table of which most is gone, the first row may be far away.
  if v_size > 0 and exists (
    select
    from unnest(p_run_ids) u (run_id)
    cross join lateral (select from pgflowc.task_signals w where w.run_id = u.run_id limit 1) w
  )
  then
    perform pgflowc._forget_signals(p_run_ids, p_step_slugs, p_task_indexes);
    if v_flow.approvals is not null then -- that have begun here, and whose signals had come before
      perform pgflowc._settle_waits(v_flow, p_run_ids => p_run_ids);
    end if;
  end if;

  if coalesce(p_claim_max, 0) > 0 then -- in a paused queue, too
    perform pgflowc._settle_waits(v_flow, p_puts_off => true);
  end if;

  if v_claim_max > coalesce(cardinality(v_run_ids), 0) then
    v_claim := pgflowc._claim_queued(
      v_flow, p_worker_id, v_claim_max - coalesce(cardinality(v_run_ids), 0), p_read_timeout
    );
    v_run_ids := v_run_ids || v_claim.run_ids;
    v_step_slugs := v_step_slugs || v_claim.step_slugs;
    v_task_indexes := v_task_indexes || v_claim.task_indexes;
    v_msg_ids := v_msg_ids || v_claim.msg_ids;
    v_attempts := v_attempts || v_claim.attempts;
    v_started_ats := v_started_ats || v_claim.started_ats;
  end if;

  return query
  select
    o.n, coalesce(max(o.outcome), 'lost'),
    null::text, null::uuid, null::text, null::integer, null::jsonb, null::jsonb,
    null::bigint, null::integer, null::timestamptz, null::integer
  from (
    select u.n, u.outcome from unnest(v_ordinals, v_outcomes) u (n, outcome)
    union all
    select g.n, null from generate_series(1, v_size) g (n)
  ) o
  group by o.n
  order by o.n;

  if v_run_ids is not null then
    return query
    select null::integer, 'claimed', c.*
    from pgflowc._claimed_tasks(v_flow, v_run_ids, v_step_slugs, v_task_indexes, v_msg_ids, v_attempts, v_started_ats) c;
  end if;
end;
$$;
