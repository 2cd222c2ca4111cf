-- pgflowc.resume_queue(p_flow_slug): end a pause, and wake the workers that wait on the queue. Returns false if there was none.
--
-- A name with versions stands for all of them: pauses of single ones end as well. Raises no_data_found for an unknown flow.
-- Locks: the rows of the pauses.
create or replace function pgflowc.resume_queue(p_flow_slug text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from pgflowc.paused_queues p
  where p.flow_slug = p_flow_slug or p.flow_slug in (select v.slug from pgflowc.versions_of(p_flow_slug) v (slug));
  if found then
    -- Without a look at who waits: one may be announcing himself.
    perform pg_notify('pgflowc_wakeup', v.slug) from pgflowc.versions_of(p_flow_slug) v (slug);
    return true;
  elsif not exists (select from pgflow.flows f where f.flow_slug = pgflowc.current_flow(p_flow_slug)) then
    raise exception 'flow "%" is not defined', p_flow_slug using errcode = 'no_data_found';
  end if;
  return false;
end;
$$;
