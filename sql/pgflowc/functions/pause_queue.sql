-- pgflowc.pause_queue(p_flow_slug, p_reason): no task of the flow is claimed any more until resume_queue. Returns false if it was paused
-- already, and leaves the reason as it is.
--
-- A name with versions stands for all of them, those to come included. When it has committed, no claim of claim_batch or finish_batch
-- returns a task. Tasks that are running go on and are recorded; runs are started and schedules fire as before, and their tasks wait in the
-- queue; the waits of parked tasks end by their deadlines. Claims with the contract's own functions, those of another member of the family, do
-- not ask. Raises no_data_found for an unknown flow.
-- Locks: advisory (4, hash of each version's slug), which waits for claims in flight. They wait for nobody while they hold it.
create or replace function pgflowc.pause_queue(p_flow_slug text, p_reason text default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from pgflow.flows f where f.flow_slug = pgflowc.current_flow(p_flow_slug)) then
    raise exception 'flow "%" is not defined', p_flow_slug using errcode = 'no_data_found';
  end if;
  perform pg_advisory_xact_lock(4, hashtext(v.slug)) from pgflowc.versions_of(p_flow_slug) v (slug) order by v.slug;
  insert into pgflowc.paused_queues (flow_slug, reason) values (p_flow_slug, nullif(p_reason, ''))
  on conflict on constraint paused_queues_pkey do nothing;
  return found;
end;
$$;
