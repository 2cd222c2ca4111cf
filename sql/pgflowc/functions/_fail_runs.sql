-- pgflowc._fail_runs(p_run_ids, p_errors, p_watched, p_task_error): fail started runs and end their tasks.
--
-- p_errors, parallel to p_run_ids, go into the events; a NULL leaves the message out; p_task_error goes to the tasks that end. The steps at
-- fault are the caller's. Returns the ids of messages to archive. The caller holds the locks of the runs.
-- Locks: the tasks of the runs.
create or replace function pgflowc._fail_runs(p_run_ids uuid[], p_errors text[], p_watched uuid[], p_task_error text default null)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgflow.runs r
  set status = 'failed', failed_at = greatest(now(), r.started_at)
  from unnest(p_run_ids) u (run_id)
  where r.run_id = u.run_id and r.status = 'started';

  if p_watched is not null then
    perform pgflowc._send_run_events(p_watched, p_run_ids, 'failed', p_errors);
  end if;
  return pgflowc._end_tasks(p_run_ids, null, 'cancelled', p_task_error);
end;
$$;
