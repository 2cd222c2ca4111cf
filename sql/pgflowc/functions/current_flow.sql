-- pgflowc.current_flow(p_name): the stored flow that runs of this name start on: that of its current version, or the flow of that slug.
--
-- Whoever starts runs calls it in the statement that starts them. NULL for NULL.
-- Locks: none.
create or replace function pgflowc.current_flow(p_name text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select v.flow_slug from pgflowc.flow_versions v where v.name = p_name and v.current_since is not null),
    p_name
  )
$$;
