-- pgflowc._forget_signals(p_run_ids): delete what was sent to tasks of these runs that are over, and what those waited for.
--
-- Of a failed run, what was sent to tasks that have not failed themselves is kept for retry_run, as if nobody had waited for it yet. The caller
-- holds the locks of the runs.
-- Locks: the rows deleted and changed.
create or replace function pgflowc._forget_signals(p_run_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  delete from pgflowc.task_signals w
  where
    w.run_id = any (p_run_ids)
    and (
      not exists (
        select from pgflow.runs r
        where r.run_id = w.run_id and (r.status = 'started' or (r.status = 'failed' and w.sent_at is not null))
      )
      or exists (
        select from pgflow.step_states s
        where s.run_id = w.run_id and s.step_slug = w.step_slug and s.status in ('completed', 'skipped')
      )
      or exists (
        select from pgflow.step_tasks t
        where
          t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
          and t.status in ('completed', 'failed', 'skipped')
      )
    );
  if exists (select from pgflowc.task_signals w where w.run_id = any (p_run_ids)) then
    update pgflowc.task_signals w
    set waiting_since = null, deadline = null, due_at = null
    where
      w.run_id = any (p_run_ids)
      and w.waiting_since is not null
      and exists (select from pgflow.runs r where r.run_id = w.run_id and r.status = 'failed');
  end if;
end;
$$;
