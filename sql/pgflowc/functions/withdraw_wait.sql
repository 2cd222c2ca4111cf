-- pgflowc.withdraw_wait(p_worker_id): this worker no longer sleeps. Also forgets workers whose wait expired a minute ago or earlier.
--
-- Locks: the rows deleted; those that their worker renews at this moment are passed over.
create or replace function pgflowc.withdraw_wait(p_worker_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  delete from pgflowc.waiting_workers w
  using (
    select x.queue_name, x.worker_id
    from pgflowc.waiting_workers x
    where x.worker_id = p_worker_id or x.expires_at < clock_timestamp() - interval '1 minute'
    for update skip locked
  ) gone
  where w.queue_name = gone.queue_name and w.worker_id = gone.worker_id
$$;
