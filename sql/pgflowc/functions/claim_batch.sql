-- pgflowc.claim_batch(p_queue_name, p_worker_id, p_max_tasks, p_read_timeout): read and start up to p_max_tasks tasks of a queue.
--
-- What pgmq.read and pgflow.start_tasks do together, in one call that writes each message once: tasks become started with
-- attempts_count + 1, messages invisible for the step's timeout (else the flow's) + 2 s. Messages without a task to claim are left invisible for
-- p_read_timeout seconds and do not count. Oldest message first (but see _claim_queued). p_worker_id is NULL or a row of pgflow.workers.
-- timeout is the effective one, in seconds. A paused queue gives nothing. Raises undefined_table for a queue that belongs to no flow.
-- Locks: the worker's row (shared), those of _settle_waits and _is_paused, messages, tasks; runs, messages and tasks that are locked are passed
-- over, so it waits for no other worker.
create or replace function pgflowc.claim_batch(
  p_queue_name text,
  p_worker_id uuid,
  p_max_tasks integer,
  p_read_timeout integer default 5
)
returns table (
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
#variable_conflict use_column
declare
  v_flow constant pgflowc.flow_traits := pgflowc._flow_traits(p_queue_name);
  v_claim record;
begin
  perform from pgflow.workers w where w.worker_id = p_worker_id for key share;
  perform pgflowc._settle_waits(v_flow, p_puts_off => true); -- in a paused queue, too: that starts nothing
  if pgflowc._is_paused(v_flow.flow_slug) then
    return;
  end if;
  v_claim := pgflowc._claim_queued(v_flow, p_worker_id, p_max_tasks, p_read_timeout);
  if v_claim.run_ids is not null then
    return query
    select c.*
    from pgflowc._claimed_tasks(
      v_flow, v_claim.run_ids, v_claim.step_slugs, v_claim.task_indexes,
      v_claim.msg_ids, v_claim.attempts, v_claim.started_ats
    ) c;
  end if;
end;
$$;
