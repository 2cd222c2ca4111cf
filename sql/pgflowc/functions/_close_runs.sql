-- pgflowc._close_runs(p_ended_run_ids, p_watched): steps of these runs ended; complete the runs in which none remains.
--
-- A run is named as often as steps of it ended, and loses as many remaining_steps. One that completes gets its leaf steps' outputs,
-- slug to output, or NULL when none of them completed. Failed runs are counted down only. The caller holds the locks of the runs.
-- Locks: none beyond those held.
create or replace function pgflowc._close_runs(p_ended_run_ids uuid[], p_watched uuid[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_completed uuid[];
begin
  with closed as (
    update pgflow.runs r
    set
      remaining_steps = r.remaining_steps - u.ended,
      status = case when r.remaining_steps = u.ended and r.status = 'started' then 'completed' else r.status end,
      completed_at = case
        when r.remaining_steps = u.ended and r.status = 'started' then greatest(now(), r.started_at)
        else r.completed_at
      end,
      output = case
        when r.remaining_steps = u.ended and r.status = 'started' then (
          select jsonb_object_agg(s.step_slug, s.output)
          from pgflow.step_states s
          where
            s.run_id = r.run_id
            and s.status = 'completed'
            and not exists ( -- a step that was added to the flow after the run started is none of its own
              select
              from pgflow.deps e
              join pgflow.step_states x on x.run_id = s.run_id and x.step_slug = e.step_slug
              where e.flow_slug = s.flow_slug and e.dep_slug = s.step_slug
            )
        )
        else r.output
      end
    from (
      select u.run_id, count(*)::integer as ended from unnest(p_ended_run_ids) u (run_id) group by u.run_id
    ) u
    where r.run_id = u.run_id
    returning r.run_id, r.status
  )
  select array_agg(c.run_id) filter (where c.status = 'completed') into v_completed from closed c;

  if p_watched is not null and v_completed is not null then
    perform pgflowc._send_run_events(p_watched, v_completed, 'completed');
  end if;
end;
$$;
