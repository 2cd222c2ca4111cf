-- pgflow.setup_requeue_stalled_tasks_cron(cron_interval): let pg_cron run requeue_stalled_tasks; returns a sentence that says so.
--
-- Replaces the job pgflow_requeue_stalled_tasks. Security definer. Locks: those of pg_cron.
create or replace function pgflow.setup_requeue_stalled_tasks_cron(cron_interval text default '15 seconds')
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflow._schedule(
    'pgflow_requeue_stalled_tasks', cron_interval, 'select pgflow.requeue_stalled_tasks()'
  );
  return format('Scheduled pgflow_requeue_stalled_tasks (%s)', cron_interval);
end;
$$;
