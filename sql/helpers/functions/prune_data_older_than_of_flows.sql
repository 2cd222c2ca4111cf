-- pgflow.prune_data_older_than(p_retention_interval, p_flow_slugs): prune the given flows only (NULL: all), and say what went.
--
-- Workers are pruned whatever the flows. p_flow_slugs has no default: beside the form with one argument, a call with one would be
-- ambiguous. Locks: as _prune.
create or replace function pgflow.prune_data_older_than(p_retention_interval interval, p_flow_slugs text[])
returns table (deleted_runs bigint, deleted_step_states bigint, deleted_step_tasks bigint, deleted_workers bigint)
language sql
set search_path = pg_catalog, pg_temp
as $$
  select p.deleted_runs, p.deleted_step_states, p.deleted_step_tasks, p.deleted_workers
  from pgflow._prune(now() - p_retention_interval, p_flow_slugs) p
$$;
