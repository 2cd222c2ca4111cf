-- pgflow._events_wanted(p_flow_slug, p_run_id): would an event of this run reach anybody?
--
-- True where realtime.send exists, else when somebody watches everything, the flow or the run (watch_events). Callers build
-- payloads only then. A watcher that registers while a transaction is under way may miss that transaction's events, so it
-- looks at the run's row after registering.
-- Locks: none.
create or replace function pgflow._events_wanted(p_flow_slug text, p_run_id uuid)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The schema first: where it is absent that costs a tenth of parsing the signature.
  if to_regnamespace('realtime') is not null
    and to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null
  then
    return true;
  end if;
  return exists (
    select
    from pgflow.event_listeners l
    where l.scope in ('*', 'flow:' || p_flow_slug, 'run:' || p_run_id) and l.expires_at > clock_timestamp()
  );
end;
$$;
