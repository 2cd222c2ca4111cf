-- pgflowc.next_due(p_queue_names): milliseconds until there is something to do in one of these queues: the earliest invisible message
-- becomes visible, or the wait of a parked task ends.
--
-- 0 if there is something now, NULL if the queues are empty. Queues that do not exist count as empty, and so do the messages of paused ones.
-- Workers sleep until then.
-- Locks: none.
create or replace function pgflowc.next_due(p_queue_names text[])
returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_queue record;
  v_table regclass;
  v_due timestamptz;
  v_next timestamptz;
begin
  for v_queue in
    select
      q.name,
      exists (
        select from pgflowc.paused_queues p where p.flow_slug = any (array[q.name, pgflowc.name_of(q.name)])
      ) as is_paused
    from unnest(p_queue_names) q (name)
  loop
    v_table := to_regclass(format('pgmq.%I', pgmq.format_table_name(v_queue.name, 'q')));
    continue when v_table is null;
    if not v_queue.is_paused then
      execute format('select min(q.vt) from %s q', v_table) into v_due;
      v_next := least(v_next, v_due);
    end if;
    select w.due_at into v_due
    from pgflowc.task_signals w
    where w.flow_slug = v_queue.name and w.due_at is not null
    order by w.due_at
    limit 1;
    v_next := least(v_next, v_due); -- NULL counts for nothing
  end loop;
  if v_next is not null then -- greatest() ignores NULL
    return greatest(0, ceil(extract(epoch from v_next - clock_timestamp()) * 1000))::bigint;
  end if;
  return null;
end;
$$;
