-- pgflowc.tune_queue(p_queue_name): storage parameters of a queue's table for many short-lived rows.
--
-- Autovacuum looks at the table after every 1,000 dead rows, whatever its size, and does not rest while it works: claims walk past
-- the dead. Pages keep room, so that the version a claim writes lands on the same page. Idempotent, and harmless to other users of
-- the queue. An unknown queue is an undefined table; the caller must own the table.
-- Locks: share update exclusive on the table, which readers and writers do not notice.
create or replace function pgflowc.tune_queue(p_queue_name text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    'alter table pgmq.%I set (
       fillfactor = 70,
       autovacuum_vacuum_scale_factor = 0,
       autovacuum_vacuum_threshold = 1000,
       autovacuum_vacuum_cost_delay = 0
     )',
    pgmq.format_table_name(p_queue_name, 'q')
  );
end;
$$;
