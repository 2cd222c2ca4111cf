-- pgflowc.count_missing_workers(p_name, p_version): how many workers serve other versions of a name and not this one; 0 when runs can start
-- on it.
--
-- A worker has a row for each queue, so workers are compared by number. 1 while nobody serves any version. Raises no_data_found for a
-- version that is not there.
-- Locks: none.
create or replace function pgflowc.count_missing_workers(p_name text, p_version integer)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text;
  v_missing bigint;
begin
  select v.flow_slug into v_slug from pgflowc.flow_versions v where v.name = p_name and v.version = p_version;
  if not found then
    raise exception 'flow "%" has no version %', p_name, p_version using errcode = 'no_data_found';
  end if;

  with serving as (
    select v.flow_slug, count(w.worker_id) as workers
    from pgflowc.flow_versions v
    left join pgflow.workers w
      on w.queue_name = v.flow_slug and w.stopped_at is null and w.deprecated_at is null
      and w.last_heartbeat_at > clock_timestamp() - interval '30 s'
    where v.name = p_name
    group by v.flow_slug
  )
  select greatest(0, greatest(1, max(s.workers)) - max(s.workers) filter (where s.flow_slug = v_slug))
  into v_missing
  from serving s;
  return v_missing;
end;
$$;
