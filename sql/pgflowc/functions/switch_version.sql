-- pgflowc.switch_version(p_name, p_before, p_after): from now on runs of this name start on version p_after. Runs that are alive stay.
--
-- Raises no_data_found for a version that is not there, and object_not_in_prerequisite_state when p_before is not the current one:
-- somebody switched since, and nothing is written over.
-- Locks: advisory (3, hash of the name); the rows of its versions.
create or replace function pgflowc.switch_version(p_name text, p_before integer, p_after integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_current integer;
begin
  perform pg_advisory_xact_lock(3, hashtext(p_name));
  select v.version into v_current from pgflowc.flow_versions v where v.name = p_name and v.current_since is not null;
  if not exists (select from pgflowc.flow_versions v where v.name = p_name and v.version = p_after) then
    raise exception 'flow "%" has no version %', p_name, p_after using errcode = 'no_data_found';
  end if;
  if v_current is distinct from p_before then
    raise exception 'the current version of flow "%" is %, not %', p_name, v_current, p_before
      using errcode = 'object_not_in_prerequisite_state', hint = 'It was switched by somebody else since.';
  end if;

  -- The index admits one current version at any time.
  update pgflowc.flow_versions v set current_since = null where v.name = p_name and v.version = p_before;
  update pgflowc.flow_versions v set current_since = now() where v.name = p_name and v.version = p_after;
end;
$$;
