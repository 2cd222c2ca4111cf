-- pgflowc._claim_queued(p_flow, p_worker_id, p_max_tasks, p_read_timeout): claim up to p_max_tasks queued tasks of a flow, oldest
-- message first; behind more than 500 messages that are not visible, the one that is due first.
--
-- Each message is written once: invisible for the step's timeout (else the flow's) + 2 s, read_ct + 1. Messages without a task to
-- claim (its run failed, somebody else holds it) become invisible for p_read_timeout seconds, as a read without a claim leaves
-- them, and the next ones are taken instead. Approvals are parked. The caller holds the lock of the worker's row.
--
-- The statements on the queue's table, whose name plpgsql does not know, are prepared once in a session, as "pgflowc pick ...",
-- "pgflowc due ..." and "pgflowc hide ...": planned anew each time they would be a fifth of the whole claim. They are let go when a
-- session has those of 50 queues: to look whether one is there costs the more the more there are, and those of thousands fill its memory.
-- Locks: messages, then tasks; both pass over locked rows, so it waits for nobody.
create or replace function pgflowc._claim_queued(
  p_flow pgflowc.flow_traits,
  p_worker_id uuid,
  p_max_tasks integer,
  p_read_timeout integer,
  out run_ids uuid[],
  out step_slugs text[],
  out task_indexes integer[],
  out msg_ids bigint[],
  out attempts integer[],
  out started_ats timestamptz[]
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most_prepared constant integer := 150;
  c_window constant integer := 500; -- delayed jobs may be millions, and no claim walks past all of them
  v_pick constant text := 'pgflowc pick ' || p_flow.queue_table; -- 62 bytes at most
  v_due constant text := 'pgflowc due ' || p_flow.queue_table;
  v_hide constant text := 'pgflowc hide ' || p_flow.queue_table;
  -- Only as many rows of the window are read as it takes to find enough; each is locked on its own, and looked at again.
  v_pick_query constant text := format(
    $query$
    select array_agg(p.msg_id)
    from (
      select m.msg_id
      from (select o.msg_id, o.vt from pgmq.%1$I o order by o.msg_id limit %2$s) w
      join pgmq.%1$I m on m.msg_id = w.msg_id
      where w.vt <= clock_timestamp() and m.vt <= clock_timestamp()
      order by w.msg_id
      limit $1
      for update of m skip locked
    ) p
    $query$,
    p_flow.queue_table, c_window
  );
  -- The time is a parameter: by a volatile function no index is searched.
  v_due_query constant text := format(
    $query$
    select array_agg(p.msg_id)
    from (
      select m.msg_id from pgmq.%I m
      where m.vt <= $2
      order by m.vt
      limit $1
      for update skip locked
    ) p
    $query$,
    p_flow.queue_table
  );
  v_hide_query constant text := format(
    $query$
    update pgmq.%I m
    set vt = clock_timestamp() + make_interval(secs => u.wait), read_ct = m.read_ct + 1 %s
    from unnest($1, $2) u (msg_id, wait)
    where m.msg_id = u.msg_id
    $query$,
    p_flow.queue_table,
    case when p_flow.has_last_read_at then ', last_read_at = clock_timestamp()' else '' end
  );
  v_prepared text[];
  v_name text;
  v_wanted integer := p_max_tasks;
  v_picked bigint[];
  v_picked_count integer;
  v_claim record;
  v_rest bigint[];
begin
  -- Each look at that view is at all of it.
  v_prepared := array(select p.name from pg_catalog.pg_prepared_statements p where starts_with(p.name, 'pgflowc '));
  if v_pick <> all (v_prepared) then
    if cardinality(v_prepared) >= c_most_prepared then
      foreach v_name in array v_prepared loop
        execute format('deallocate %I', v_name);
      end loop;
      v_prepared := '{}';
    end if;
    if v_hide <> all (v_prepared) then
      execute format('prepare %I (bigint[], integer[]) as %s', v_hide, v_hide_query);
    end if;
    if v_due <> all (v_prepared) then
      execute format('prepare %I (integer, timestamptz) as %s', v_due, v_due_query);
    end if;
    execute format('prepare %I (integer) as %s', v_pick, v_pick_query);
  end if;

  while v_wanted > 0 loop
    execute format('execute %I (%s)', v_pick, v_wanted) into v_picked;
    if v_picked is null or cardinality(v_picked) < v_wanted then
      execute format('execute %I (%s, %L)', v_due, v_wanted, clock_timestamp()) into v_picked;
    end if;
    exit when v_picked is null;
    v_picked_count := cardinality(v_picked);
    if p_flow.approvals is not null then
      v_rest := pgflowc._park_approvals(p_flow, v_picked);
      v_picked := array(select u.m from unnest(v_picked) u (m) where u.m <> all (v_rest));
    end if;

    -- Found by message and locked by themselves, and updated where they lie: joined by key with the run, a plan made while the
    -- tables were small may walk all tasks of a map. An equality written with `any` does not offer a walk through an index in order.
    with candidate as materialized (
      select t.ctid as row, t.run_id, t.step_slug
      from pgflow.step_tasks t
      where
        t.message_id = any (v_picked)
        and (t.flow_slug = p_flow.flow_slug) is true -- written so that no plan walks the tasks of the flow
        and t.status = 'queued'
        and (t.step_slug = any (p_flow.approvals)) is not true -- one that was passed over above is no worker's either
      for no key update skip locked
    ),
    claimed as (
      update pgflow.step_tasks t
      set
        status = 'started',
        attempts_count = t.attempts_count + 1,
        started_at = greatest(now(), t.queued_at),
        last_worker_id = p_worker_id
      from candidate c
      join pgflow.runs r on r.run_id = any (array[c.run_id]) and r.status = 'started'
      join pgflow.step_states s on s.run_id = any (array[c.run_id]) and s.step_slug = c.step_slug and s.status = 'started'
      join pgflow.steps d on d.flow_slug = p_flow.flow_slug and d.step_slug = c.step_slug
      where t.ctid = c.row and t.status = 'queued'
      returning
        t.run_id, t.step_slug, t.task_index, t.message_id, t.attempts_count, t.started_at,
        least(coalesce(d.opt_timeout, p_flow.opt_timeout), 2147483645) + 2 as wait
    )
    select
      array_agg(c.run_id) as run_ids, array_agg(c.step_slug) as step_slugs, array_agg(c.task_index) as task_indexes,
      array_agg(c.message_id) as msg_ids, array_agg(c.attempts_count) as attempts,
      array_agg(c.started_at) as started_ats, array_agg(c.wait) as waits, count(*)::integer as tasks
    into v_claim
    from (select * from claimed c order by c.message_id) c;

    if v_claim.tasks > 0 then
      execute format('execute %I (%L, %L)', v_hide, v_claim.msg_ids, v_claim.waits);
      run_ids := run_ids || v_claim.run_ids;
      step_slugs := step_slugs || v_claim.step_slugs;
      task_indexes := task_indexes || v_claim.task_indexes;
      msg_ids := msg_ids || v_claim.msg_ids;
      attempts := attempts || v_claim.attempts;
      started_ats := started_ats || v_claim.started_ats;
    end if;
    exit when v_claim.tasks = v_picked_count;

    v_rest := array(select u.m from unnest(v_picked) u (m) except select u.m from unnest(v_claim.msg_ids) u (m));
    execute format(
      'execute %I (%L, %L)', v_hide, v_rest, array_fill(greatest(p_read_timeout, 1), array[cardinality(v_rest)])
    );
    exit when v_picked_count < v_wanted;
    v_wanted := v_wanted - v_claim.tasks;
  end loop;
end;
$$;
