-- pgflowc._forget_signals(p_run_ids): delete what was sent to tasks of these runs that are over, and what those waited for.
--
-- Of a failed run, what was sent to tasks that have not failed themselves is kept for retry_run, as if nobody had waited for it yet. The caller
-- holds the locks of the runs.
-- Locks: the rows deleted and changed.
create or replace function pgflowc._forget_signals(p_run_ids uuid[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Each row is asked about by itself: as joins these could be planned to walk whole tables.
  delete from pgflowc.task_signals w
  where
    w.run_id = any (p_run_ids)
    and (
      coalesce((select r.status from pgflow.runs r where r.run_id = w.run_id), 'completed')
        not in ('started', case when w.sent_at is not null then 'failed' else 'started' end)
      or (select s.status from pgflow.step_states s where s.run_id = w.run_id and s.step_slug = w.step_slug)
        in ('completed', 'skipped')
      or (
        select t.status from pgflow.step_tasks t
        where t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
      ) in ('completed', 'failed', 'skipped')
    );
  update pgflowc.task_signals w
  set waiting_since = null, deadline = null, due_at = null
  where
    w.run_id = any (p_run_ids)
    and w.waiting_since is not null
    and (select r.status from pgflow.runs r where r.run_id = w.run_id) = 'failed';
end;
$$;
