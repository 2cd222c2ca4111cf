-- pgflow.mark_worker_stopped(worker_id): the worker says that it stopped. Unknown ids do nothing. Locks: the worker's row.
create or replace function pgflow.mark_worker_stopped(worker_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  update pgflow.workers w set stopped_at = clock_timestamp() where w.worker_id = mark_worker_stopped.worker_id
$$;
