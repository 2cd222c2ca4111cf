-- pgflowc._watched_runs(p_flow_slug, p_run_ids): those of the runs whose events would reach anybody; NULL when there is none.
--
-- All of them where realtime.send exists, else those that somebody watches on our core (pgflow.watch_events). The callers build
-- payloads for these only, so that events cost one look in a call whatever its size.
-- Locks: none.
create or replace function pgflowc._watched_runs(p_flow_slug text, p_run_ids uuid[])
returns uuid[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- The schema first: where it is absent that costs a tenth of parsing the signature.
  if to_regnamespace('realtime') is not null
    and to_regprocedure('realtime.send(jsonb, text, text, boolean)') is not null
  then
    return p_run_ids;
  end if;
  if to_regclass('pgflow.event_listeners') is null then
    return null;
  end if;
  if not exists (select from pgflow.event_listeners) then
    return null;
  end if;

  return (
    select array_agg(distinct r.run_id)
    from unnest(p_run_ids) r (run_id)
    where exists (
      select
      from pgflow.event_listeners l
      where l.scope in ('*', 'flow:' || p_flow_slug, 'run:' || r.run_id) and l.expires_at > clock_timestamp()
    )
  );
end;
$$;
