-- pgflowc.announce_wait(p_queue_names, p_worker_id, p_ttl_ms): this worker is about to sleep until a message arrives in a queue.
--
-- Records so until now + p_ttl_ms. writers_in_flight says that sleeping is not safe yet: look for messages again soon, and announce
-- again. It is true when the announcement is new, because inserts of the moment could not see it before this transaction commits; and
-- when another transaction holds a write lock on one of the queue tables, because it may have inserted before it could see us. So the
-- second announcement in a row is the one that can say false. next_due_ms is what next_due says after that.
-- Call it in a transaction of its own. Locks: the worker's own rows.
create or replace function pgflowc.announce_wait(p_queue_names text[], p_worker_id uuid, p_ttl_ms integer)
returns table (writers_in_flight boolean, next_due_ms bigint)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_known integer;
  v_tables regclass[];
begin
  select count(*) into v_known
  from pgflowc.waiting_workers w
  where
    w.worker_id = p_worker_id
    and w.queue_name = any (p_queue_names)
    and w.expires_at > clock_timestamp();

  insert into pgflowc.waiting_workers as w (queue_name, worker_id, expires_at)
  select q.name, p_worker_id, clock_timestamp() + make_interval(secs => p_ttl_ms / 1000.0)
  from (select distinct x.name from unnest(p_queue_names) x (name) order by x.name) q
  on conflict (queue_name, worker_id) do update set expires_at = excluded.expires_at;

  v_tables := array(
    select to_regclass(format('pgmq.%I', pgmq.format_table_name(q.name, 'q'))) from unnest(p_queue_names) q (name)
  );

  -- Locks first, messages after: a writer that has just gone from the locks has committed, and the next statement sees its message.
  writers_in_flight :=
    v_known < (select count(distinct x.name) from unnest(p_queue_names) x (name))
    or exists (
      select
      from pg_catalog.pg_locks l
      where
        l.locktype = 'relation'
        and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
        and l.relation = any (v_tables::oid[])
        and l.mode = 'RowExclusiveLock'
        and l.pid <> pg_backend_pid()
    );

  next_due_ms := pgflowc.next_due(p_queue_names);
  return next;
end;
$$;
