-- pgflowc.remove_schedule(p_flow_slug): the flow no longer starts by itself. Returns whether it did.
--
-- What became of its slots is forgotten.
-- Locks: advisory (2, hash of the slug), which waits for starts in flight, before the schedule, as start_slots; the flow's schedule;
-- those of pg_cron.
create or replace function pgflowc.remove_schedule(p_flow_slug text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fired_by text;
begin
  perform pg_advisory_xact_lock(2, hashtext(p_flow_slug));
  delete from pgflowc.schedules s where s.flow_slug = p_flow_slug returning s.fired_by into v_fired_by;
  if not found then
    return false;
  end if;
  if v_fired_by = 'pg_cron' then
    perform pgflowc._remove_cron_job(p_flow_slug);
  end if;
  delete from pgflowc.schedule_slots l where l.flow_slug = p_flow_slug;
  notify pgflowc_schedules;
  return true;
end;
$$;
