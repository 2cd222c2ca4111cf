-- pgflowc.enable_wakeup(p_queue_name): let inserts into the queue wake waiting workers.
--
-- Attaches a statement-level trigger to the queue's table. Idempotent. An unknown queue is an undefined table. Workers call it when
-- they start, so this is also where a queue that is ours gets the storage parameters of tune_queue: when the trigger is attached, never
-- again, only where the table has none of its own, and where the caller owns it, which the trigger does not ask for.
-- Locks: none when the trigger is there; else advisory 'pgflowc.enable_wakeup' and the one that CREATE TRIGGER takes on the table.
create or replace function pgflowc.enable_wakeup(p_queue_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table constant text := format('pgmq.%I', pgmq.format_table_name(p_queue_name, 'q'));
begin
  if pgflowc._has_wakeup(v_table::regclass) then
    return;
  end if;

  perform pg_advisory_xact_lock(hashtext('pgflowc.enable_wakeup'));
  if pgflowc._has_wakeup(v_table::regclass) then -- another worker was first
    return;
  end if;
  if exists (
    select from pg_catalog.pg_class c
    where c.oid = v_table::regclass and c.reloptions is null and pg_has_role(c.relowner, 'usage')
  ) then
    perform pgflowc.tune_queue(p_queue_name); -- its lock is weaker than the next one
  end if;
  execute format(
    'create trigger pgflowc_wakeup after insert on %s
     for each statement execute function pgflowc._wake_waiting_workers(%L)',
    v_table, p_queue_name
  );
end;
$$;
