-- pgflowc.add_version(p_name, p_version, p_flow_slug): say that a stored flow is a version of a name. Runs go on starting where they did.
--
-- A flow that is stored under the name itself becomes version 1 and stays the current one; where there is neither that nor any other
-- version, the new one is current at once. Raises no_data_found for a flow that is not defined, and unique_violation for a version
-- that is there, or a flow that is one already.
-- Locks: advisory (3, hash of the name), against others who change the versions of the name.
create or replace function pgflowc.add_version(p_name text, p_version integer, p_flow_slug text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(3, hashtext(p_name));
  if not exists (select from pgflow.flows f where f.flow_slug = p_flow_slug) then
    raise exception 'flow "%" does not exist', p_flow_slug
      using errcode = 'no_data_found', hint = 'Define the flow before it becomes a version.';
  end if;

  if not exists (select from pgflowc.flow_versions v where v.name = p_name) and p_flow_slug <> p_name then
    insert into pgflowc.flow_versions (name, version, flow_slug, current_since, created_at)
    select p_name, 1, f.flow_slug, f.created_at, f.created_at from pgflow.flows f where f.flow_slug = p_name;
  end if;
  insert into pgflowc.flow_versions (name, version, flow_slug, current_since)
  values (
    p_name, p_version, p_flow_slug,
    case when not exists (select from pgflowc.flow_versions v where v.name = p_name) then now() end
  );
end;
$$;
