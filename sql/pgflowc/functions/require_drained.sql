-- pgflowc.require_drained(p_flow_slug): refuse to go on while runs of a flow are alive, and let none start until the transaction ends.
--
-- For migrations that change what runs are made of. Looks at most once per transaction and flow: what was drained stays so under the
-- lock. A flow that is not there has no runs, so a migration that deletes it can be applied after somebody did; what changes a flow says
-- itself that there is none. Raises object_in_use while runs are started.
-- Locks: advisory (2, hash of the slug), against starts in flight and new ones; then the flow's row, against those of other cores.
create or replace function pgflowc.require_drained(p_flow_slug text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_alive bigint;
  v_oldest timestamptz;
begin
  if current_setting('pgflowc.drained_flow', true) = p_flow_slug then
    return;
  end if;

  perform pg_advisory_xact_lock(2, hashtext(p_flow_slug));
  -- Under runs that are alive the row would be hard to get (add_step), and is not needed to say so.
  if not exists (select from pgflow.runs r where r.flow_slug = p_flow_slug and r.status = 'started') then
    perform from pgflow.flows f where f.flow_slug = p_flow_slug for update;
  end if;

  select count(*), min(r.started_at) into v_alive, v_oldest
  from pgflow.runs r
  where r.flow_slug = p_flow_slug and r.status = 'started';
  if v_alive > 0 then
    raise exception 'flow "%" has % % alive, and this change needs it drained',
      p_flow_slug, v_alive, case when v_alive = 1 then 'run' else 'runs' end
      using errcode = 'object_in_use',
        detail = format('The oldest was started at %s.', v_oldest),
        hint = 'Stop starting runs, and apply this again when those alive are over or cancelled.';
  end if;

  perform set_config('pgflowc.drained_flow', p_flow_slug, true);
end;
$$;
