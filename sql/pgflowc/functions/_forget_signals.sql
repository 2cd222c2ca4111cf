-- pgflowc._forget_signals(p_run_ids): delete what was sent to tasks of these runs that are over, and what those waited for.
--
-- The caller holds the locks of the runs.
-- Locks: the rows deleted.
create or replace function pgflowc._forget_signals(p_run_ids uuid[])
returns void
language sql
set search_path = ''
as $$
  delete from pgflowc.task_signals w
  where
    w.run_id = any (p_run_ids)
    and (
      not exists (select from pgflow.runs r where r.run_id = w.run_id and r.status = 'started')
      or exists (
        select from pgflow.step_states s
        where s.run_id = w.run_id and s.step_slug = w.step_slug and s.status not in ('created', 'started')
      )
      or exists (
        select from pgflow.step_tasks t
        where
          t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
          and t.status not in ('queued', 'started', 'waiting')
      )
    )
$$;
