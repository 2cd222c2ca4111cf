-- pgflow.setup_ensure_workers_cron(cron_interval): let pg_cron keep workers alive; returns a sentence that says so.
--
-- Replaces the jobs pgflow_ensure_workers and, every hour, pgflow_cleanup_logs. Security definer. Locks: those of pg_cron.
create or replace function pgflow.setup_ensure_workers_cron(cron_interval text default '1 second')
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflow._schedule('pgflow_ensure_workers', cron_interval, 'select pgflow.ensure_workers()');
  perform pgflow._schedule('pgflow_cleanup_logs', '0 * * * *', 'select pgflow.cleanup_ensure_workers_logs()');
  return format('Scheduled pgflow_ensure_workers (%s) and pgflow_cleanup_logs (every hour)', cron_interval);
end;
$$;
