-- pgflowc.expire_waiting_tasks(p_queue_name, p_run_id): see to parked tasks of a flow whose deadline has passed, now, at most 100; returns
-- how many.
--
-- p_run_id: only to those of that run. What every claim does of its own accord, for whoever has no worker. Raises undefined_table for a
-- queue that belongs to no flow.
-- Locks: as _settle_waits.
create or replace function pgflowc.expire_waiting_tasks(p_queue_name text, p_run_id uuid default null)
returns integer
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pgflowc._settle_waits(pgflowc._flow_traits(p_queue_name), 100, case when p_run_id is not null then array[p_run_id] end)
$$;
