-- pgflowc._retry_tasks(p_flow, p_run_ids, ..., p_ordinals): queue failed tasks of a batch again, where they and their run are still
-- started.
--
-- The arguments are those of finish_batch; p_ordinals names the tasks in them. A message becomes visible after the given delay in
-- seconds (at most a year), or where that is NULL after base delay * 2 ^ attempts, the step's base delay, else the flow's. Workers that
-- wait on the queue are woken, to sleep until then. Returns the ordinals of the tasks queued again. The caller holds the locks of runs
-- and tasks.
-- Locks: the messages.
create or replace function pgflowc._retry_tasks(
  p_flow pgflowc.flow_traits,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_errors text[],
  p_retry_delays integer[],
  p_ordinals integer[]
)
returns integer[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ordinals integer[];
  v_msg_ids bigint[];
  v_delays integer[];
begin
  with retried as (
    update pgflow.step_tasks t
    set status = 'queued', started_at = null, failed_at = null, error_message = p_errors[u.n]
    from (
      select o.n, p_run_ids[o.n] as run_id, p_step_slugs[o.n] as step_slug, p_task_indexes[o.n] as task_index
      from unnest(p_ordinals) o (n)
    ) u
    join pgflow.runs r on r.run_id = u.run_id and r.status = 'started'
    join pgflow.flows f on f.flow_slug = r.flow_slug
    join pgflow.steps d on d.flow_slug = r.flow_slug and d.step_slug = u.step_slug
    where t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = u.task_index and t.status = 'started'
    returning
      u.n, t.message_id,
      -- No wait beyond a year serves anybody, and without a cap the number would overflow.
      least(
        31536000,
        case
          when p_retry_delays[u.n] is not null then greatest(p_retry_delays[u.n], 0)
          else coalesce(d.opt_base_delay, f.opt_base_delay) * power(2::double precision, least(t.attempts_count, 100))
        end
      )::integer as delay
  )
  select array_agg(x.n), array_agg(x.message_id), array_agg(x.delay)
  into v_ordinals, v_msg_ids, v_delays
  from retried x;

  if v_ordinals is not null then
    execute format(
      $query$
      update pgmq.%I m
      set vt = clock_timestamp() + make_interval(secs => u.delay)
      from unnest($1, $2) u (msg_id, delay)
      where m.msg_id = u.msg_id
      $query$,
      p_flow.queue_table
    )
    using v_msg_ids, v_delays;
    -- Whoever sleeps has counted on the end of this claim, which is later.
    perform pgflowc._wake_queue(p_flow.flow_slug);
  end if;
  return v_ordinals;
end;
$$;
