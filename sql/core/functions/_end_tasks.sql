-- pgflow._end_tasks(p_run_id, p_step_slugs, p_status): end the queued, started and waiting tasks of some steps of a run, or of all (NULL).
--
-- They become p_status (skipped or cancelled) without timestamps, and their messages are archived. Callers hold the run's lock.
-- Locks: the tasks, then their messages.
create or replace function pgflow._end_tasks(p_run_id uuid, p_step_slugs text[], p_status text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow_slug text;
  v_message_ids bigint[];
begin
  with ended as (
    update pgflow.step_tasks t
    set status = p_status
    where
      t.run_id = p_run_id
      and (p_step_slugs is null or t.step_slug = any (p_step_slugs))
      and t.status in ('queued', 'started', 'waiting')
    returning t.flow_slug, t.message_id
  )
  select min(e.flow_slug), array_agg(e.message_id order by e.message_id)
  into v_flow_slug, v_message_ids
  from ended e
  where e.message_id is not null;

  if v_message_ids is not null then
    perform pgmq.archive(v_flow_slug, v_message_ids);
  end if;
end;
$$;
