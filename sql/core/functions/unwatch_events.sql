-- pgflow.unwatch_events(p_listener_id): end all watches of a listener, and those of others that expired an hour ago or earlier.
--
-- Locks: the rows deleted; expired ones that somebody renews at this moment are passed over.
create or replace function pgflow.unwatch_events(p_listener_id uuid)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  delete from pgflow.event_listeners l
  using (
    select x.scope, x.listener_id
    from pgflow.event_listeners x
    where x.listener_id = p_listener_id or x.expires_at < clock_timestamp() - interval '1 hour'
    for update skip locked
  ) gone
  where l.scope = gone.scope and l.listener_id = gone.listener_id
$$;
