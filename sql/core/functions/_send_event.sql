-- pgflow._send_event(p_flow_slug, p_run_id, p_event, p_payload): send one event, delivered at commit.
--
-- Where realtime.send exists: realtime.send(payload, event, 'pgflow:run:RUN_ID', private => false). Elsewhere NOTIFY on channel
-- `pgflow_events` with {"event", "topic", "flow_slug", "payload"}. A payload too long for NOTIFY (8000 bytes) goes without its
-- `input`, `output` and `error_message`, and with "truncated": true.
-- Locks: none (NOTIFY takes its own at commit).
create or replace function pgflow._send_event(p_flow_slug text, p_run_id uuid, p_event text, p_payload jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_topic constant text := 'pgflow:run:' || p_run_id;
  v_text text;
begin
  if to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null then
    perform realtime.send(p_payload, p_event, v_topic, false);
    return;
  end if;

  v_text := jsonb_build_object('event', p_event, 'topic', v_topic, 'flow_slug', p_flow_slug, 'payload', p_payload)::text;
  if octet_length(v_text) > 7900 then
    v_text := jsonb_build_object(
      'event', p_event, 'topic', v_topic, 'flow_slug', p_flow_slug,
      'payload', p_payload - '{input,output,error_message}'::text[], 'truncated', true
    )::text;
  end if;
  perform pg_notify('pgflow_events', v_text);
end;
$$;
