-- pgflowc._wake_queue(p_queue_name): wake the workers that wait on a queue, if there are any.
--
-- NOTIFY pgflowc_wakeup with the queue's name, else nothing, since every NOTIFY takes a lock of the whole database at commit. Deletes
-- nothing, so that producers never wait for each other here. Call it after the write that makes a message visible.
-- Locks: none.
create or replace function pgflowc._wake_queue(p_queue_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select
    from pgflowc.waiting_workers w
    where w.queue_name = p_queue_name and w.expires_at > clock_timestamp()
  ) then
    perform pg_notify('pgflowc_wakeup', p_queue_name);
  end if;
end;
$$;
