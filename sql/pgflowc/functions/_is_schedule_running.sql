-- pgflowc._is_schedule_running(p_flow_slug): does one of the last hundred runs that this flow's schedule started still go on?
--
-- Locks: none.
create or replace function pgflowc._is_schedule_running(p_flow_slug text)
returns boolean
language sql
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from (
      select l.run_id
      from pgflowc.schedule_slots l
      where l.flow_slug = p_flow_slug and l.run_id is not null
      order by l.slot desc
      limit 100
    ) latest
    join pgflow.runs r on r.run_id = latest.run_id
    where r.status = 'started'
  )
$$;
