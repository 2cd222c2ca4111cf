-- pgflowc._is_paused(p_flow_slug): may no task of this stored flow be claimed now, by itself or as a version? If it is false, pause_queue
-- waits for this transaction.
--
-- Call it just before a claim, with every lock that this transaction waits for.
-- Locks: advisory (4, hash of the slug), shared.
create or replace function pgflowc._is_paused(p_flow_slug text)
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock_shared(4, hashtext(p_flow_slug));
  return exists (select from pgflowc.paused_queues p where p.flow_slug = any (array[p_flow_slug, pgflowc.name_of(p_flow_slug)]));
end;
$$;
