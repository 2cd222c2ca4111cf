-- pgflowc.assign_schedule(p_flow_slug): decide who fires this schedule, pg_cron or workers; returns that.
--
-- pg_cron, if its extension is in this database, this role may make jobs, and pg_cron can keep the schedule as it is meant. Then it has a
-- job pgflowc_ and the slug, which calls fire_schedule. In all other cases workers, and there is no such job. set_schedule asks; ask
-- again when pg_cron was installed, or this role was let in, after that. Raises no_data_found for a flow without a schedule.
-- Locks: the flow's schedule; those of pg_cron.
create or replace function pgflowc.assign_schedule(p_flow_slug text)
returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schedule pgflowc.schedules := pgflowc._lock_schedule(p_flow_slug);
  v_fired_by text := 'worker';
begin
  if v_schedule.keeper = 'auto' and pgflowc._fits_pg_cron(v_schedule) then
    begin
      perform cron.schedule(
        'pgflowc_' || p_flow_slug,
        v_schedule.schedule,
        format('select pgflowc.fire_schedule(%L, %L)', p_flow_slug, v_schedule.schedule)
      );
      v_fired_by := 'pg_cron';
    exception
      -- What pg_cron refuses is no reason to refuse the schedule.
      when insufficient_privilege or invalid_parameter_value or undefined_function or object_not_in_prerequisite_state then
        raise notice 'workers keep the schedule of "%": %', p_flow_slug, sqlerrm;
    end;
  end if;
  if v_fired_by = 'worker' and v_schedule.fired_by = 'pg_cron' then
    perform pgflowc._remove_cron_job(p_flow_slug);
  end if;

  if v_fired_by <> v_schedule.fired_by then
    update pgflowc.schedules s
    -- What the other one has started, or should have, is behind it.
    set fired_by = v_fired_by, settled_until = greatest(s.settled_until, clock_timestamp())
    where s.flow_slug = p_flow_slug;
    notify pgflowc_schedules;
  end if;
  return v_fired_by;
end;
$$;
