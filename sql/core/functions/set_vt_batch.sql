-- pgflow.set_vt_batch(queue_name, msg_ids, vt_offsets): make each message visible its offset in seconds from the current clock.
--
-- Returns the messages updated; unknown ids are ignored, NULL or empty arrays return nothing, read_ct stays. Unequal lengths
-- raise. An unknown queue is an undefined table. Names the columns, since pgmq's tables grew one in 1.10.
-- Locks: the messages.
create or replace function pgflow.set_vt_batch(queue_name text, msg_ids bigint[], vt_offsets integer[])
returns table (
  msg_id bigint,
  read_ct integer,
  enqueued_at timestamptz,
  vt timestamptz,
  message jsonb,
  headers jsonb
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if set_vt_batch.msg_ids is null or set_vt_batch.vt_offsets is null or cardinality(set_vt_batch.msg_ids) = 0 then
    return;
  end if;
  if cardinality(set_vt_batch.msg_ids) <> cardinality(set_vt_batch.vt_offsets) then
    raise exception 'msg_ids length (%) must equal vt_offsets length (%)',
      cardinality(set_vt_batch.msg_ids), cardinality(set_vt_batch.vt_offsets);
  end if;

  return query execute format(
    'update pgmq.%I q
     set vt = clock_timestamp() + make_interval(secs => m.vt_offset)
     from unnest($1, $2) m (msg_id, vt_offset)
     where q.msg_id = m.msg_id
     returning q.msg_id, q.read_ct, q.enqueued_at, q.vt, q.message, q.headers',
    pgmq.format_table_name(set_vt_batch.queue_name, 'q')
  )
  using set_vt_batch.msg_ids, set_vt_batch.vt_offsets;
end;
$$;
