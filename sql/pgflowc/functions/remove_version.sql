-- pgflowc.remove_version(p_name, p_version): a version that no run starts on is none any more; the stored flow is the caller's to delete.
--
-- The current version can only be the last to go. What is left of a name whose only version is stored under it is no row at all, as
-- before it had versions. A version that is not there, since somebody deleted the flow by hand, is none already. Raises object_in_use for
-- the current one. Whether runs are alive is for require_drained to say, before.
-- Locks: advisory (3, hash of the name); the rows of its versions.
create or replace function pgflowc.remove_version(p_name text, p_version integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version pgflowc.flow_versions;
begin
  perform pg_advisory_xact_lock(3, hashtext(p_name));
  select v.* into v_version from pgflowc.flow_versions v where v.name = p_name and v.version = p_version;
  if not found then
    return;
  end if;
  if v_version.current_since is not null and exists (
    select from pgflowc.flow_versions v where v.name = p_name and v.version <> p_version
  ) then
    raise exception 'version % of flow "%" is the current one', p_version, p_name
      using errcode = 'object_in_use', hint = 'Runs start on it: switch to another version first.';
  end if;

  delete from pgflowc.flow_versions v where v.name = p_name and v.version = p_version;
  delete from pgflowc.flow_versions v
  where
    v.name = p_name and v.version = 1 and v.flow_slug = p_name
    and not exists (select from pgflowc.flow_versions o where o.name = p_name and o.version <> 1);
end;
$$;
