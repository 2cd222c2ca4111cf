-- pgflowc.start_run(p_flow_slug, p_input, p_run_id, p_visible_at): pgflow.start_flow that may be repeated, and may begin later.
--
-- p_flow_slug may be a name with versions: the run starts on the current one.
-- With p_run_id, a run of that id, flow (whichever version) and input is returned as it is by now, whoever started it; one with another
-- flow or input raises unique_violation. p_visible_at keeps the tasks of the run's first steps from workers until then (and their
-- start_delay longer); NULL and the past mean now. It must be finite, and does nothing to a run that is there already.
-- Locks: as pgflow.start_flow, and the messages of the new run. Waits for a transaction that is starting the same run.
create or replace function pgflowc.start_run(
  p_flow_slug text,
  p_input jsonb,
  p_run_id uuid default null,
  p_visible_at timestamptz default null
)
returns setof pgflow.runs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run pgflow.runs;
  v_constraint text;
begin
  if not isfinite(p_visible_at) then
    raise exception 'a run cannot start at %', p_visible_at using errcode = 'invalid_parameter_value';
  end if;

  select r.* into v_run from pgflow.runs r where r.run_id = p_run_id;
  if not found then
    begin
      select s.* into v_run from pgflow.start_flow(pgflowc.current_flow(p_flow_slug), p_input, p_run_id) s;
      if p_visible_at > clock_timestamp() then
        perform pgflowc._delay_tasks(v_run.run_id, p_visible_at);
      end if;
      return next v_run;
      return;
    exception when unique_violation then -- another transaction has just started this run
      get stacked diagnostics v_constraint = constraint_name;
      select r.* into v_run from pgflow.runs r where r.run_id = p_run_id;
      if not found or v_constraint <> 'runs_pkey' then
        raise;
      end if;
    end;
  end if;

  if not exists (select from pgflowc.versions_of(p_flow_slug) v (slug) where v.slug = v_run.flow_slug) then
    raise exception 'run % exists, of flow "%"', p_run_id, v_run.flow_slug
      using errcode = 'unique_violation', hint = 'The id of a run names one flow and one input for ever.';
  elsif v_run.input is distinct from p_input then
    raise exception 'run % exists, with another input', p_run_id
      using errcode = 'unique_violation', hint = 'The id of a run names one flow and one input for ever.';
  end if;
  return next v_run;
end;
$$;
