-- pgflowc._enqueue_tasks(p_flow, p_run_ids, p_step_slugs, p_worker_id, p_claim_max, p_watched): make the tasks of steps just started,
-- and a message for each; those of approvals wait without one (_begin_approvals).
--
-- The first p_claim_max tasks that are due at once are made as claimed by the worker: started, in their first attempt, their
-- message invisible for the step's timeout (else the flow's) + 2 s. That spares a version of both rows and a trip through the
-- queue. The others are queued, visible after the step's opt_start_delay. Returns the claimed tasks. The caller holds the locks of
-- the runs, and of the worker's row when p_claim_max > 0.
-- Locks: none beyond those held; rows are only inserted, but for those of approvals.
create or replace function pgflowc._enqueue_tasks(
  p_flow pgflowc.flow_traits,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_worker_id uuid,
  p_claim_max integer,
  p_watched uuid[],
  out run_ids uuid[],
  out step_slugs text[],
  out task_indexes integer[],
  out msg_ids bigint[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_approvals record;
  v_run_ids uuid[];
  v_step_slugs text[];
  v_task_indexes integer[];
  v_waits integer[];
  v_claimed boolean[];
  v_msg_ids bigint[];
begin
  if p_watched is not null then
    perform pgflowc._send_step_events(p_watched, p_run_ids, p_step_slugs, 'started');
  end if;
  if p_step_slugs && p_flow.approvals then
    select
      array_agg(u.run_id order by u.n) filter (where u.is_approval) as run_ids,
      array_agg(u.step_slug order by u.n) filter (where u.is_approval) as step_slugs,
      array_agg(u.run_id order by u.n) filter (where not u.is_approval) as other_run_ids,
      array_agg(u.step_slug order by u.n) filter (where not u.is_approval) as other_step_slugs
    into v_approvals
    from (
      select u.*, u.step_slug = any (p_flow.approvals) as is_approval
      from unnest(p_run_ids, p_step_slugs) with ordinality u (run_id, step_slug, n)
    ) u;
    perform pgflowc._begin_approvals(p_flow.flow_slug, v_approvals.run_ids, v_approvals.step_slugs, p_watched);
    p_run_ids := v_approvals.other_run_ids;
    p_step_slugs := v_approvals.other_step_slugs;
    if p_run_ids is null then
      return;
    end if;
  end if;
  if p_flow.has_maps and p_flow.has_chunks then
    perform pgflowc._chunk_map_inputs(p_flow.flow_slug, p_run_ids, p_step_slugs);
  end if;

  select
    array_agg(t.run_id), array_agg(t.step_slug), array_agg(t.task_index),
    array_agg(case when t.is_claimed then least(t.timeout, 2147483645) + 2 else t.delay end), array_agg(t.is_claimed)
  into v_run_ids, v_step_slugs, v_task_indexes, v_waits, v_claimed
  from (
    select
      u.run_id, u.step_slug, i.task_index, d.timeout, d.delay,
      d.delay = 0 and row_number() over (partition by d.delay = 0 order by u.n, i.task_index) <= p_claim_max as is_claimed
    from unnest(p_run_ids, p_step_slugs) with ordinality u (run_id, step_slug, n)
    cross join lateral (
      select d.step_type, coalesce(d.opt_timeout, p_flow.opt_timeout) as timeout, coalesce(d.opt_start_delay, 0) as delay
      from pgflow.steps d
      where d.flow_slug = p_flow.flow_slug and d.step_slug = u.step_slug
    ) d
    cross join lateral generate_series(
      0,
      case
        when d.step_type = 'single' then 0
        else (
          select s.initial_tasks - 1 from pgflow.step_states s where s.run_id = u.run_id and s.step_slug = u.step_slug
        )
      end
    ) i (task_index)
    order by u.n, i.task_index
  ) t;

  -- Message ids are drawn in the order of the rows, so the smallest belongs to the first task.
  execute format(
    $query$
    with sent as (
      insert into pgmq.%1$I (vt, read_ct, %2$s message)
      select
        clock_timestamp() + make_interval(secs => t.wait),
        t.is_claimed::integer,
        %3$s
        jsonb_build_object('flow_slug', $1, 'run_id', t.run_id, 'step_slug', t.step_slug, 'task_index', t.task_index)
      from unnest($2, $3, $4, $5, $6) with ordinality t (run_id, step_slug, task_index, wait, is_claimed, n)
      order by t.n
      returning msg_id
    )
    select array_agg(s.msg_id order by s.msg_id) from sent s
    $query$,
    p_flow.queue_table,
    case when p_flow.has_last_read_at then 'last_read_at,' else '' end,
    case when p_flow.has_last_read_at then 'case when t.is_claimed then clock_timestamp() end,' else '' end
  )
  into v_msg_ids
  using p_flow.flow_slug, v_run_ids, v_step_slugs, v_task_indexes, v_waits, v_claimed;

  insert into pgflow.step_tasks (
    flow_slug, run_id, step_slug, task_index, message_id, status, attempts_count, started_at, last_worker_id
  )
  select
    p_flow.flow_slug, t.run_id, t.step_slug, t.task_index, t.msg_id,
    case when t.is_claimed then 'started' else 'queued' end,
    t.is_claimed::integer,
    case when t.is_claimed then now() end,
    case when t.is_claimed then p_worker_id end
  from unnest(v_run_ids, v_step_slugs, v_task_indexes, v_msg_ids, v_claimed)
    t (run_id, step_slug, task_index, msg_id, is_claimed);

  if p_claim_max > 0 then
    select array_agg(t.run_id), array_agg(t.step_slug), array_agg(t.task_index), array_agg(t.msg_id)
    into run_ids, step_slugs, task_indexes, msg_ids
    from unnest(v_run_ids, v_step_slugs, v_task_indexes, v_msg_ids, v_claimed)
      t (run_id, step_slug, task_index, msg_id, is_claimed)
    where t.is_claimed;
  end if;
end;
$$;
