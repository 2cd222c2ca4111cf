-- pgflow.requeue_stalled_tasks(): queue again what has run 30 s beyond its timeout; returns the number queued again.
--
-- To be run every 15 s or so, by pg_cron or a worker. Security definer, so that a scheduler needs no rights on the tables.
-- Locks: as _requeue_stalled_tasks.
create or replace function pgflow.requeue_stalled_tasks()
returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.requeued::integer from pgflow._requeue_stalled_tasks(interval '30 seconds') r
$$;
