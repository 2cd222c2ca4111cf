-- pgflow.maybe_complete_run(run_id): complete the run if none of its steps remains, as _end_steps does.
--
-- Otherwise, and for a run that is over, nothing changes.
-- Locks: the run.
create or replace function pgflow.maybe_complete_run(run_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._end_steps(maybe_complete_run.run_id, 0)
$$;
