-- pgflow.delete_flow_and_data(p_flow_slug): remove a flow, its queue and archive, and everything its runs left.
--
-- For that exact slug; an unknown slug does nothing.
-- Locks: advisory (1, hash of the lowercased slug) and (2, hash of the slug), which waits for starts in flight and stops new ones; the
-- flow's runs by run_id, the flow's row (in this order: who works on a run may share the flow's row, to make tasks), step states,
-- tasks, and the queue tables last.
create or replace function pgflow.delete_flow_and_data(p_flow_slug text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_queue text;
begin
  perform pg_advisory_xact_lock(1, hashtext(lower(p_flow_slug)));
  perform pg_advisory_xact_lock(2, hashtext(p_flow_slug));
  perform from pgflow.runs r where r.flow_slug = p_flow_slug order by r.run_id for update;
  perform from pgflow.flows f where f.flow_slug = p_flow_slug for update;
  if not found then
    return;
  end if;

  perform from pgflow.step_states s
  where s.run_id in (select r.run_id from pgflow.runs r where r.flow_slug = p_flow_slug)
  order by s.run_id, s.step_slug
  for update;

  delete from pgflow.step_tasks t using pgflow.runs r where r.flow_slug = p_flow_slug and t.run_id = r.run_id;
  delete from pgflow.step_states s using pgflow.runs r where r.flow_slug = p_flow_slug and s.run_id = r.run_id;
  delete from pgflow.runs r where r.flow_slug = p_flow_slug;
  delete from pgflow.deps d where d.flow_slug = p_flow_slug;
  delete from pgflow.steps s where s.flow_slug = p_flow_slug;
  delete from pgflow.flows f where f.flow_slug = p_flow_slug;
  notify pgflowc_flows; -- see create_flow

  -- The queue may be listed in lower case, which is how later generations of pgflow make it.
  for v_queue in
    select q.queue_name::text from pgmq.list_queues() q where lower(q.queue_name) = lower(p_flow_slug)
  loop
    perform pgmq.drop_queue(v_queue);
  end loop;
end;
$$;
