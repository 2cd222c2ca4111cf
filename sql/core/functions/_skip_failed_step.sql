-- pgflow._skip_failed_step(p_run_id, p_step_slug, p_error_message): skip a step one of whose tasks used up its attempts, as its
-- when_exhausted says (skip or skip-cascade), and go on with the run.
--
-- The step becomes skipped (handler_failed) and its other active tasks too. Under skip its dependents go on without its output, a
-- map that depends on it alone without elements; under skip-cascade everything downstream is skipped. The caller holds the locks of
-- run and step state.
-- Locks: step states of the run, tasks, messages.
create or replace function pgflow._skip_failed_step(p_run_id uuid, p_step_slug text, p_error_message text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state pgflow.step_states;
begin
  update pgflow.step_states s
  set
    status = 'skipped',
    skip_reason = 'handler_failed',
    skipped_at = greatest(now(), s.created_at),
    remaining_tasks = null,
    error_message = p_error_message
  where s.run_id = p_run_id and s.step_slug = p_step_slug
  returning * into v_state;

  perform pgflow._end_tasks(p_run_id, array[p_step_slug], 'skipped');

  if pgflow._events_wanted(v_state.flow_slug, p_run_id) then
    perform pgflow._send_event(
      v_state.flow_slug, p_run_id, 'step:' || p_step_slug || ':skipped',
      jsonb_build_object(
        'event_type', 'step:skipped', 'run_id', p_run_id, 'step_slug', p_step_slug, 'status', v_state.status,
        'skip_reason', v_state.skip_reason, 'error_message', p_error_message, 'skipped_at', v_state.skipped_at
      )
    );
  end if;

  if (
    select d.when_exhausted = 'skip-cascade'
    from pgflow.steps d
    where d.flow_slug = v_state.flow_slug and d.step_slug = p_step_slug
  ) then
    perform pgflow._cascade_force_skip_steps(p_run_id, p_step_slug, 'handler_failed');
  else
    perform pgflow._release_dependents(p_run_id, v_state.flow_slug, array[p_step_slug]);
    perform pgflow._advance_run(p_run_id);
  end if;
  perform pgflow._end_steps(p_run_id, 1);
end;
$$;
