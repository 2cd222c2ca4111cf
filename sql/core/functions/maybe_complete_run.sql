-- pgflow.maybe_complete_run(run_id): complete the run if none of its steps remains.
--
-- Its output becomes an object of the leaf steps that completed, slug to output (JSON null for one that returned NULL), or NULL
-- when no leaf completed. Otherwise, and for a run that is over, nothing changes.
-- Locks: the run.
create or replace function pgflow.maybe_complete_run(run_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_run pgflow.runs;
begin
  update pgflow.runs r
  set
    status = 'completed',
    completed_at = greatest(now(), r.started_at),
    output = (
      select jsonb_object_agg(s.step_slug, s.output)
      from pgflow.step_states s
      where
        s.run_id = r.run_id
        and s.status = 'completed'
        and not exists (
          select from pgflow.deps d where d.flow_slug = s.flow_slug and d.dep_slug = s.step_slug
        )
    )
  where r.run_id = maybe_complete_run.run_id and r.remaining_steps = 0 and r.status = 'started'
  returning * into v_run;

  if found and pgflow._events_wanted(v_run.flow_slug, v_run.run_id) then
    perform pgflow._send_event(v_run.flow_slug, v_run.run_id, 'run:completed', jsonb_build_object(
      'event_type', 'run:completed', 'run_id', v_run.run_id, 'flow_slug', v_run.flow_slug, 'status', v_run.status,
      'output', v_run.output, 'completed_at', v_run.completed_at
    ));
  end if;
end;
$$;
