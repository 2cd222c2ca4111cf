-- pgflowc._send_event(p_flow_slug, p_run_id, p_event, p_payload): send one event by the way that _watched_runs found.
--
-- realtime.send where it exists, on any core; else the way of our core (pgflow._send_event).
-- Locks: none (NOTIFY takes its own at commit).
create or replace function pgflowc._send_event(p_flow_slug text, p_run_id uuid, p_event text, p_payload jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null then
    perform realtime.send(p_payload, p_event, 'pgflow:run:' || p_run_id, false);
  else
    perform pgflow._send_event(p_flow_slug, p_run_id, p_event, p_payload);
  end if;
end;
$$;
