-- pgflow.register_worker(p_worker_id, p_queue_name, p_function_name): enter a worker, or renew the heartbeat of one already there.
--
-- Locks: the worker's row.
create or replace function pgflow.register_worker(p_worker_id uuid, p_queue_name text, p_function_name text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into pgflow.workers as w (worker_id, queue_name, function_name, last_heartbeat_at)
  values (p_worker_id, p_queue_name, p_function_name, clock_timestamp())
  on conflict (worker_id) do update set last_heartbeat_at = clock_timestamp()
$$;
