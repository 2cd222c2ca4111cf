-- pgflowc.remove_retention(p_flow_slug): keep ended runs of the flow for ever. Returns false if nothing was set.
--
-- Locks: the flow's row of retention.
create or replace function pgflowc.remove_retention(p_flow_slug text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pgflowc.retention r where r.flow_slug = p_flow_slug;
  return found;
end;
$$;
