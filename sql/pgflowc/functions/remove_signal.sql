-- pgflowc.remove_signal(p_flow_slug, p_step_slug): a step waits for no declared signal any more; nothing if it did not.
--
-- Tasks that wait go on waiting, and a signal has a worker execute them. Raises no_data_found for an unknown step.
-- Locks: the step's row of awaited_signals.
create or replace function pgflowc.remove_signal(p_flow_slug text, p_step_slug text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pgflow.steps s where s.flow_slug = p_flow_slug and s.step_slug = p_step_slug) then
    raise exception 'flow "%" has no step "%"', p_flow_slug, p_step_slug using errcode = 'no_data_found';
  end if;
  delete from pgflowc.awaited_signals a where a.flow_slug = p_flow_slug and a.step_slug = p_step_slug;
  notify pgflowc_flows; -- see set_signal
end;
$$;
