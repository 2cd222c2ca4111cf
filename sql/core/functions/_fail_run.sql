-- pgflow._fail_run(p_run_id, p_details): fail a started run and end its tasks.
--
-- Sends run:failed with p_details ({"error_message": ...} or {}), makes the queued and started tasks of the whole run cancelled and
-- archives their messages. Does nothing for a run that is over.
-- Locks: the run, its tasks, their messages, rows of pgflowc.task_signals.
create or replace function pgflow._fail_run(p_run_id uuid, p_details jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run pgflow.runs;
begin
  update pgflow.runs r
  set status = 'failed', failed_at = greatest(now(), r.started_at)
  where r.run_id = p_run_id and r.status = 'started'
  returning * into v_run;
  if not found then
    return;
  end if;

  if pgflow._events_wanted(v_run.flow_slug, p_run_id) then
    perform pgflow._send_event(
      v_run.flow_slug, p_run_id, 'run:failed',
      jsonb_build_object(
        'event_type', 'run:failed', 'run_id', p_run_id, 'flow_slug', v_run.flow_slug, 'status', v_run.status,
        'failed_at', v_run.failed_at
      ) || p_details
    );
  end if;

  perform pgflow._end_tasks(p_run_id, null, 'cancelled');
  perform pgflow._forget_signals(p_run_id);
end;
$$;
