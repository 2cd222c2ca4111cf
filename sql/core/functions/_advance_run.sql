-- pgflow._advance_run(p_run_id): start everything in a run that became possible.
--
-- Resolves conditions, completes taskless steps (which resolves the conditions of what they make ready) and starts ready steps. One
-- look at the ready steps tells which of these there is cause for. Whether the run is over now is the caller's question
-- (_end_steps, maybe_complete_run). The caller holds the lock of a run that is started.
-- Locks: step states of the run, then the tasks and messages of steps it skips.
create or replace function pgflow._advance_run(p_run_id uuid)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ready boolean;
  v_special boolean;
begin
  select
    count(*) > 0,
    coalesce(bool_or(
      s.initial_tasks = 0 or d.required_input_pattern is not null or d.forbidden_input_pattern is not null
    ), false)
  into v_ready, v_special
  from pgflow.step_states s
  join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
  where s.run_id = p_run_id and s.status = 'created' and s.remaining_deps = 0;

  if v_special then
    if not pgflow.cascade_resolve_conditions(p_run_id) then
      return;
    end if;
    perform pgflow.cascade_complete_taskless_steps(p_run_id);
  end if;
  if v_ready then
    perform pgflow.start_ready_steps(p_run_id);
  end if;
end;
$$;
