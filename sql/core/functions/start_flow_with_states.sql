-- pgflow.start_flow_with_states(flow_slug, input, run_id): start a run; returns what get_run_with_states says of it.
--
-- Security definer, for client applications without rights on the tables. Locks: as start_flow.
create or replace function pgflow.start_flow_with_states(flow_slug text, input jsonb, run_id uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_id uuid;
begin
  select r.run_id into v_run_id
  from pgflow.start_flow(
    start_flow_with_states.flow_slug, start_flow_with_states.input, start_flow_with_states.run_id
  ) r;
  return pgflow.get_run_with_states(v_run_id);
end;
$$;
