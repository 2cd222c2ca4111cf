-- pgflowc.announce_wait(p_queue_names, p_worker_id, p_ttl_ms): this worker is about to sleep until a message arrives in a queue.
--
-- Records so until now + p_ttl_ms. writers_in_flight says that sleeping is not safe yet: look for messages again soon, and announce
-- again. It is true when the announcement is new, because inserts of the moment could not see it before this transaction commits; and
-- when another transaction that began before the announcement was known, of several queues the newest, holds a write lock on one of their
-- tables, because it may have inserted without seeing us. So the second announcement in a row is the one that can say false, and transactions
-- that began later do not matter: workers of the family hold such a lock for as long as they poll. (Where the role may not see when a
-- transaction of another role began, it does.) next_due_ms is what next_due says after that.
-- Call it in a transaction of its own. Locks: the worker's own rows.
create or replace function pgflowc.announce_wait(p_queue_names text[], p_worker_id uuid, p_ttl_ms integer)
returns table (writers_in_flight boolean, next_due_ms bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_known_since timestamptz;
  v_new boolean;
  v_tables regclass[];
begin
  with announced as (
    insert into pgflowc.waiting_workers as w (queue_name, worker_id, expires_at)
    select q.name, p_worker_id, clock_timestamp() + make_interval(secs => p_ttl_ms / 1000.0)
    from (select distinct x.name from unnest(p_queue_names) x (name) order by x.name) q
    on conflict (queue_name, worker_id) do update set
      expires_at = excluded.expires_at,
      known_since = case when w.expires_at > clock_timestamp() then coalesce(w.known_since, clock_timestamp()) end
    returning w.known_since
  )
  select max(a.known_since), coalesce(bool_or(a.known_since is null), false)
  into v_known_since, v_new
  from announced a;

  v_tables := array(
    select to_regclass(format('pgmq.%I', pgmq.format_table_name(q.name, 'q'))) from unnest(p_queue_names) q (name)
  );

  -- Locks first, messages after: a writer that has just gone from the locks has committed, and the next statement sees its message.
  writers_in_flight :=
    v_new
    or exists (
      select
      from pg_catalog.pg_locks l
      left join lateral pg_stat_get_activity(l.pid) a on true
      where
        l.locktype = 'relation'
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
        and l.relation = any (v_tables::oid[])
        and l.mode = 'RowExclusiveLock'
        and l.pid <> pg_backend_pid()
        and (a.xact_start > v_known_since) is not true
    );

  next_due_ms := pgflowc.next_due(p_queue_names);
  return next;
end;
$$;
