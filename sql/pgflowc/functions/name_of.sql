-- pgflowc.name_of(p_flow_slug): what clients and schedules call a stored flow: the name that it is a version of, or its slug.
--
-- Locks: none.
create or replace function pgflowc.name_of(p_flow_slug text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select v.name from pgflowc.flow_versions v where v.flow_slug = p_flow_slug), p_flow_slug)
$$;
