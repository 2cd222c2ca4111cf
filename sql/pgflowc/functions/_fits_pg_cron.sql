-- pgflowc._fits_pg_cron(p_schedule): can pg_cron fire this schedule, here and as it is meant?
--
-- Its library has to run, in this database, and this role has to be one that it can connect as. It makes up for nothing, looks for no
-- overlap, and keeps all schedules in one time zone, by default GMT. In one whose clock is changed it leaves out and doubles times on those
-- days, where a schedule comes once.
-- Locks: none.
create or replace function pgflowc._fits_pg_cron(p_schedule pgflowc.schedules)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_utc constant text[] := '{UTC,GMT,Etc/UTC,Etc/GMT}';
begin
  if
    p_schedule.catch_up <> 'none'
    or p_schedule.overlap <> 'allow'
    or not exists (select from pg_catalog.pg_extension e where e.extname = 'pg_cron')
    or not has_schema_privilege('cron', 'usage')
    or not (select r.rolcanlogin from pg_catalog.pg_roles r where r.rolname = current_user)
    or not pgflowc._is_crontab(p_schedule.schedule)
  then
    return false;
  end if;

  -- A copy of the database has the extension as well, but pg_cron looks into one database. NULL where its library is not loaded.
  if
    current_setting('cron.database_name', true) is distinct from current_database()
    or current_setting('cron.launch_active_jobs', true) = 'off'
  then
    return false;
  end if;
  return p_schedule.timezone = any (c_utc) and pgflowc._pg_cron_timezone() = any (c_utc);
exception
  when insufficient_privilege then -- a setting that is not for everybody
    return false;
end;
$$;
