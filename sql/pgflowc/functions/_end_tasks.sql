-- pgflowc._end_tasks(p_run_ids, p_step_slugs, p_status, p_error): end the queued, started and waiting tasks of the given steps, or of whole
-- runs.
--
-- p_step_slugs is parallel to p_run_ids; NULL means every step. The tasks become p_status (skipped or cancelled), with p_error unless it
-- is NULL, except on a core whose tasks do not have these statuses (pgflow 0.14.1 leaves them as they are). Returns the ids of their
-- messages, which the caller archives. The caller holds the locks of the runs.
-- Locks: the tasks.
create or replace function pgflowc._end_tasks(p_run_ids uuid[], p_step_slugs text[], p_status text, p_error text default null)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message_ids bigint[];
begin
  if exists (
    select
    from pg_catalog.pg_constraint c
    where
      c.conrelid = 'pgflow.step_tasks'::regclass
      and c.conname = 'valid_status'
      and strpos(pg_get_constraintdef(c.oid), quote_literal(p_status)) = 0
  ) then
    select array_agg(t.message_id) into v_message_ids
    from unnest(p_run_ids, p_step_slugs) u (run_id, step_slug)
    join pgflow.step_tasks t on t.run_id = u.run_id and (u.step_slug is null or t.step_slug = u.step_slug)
    where t.status in ('queued', 'started', 'waiting');
  else
    with ended as (
      update pgflow.step_tasks t
      set status = p_status, error_message = coalesce(p_error, t.error_message)
      from unnest(p_run_ids, p_step_slugs) u (run_id, step_slug)
      where
        t.run_id = u.run_id
        and (u.step_slug is null or t.step_slug = u.step_slug)
        and t.status in ('queued', 'started', 'waiting')
      returning t.message_id
    )
    select array_agg(e.message_id) into v_message_ids from ended e;
  end if;
  return v_message_ids;
end;
$$;
