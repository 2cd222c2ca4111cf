-- pgflowc._remove_cron_job(p_flow_slug, p_schedule): remove the jobs that assign_schedule made for this flow, as far as this role may; with
-- p_schedule only those of that schedule.
--
-- A job of another role, which this one may not even see, removes itself when it fires next: see fire_schedule.
-- Locks: those of pg_cron.
create or replace function pgflowc._remove_cron_job(p_flow_slug text, p_schedule text default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pg_catalog.pg_extension e where e.extname = 'pg_cron') then
    return;
  end if;
  perform cron.unschedule(j.jobid)
  from cron.job j
  where
    j.jobname = 'pgflowc_' || p_flow_slug
    and j.database = current_database()
    and (p_schedule is null or j.schedule = p_schedule);
exception
  when insufficient_privilege then
    null;
end;
$$;
