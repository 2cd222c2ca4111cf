-- pgflow._schedule(p_job_name, p_schedule, p_command): schedule a pg_cron job, in the place of one of the same name.
--
-- Raises where pg_cron is not installed. Locks: those of pg_cron.
create or replace function pgflow._schedule(p_job_name text, p_schedule text, p_command text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regclass('cron.job') is null then
    raise exception 'cannot schedule "%": pg_cron is not installed in this database', p_job_name
      using errcode = 'feature_not_supported',
        hint = 'Create extension pg_cron, or let a pgflowc worker do it, which has its own scheduler.';
  end if;

  perform cron.unschedule(j.jobid) from cron.job j where j.jobname = p_job_name;
  perform cron.schedule(p_job_name, p_schedule, p_command);
end;
$$;
