-- pgflowc.versions_of(p_name): the stored flows of all versions of that name; for one without versions the name itself.
--
-- Locks: none.
create or replace function pgflowc.versions_of(p_name text)
returns setof text
language sql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
  select v.flow_slug from pgflowc.flow_versions v where v.name = p_name
  union
  select p_name where not exists (select from pgflowc.flow_versions v where v.name = p_name)
$$;
