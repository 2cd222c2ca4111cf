-- pgflow.flow_exists(p_flow_slug): is a flow of exactly that slug defined? Locks: none.
create or replace function pgflow.flow_exists(p_flow_slug text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pgflow.flows f where f.flow_slug = p_flow_slug)
$$;
