-- pgflowc._park_tasks(p_flow, p_worker_id, p_run_ids, ..., p_parked, p_watched): let those tasks of a batch wait for their signal without a
-- worker.
--
-- The arguments are those of finish_batch. A task that is still the caller's becomes waiting, its attempt unspent, and its message is the
-- caller's to archive; where the signal has come or the deadline has passed meanwhile, it is queued again as release_tasks does. Returns the
-- ordinals in the batch with their outcomes (parked, released). The caller holds the locks of the runs.
-- Locks: the tasks, their rows of task_signals, messages.
create or replace function pgflowc._park_tasks(
  p_flow pgflowc.flow_traits,
  p_worker_id uuid,
  p_run_ids uuid[],
  p_step_slugs text[],
  p_task_indexes integer[],
  p_attempts integer[],
  p_parked boolean[],
  p_watched uuid[],
  out ordinals integer[],
  out outcomes text[],
  out message_ids bigint[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_task record;
  v_is_due boolean;
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  ordinals := '{}';
  outcomes := '{}';
  message_ids := '{}';
  for v_task in
    select t.ctid as row, t.run_id, t.step_slug, t.task_index, t.message_id, u.n::integer as n
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_attempts, p_parked)
      with ordinality u (run_id, step_slug, task_index, attempt, parked, n)
    join pgflow.runs r on r.run_id = u.run_id and r.status = 'started' and (r.flow_slug = p_flow.flow_slug) is true
    join pgflow.step_states s on s.run_id = u.run_id and s.step_slug = u.step_slug and s.status = 'started'
    join pgflow.step_tasks t on t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = u.task_index
    where
      u.parked
      and t.status = 'started'
      and t.permanently_stalled_at is null -- has no message any more
      and (u.attempt is null or (t.attempts_count = u.attempt and (t.last_worker_id = p_worker_id) is not false))
    order by t.run_id, t.step_slug, t.task_index
    for no key update of t
  loop
    select w.sent_at is not null or coalesce(w.deadline <= clock_timestamp(), false) into v_is_due
    from pgflowc.task_signals w
    where w.run_id = v_task.run_id and w.step_slug = v_task.step_slug and w.task_index = v_task.task_index;

    update pgflow.step_tasks t
    set
      status = case when v_is_due then 'queued' else 'waiting' end,
      started_at = null, last_worker_id = null, attempts_count = t.attempts_count - 1
    where t.run_id = v_task.run_id and t.step_slug = v_task.step_slug and t.task_index = v_task.task_index and t.status = 'started';
    continue when not found; -- named twice
    ordinals := ordinals || v_task.n;
    outcomes := outcomes || case when v_is_due then 'released' else 'parked' end;

    if v_is_due then
      execute format('update pgmq.%I m set vt = clock_timestamp() where m.msg_id = $1', p_flow.queue_table) using v_task.message_id;
    else
      message_ids := message_ids || v_task.message_id;
      if v_task.run_id = any (p_watched) then
        v_run_ids := v_run_ids || v_task.run_id;
        v_step_slugs := v_step_slugs || v_task.step_slug;
      end if;
      insert into pgflowc.task_signals as w (run_id, step_slug, task_index, flow_slug, waiting_since)
      values (v_task.run_id, v_task.step_slug, v_task.task_index, p_flow.flow_slug, clock_timestamp())
      on conflict (run_id, step_slug, task_index) do update set due_at = w.deadline;
    end if;
  end loop;
  if v_run_ids is not null then
    perform pgflowc._send_step_events(p_watched, array_agg(u.run_id), array_agg(u.step_slug), 'waiting')
    from (select distinct u.run_id, u.step_slug from unnest(v_run_ids, v_step_slugs) u (run_id, step_slug)) u;
  end if;
  if ordinals <> '{}' then
    perform pgflowc._wake_queue(p_flow.flow_slug); -- those who sleep count on the next due time that they have seen
  end if;
end;
$$;
