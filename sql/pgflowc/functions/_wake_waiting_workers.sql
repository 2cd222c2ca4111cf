-- pgflowc._wake_waiting_workers(): the trigger that enable_wakeup attaches. Its argument is the queue's name.
--
-- If a worker waits on the queue: NOTIFY pgflowc_wakeup with that name, else nothing, since every NOTIFY takes a lock of the whole
-- database at commit. Deletes nothing, so that producers never wait for each other here. Security definer: whoever may insert into
-- the queue need not have rights on pgflowc.
-- Locks: none.
create or replace function pgflowc._wake_waiting_workers()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  if exists (
    select
    from pgflowc.waiting_workers w
    where w.queue_name = tg_argv[0] and w.expires_at > clock_timestamp()
  ) then
    perform pg_notify('pgflowc_wakeup', tg_argv[0]);
  end if;
  return null;
end;
$$;
