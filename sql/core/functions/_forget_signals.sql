-- pgflow._forget_signals(p_run_id): the run is over; delete what its tasks waited for or were sent, as pgflowc._forget_signals does.
--
-- The caller holds the run's lock. Security definer: see _approvals.
-- Locks: rows of pgflowc.task_signals.
create or replace function pgflow._forget_signals(p_run_id uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not pgflow._has_signals() then
    return;
  end if;
  if exists (select from pgflowc.task_signals w where w.run_id = p_run_id) then
    perform pgflowc._forget_signals(array[p_run_id]);
  end if;
end;
$$;
