-- pgflow.prune_data_older_than(retention_interval): delete what was over longer than that ago. Started runs of any age and all
-- definitions stay.
--
-- Locks: as _prune.
create or replace function pgflow.prune_data_older_than(retention_interval interval)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._prune(now() - retention_interval, null)
$$;
