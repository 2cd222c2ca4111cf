-- pgflow.start_tasks(flow_slug, msg_ids, worker_id): claim the tasks behind messages just read, and return them with their inputs.
--
-- Claimed are tasks of that flow whose message is among msg_ids, that are queued, in a started step of a started run, and that
-- nobody else holds at this moment. Each becomes started with attempts_count + 1, and its message invisible for the step's
-- timeout (else the flow's) + 2 s from the current clock. Only rows really claimed are returned, in the order of their messages.
-- Messages without such a task are left alone: they reappear after the read's own timeout. worker_id is NULL or a row of
-- pgflow.workers. If a claimed task's message has left the queue the call raises, and so claims nothing.
-- Locks: the worker's row (shared), then the tasks, passing over locked ones, so it waits for nobody; then their messages.
create or replace function pgflow.start_tasks(flow_slug text, msg_ids bigint[], worker_id uuid)
returns setof pgflow.step_task_record
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
  v_flow_slug constant text := start_tasks.flow_slug;
  v_run_ids uuid[];
  v_step_slugs text[];
  v_task_indexes integer[];
  v_msg_ids bigint[];
  v_timeouts integer[];
  v_moved integer;
begin
  if start_tasks.msg_ids is null or cardinality(start_tasks.msg_ids) = 0 then
    return;
  end if;

  -- The foreign key would take this lock after the tasks'; deleting a worker takes them in this order.
  if start_tasks.worker_id is not null then
    perform from pgflow.workers w where w.worker_id = start_tasks.worker_id for key share;
  end if;

  -- Found by message and locked first, by themselves, and updated where they lie: joined by key with the run, a plan made while the
  -- tables were small may walk all tasks of a map.
  with candidate as materialized (
    select t.ctid as row, t.run_id, t.step_slug
    from pgflow.step_tasks t
    where
      t.message_id = any (start_tasks.msg_ids)
      and (t.flow_slug = v_flow_slug) is true -- written so that no plan walks the tasks of the flow
      and t.status = 'queued'
    for no key update skip locked
  ),
  claimed as (
    update pgflow.step_tasks t
    set
      status = 'started',
      attempts_count = t.attempts_count + 1,
      started_at = greatest(now(), t.queued_at),
      last_worker_id = start_tasks.worker_id
    from candidate c
    join pgflow.runs r on r.run_id = any (array[c.run_id]) and r.status = 'started'
    join pgflow.step_states s on s.run_id = any (array[c.run_id]) and s.step_slug = c.step_slug and s.status = 'started'
    join pgflow.steps d on d.flow_slug = v_flow_slug and d.step_slug = c.step_slug
    join pgflow.flows f on f.flow_slug = v_flow_slug
    where t.ctid = c.row and t.status = 'queued'
    returning
      t.run_id, t.step_slug, t.task_index, t.message_id, least(coalesce(d.opt_timeout, f.opt_timeout), 2147483645) + 2 as invisible_for
  )
  select
    array_agg(c.run_id order by c.message_id), array_agg(c.step_slug order by c.message_id),
    array_agg(c.task_index order by c.message_id), array_agg(c.message_id order by c.message_id),
    array_agg(c.invisible_for order by c.message_id)
  into v_run_ids, v_step_slugs, v_task_indexes, v_msg_ids, v_timeouts
  from claimed c;

  if v_run_ids is null then
    return;
  end if;

  select count(*) into v_moved from pgflow.set_vt_batch(v_flow_slug, v_msg_ids, v_timeouts);
  if v_moved < cardinality(v_msg_ids) then
    raise exception 'only % of % claimed messages are in queue "%"', v_moved, cardinality(v_msg_ids), v_flow_slug
      using hint = 'Messages of queued tasks must not be archived, deleted or purged by hand.';
  end if;

  return query
  select
    v_flow_slug,
    c.run_id,
    c.step_slug,
    case
      when d.step_type = 'map' then pgflow._map_element(c.run_id, v_flow_slug, c.step_slug, c.task_index)
      when d.deps_count = 0 then '{}'::jsonb
      else (
        select coalesce(jsonb_object_agg(e.dep_slug, o.output), '{}'::jsonb)
        from pgflow.deps e
        join pgflow.step_states o on o.run_id = c.run_id and o.step_slug = e.dep_slug and o.status = 'completed'
        where e.flow_slug = v_flow_slug and e.step_slug = c.step_slug
      )
    end,
    c.msg_id,
    c.task_index,
    case
      when d.step_type = 'single' and d.deps_count = 0
        then (select r.input from pgflow.runs r where r.run_id = c.run_id)
    end
  from unnest(v_run_ids, v_step_slugs, v_task_indexes, v_msg_ids)
    with ordinality c (run_id, step_slug, task_index, msg_id, n)
  join pgflow.steps d on d.flow_slug = v_flow_slug and d.step_slug = c.step_slug
  order by c.n;
end;
$$;
