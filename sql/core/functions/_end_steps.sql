-- pgflow._end_steps(p_run_id, p_number): so many steps of a run ended; count them down, and complete the run if none remains.
--
-- The output of a run that completes becomes an object of the leaf steps that completed, slug to output (JSON null for one that
-- returned NULL), or NULL when no leaf completed. A run that is over is counted down only.
-- Locks: the run, rows of pgflowc.task_signals.
create or replace function pgflow._end_steps(p_run_id uuid, p_number integer)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run pgflow.runs;
begin
  update pgflow.runs r
  set
    remaining_steps = r.remaining_steps - p_number,
    status = case when r.remaining_steps = p_number and r.status = 'started' then 'completed' else r.status end,
    completed_at = case
      when r.remaining_steps = p_number and r.status = 'started' then greatest(now(), r.started_at)
      else r.completed_at
    end,
    output = case
      when r.remaining_steps = p_number and r.status = 'started' then (
        select jsonb_object_agg(s.step_slug, s.output)
        from pgflow.step_states s
        where
          s.run_id = r.run_id
          and s.status = 'completed'
          and not exists ( -- a step that was added to the flow after the run started is none of its own
            select
            from pgflow.deps d
            join pgflow.step_states x on x.run_id = s.run_id and x.step_slug = d.step_slug
            where d.flow_slug = s.flow_slug and d.dep_slug = s.step_slug
          )
      )
      else r.output
    end
  where r.run_id = p_run_id and (p_number > 0 or (r.remaining_steps = 0 and r.status = 'started'))
  returning * into v_run;

  if v_run.status is distinct from 'completed' or v_run.remaining_steps > 0 then
    return;
  end if;
  perform pgflow._forget_signals(p_run_id);
  if pgflow._events_wanted(v_run.flow_slug, p_run_id) then
    perform pgflow._send_event(v_run.flow_slug, p_run_id, 'run:completed', jsonb_build_object(
      'event_type', 'run:completed', 'run_id', p_run_id, 'flow_slug', v_run.flow_slug, 'status', v_run.status,
      'output', v_run.output, 'completed_at', v_run.completed_at
    ));
  end if;
end;
$$;
