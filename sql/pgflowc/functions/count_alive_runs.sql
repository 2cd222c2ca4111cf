-- pgflowc.count_alive_runs(p_name, p_version): how many runs of a version are started; 0 when it can be retired.
--
-- Raises no_data_found for a version that is not there.
-- Locks: none.
create or replace function pgflowc.count_alive_runs(p_name text, p_version integer)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text;
begin
  select v.flow_slug into v_slug from pgflowc.flow_versions v where v.name = p_name and v.version = p_version;
  if not found then
    raise exception 'flow "%" has no version %', p_name, p_version using errcode = 'no_data_found';
  end if;
  return (select count(*) from pgflow.runs r where r.flow_slug = v_slug and r.status = 'started');
end;
$$;
