-- pgflow.delay_run(p_flow_slug, p_run_id, p_delay_seconds): keep what a run has queued from workers for so many seconds from now.
--
-- Call it in the transaction that starts the run, before a worker can see it; a task that a worker has claimed is not affected.
-- Returns the number of tasks moved.
-- Locks: the queued tasks, passing over those being claimed; then their messages.
create or replace function pgflow.delay_run(p_flow_slug text, p_run_id uuid, p_delay_seconds integer)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_message_ids bigint[];
begin
  select array_agg(q.message_id) into v_message_ids
  from (
    select t.message_id
    from pgflow.step_tasks t
    where t.run_id = p_run_id and t.flow_slug = p_flow_slug and t.status = 'queued' and t.message_id is not null
    for no key update skip locked
  ) q;
  if v_message_ids is null then
    return 0;
  end if;

  return (
    select count(*)
    from pgflow.set_vt_batch(
      p_flow_slug, v_message_ids, array_fill(greatest(p_delay_seconds, 0), array[cardinality(v_message_ids)])
    )
  );
end;
$$;
