-- pgflow.recover_stalled_tasks(p_stale_threshold): requeue_stalled_tasks with a threshold of one's own, in seconds beyond the timeout.
--
-- recovered_count is the number of tasks queued again, vt_batches the number of queues whose messages were made visible for it.
-- Locks: as _requeue_stalled_tasks.
create or replace function pgflow.recover_stalled_tasks(p_stale_threshold double precision)
returns table (recovered_count bigint, vt_batches bigint)
language sql
set search_path = pg_catalog, pg_temp
as $$
  select r.requeued, r.queues from pgflow._requeue_stalled_tasks(make_interval(secs => p_stale_threshold)) r
$$;
