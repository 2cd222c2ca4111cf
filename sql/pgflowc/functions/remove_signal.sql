-- pgflowc.remove_signal(p_flow_slug, p_step_slug): a step waits for no declared signal any more; nothing if it did not.
--
-- Tasks that wait go on waiting, and a signal has a worker execute them.
-- Locks: the step's row of awaited_signals.
create or replace function pgflowc.remove_signal(p_flow_slug text, p_step_slug text)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  delete from pgflowc.awaited_signals a where a.flow_slug = p_flow_slug and a.step_slug = p_step_slug;
  notify pgflowc_flows; -- see set_signal
$$;
