-- pgflow.get_flow_input(p_run_id): the run's input; NULL for an unknown run. Locks: none.
create or replace function pgflow.get_flow_input(p_run_id uuid)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select r.input from pgflow.runs r where r.run_id = p_run_id
$$;
