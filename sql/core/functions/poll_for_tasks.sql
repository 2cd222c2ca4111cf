-- pgflow.poll_for_tasks(...): a relic of the one-phase claim. Says so in a notice and returns nothing.
--
-- Locks: none.
create or replace function pgflow.poll_for_tasks(
  queue_name text,
  vt integer,
  qty integer,
  max_poll_seconds integer default 5,
  poll_interval_ms integer default 100
)
returns setof pgflow.step_task_record
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise notice 'DEPRECATED: pgflow.poll_for_tasks returns nothing; read messages with pgmq and claim them with pgflow.start_tasks';
end;
$$;
