-- pgflow.watch_events(p_listener_id, p_flow_slug, p_run_id, p_ttl): ask for events on channel `pgflow_events`.
--
-- Of one run, else of one flow, else (both NULL) of everything, until p_ttl from now; call again to renew. LISTEN before calling.
-- Has no effect where realtime.send exists: events go there.
-- Locks: the caller's own row of event_listeners.
create or replace function pgflow.watch_events(
  p_listener_id uuid,
  p_flow_slug text default null,
  p_run_id uuid default null,
  p_ttl interval default '1 minute'
)
returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
  insert into pgflow.event_listeners as l (scope, listener_id, expires_at)
  values (
    coalesce('run:' || p_run_id, 'flow:' || p_flow_slug, '*'),
    p_listener_id,
    clock_timestamp() + p_ttl
  )
  on conflict (scope, listener_id) do update set expires_at = excluded.expires_at
$$;
