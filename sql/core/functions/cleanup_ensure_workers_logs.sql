-- pgflow.cleanup_ensure_workers_logs(retention_hours): delete what pg_cron noted about older runs of pgflow_ensure_workers.
--
-- Returns how many notes went; 0 where pg_cron is not installed. Security definer. Locks: the rows deleted.
create or replace function pgflow.cleanup_ensure_workers_logs(retention_hours integer default 24)
returns table (cron_deleted bigint)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  cron_deleted := 0;
  if to_regclass('cron.job_run_details') is not null then
    delete from cron.job_run_details d
    using cron.job j
    where
      j.jobid = d.jobid
      and j.jobname = 'pgflow_ensure_workers'
      and d.end_time < now() - make_interval(hours => retention_hours);
    get diagnostics cron_deleted = row_count;
  end if;
  return next;
end;
$$;
