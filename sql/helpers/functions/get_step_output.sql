-- pgflow.get_step_output(p_run_id, p_step_slug): the step's output; NULL while it has none, and for an unknown step. Locks: none.
create or replace function pgflow.get_step_output(p_run_id uuid, p_step_slug text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select s.output from pgflow.step_states s where s.run_id = p_run_id and s.step_slug = p_step_slug
$$;
