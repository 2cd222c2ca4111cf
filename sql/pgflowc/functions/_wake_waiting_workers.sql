-- pgflowc._wake_waiting_workers(): the trigger that enable_wakeup attaches. Its argument is the queue's name.
--
-- Security definer: whoever may insert into the queue need not have rights on pgflowc.
-- Locks: none.
create or replace function pgflowc._wake_waiting_workers()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflowc._wake_queue(tg_argv[0]);
  return null;
end;
$$;
