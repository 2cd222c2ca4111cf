-- pgflowc.due_steps(p_run_id): when steps of a run that have queued tasks begin, where no worker may take one yet: a job that is to
-- begin later, a start_delay, a retry after its backoff.
--
-- One row for each such step, due_at being the earliest time of its tasks. A step of which a task may be taken now has none.
-- Locks: none.
create or replace function pgflowc.due_steps(p_run_id uuid)
returns table (step_slug text, due_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow_slug text;
begin
  select r.flow_slug into v_flow_slug from pgflow.runs r where r.run_id = p_run_id and r.status = 'started';
  if found then
    return query execute format(
      $query$
      select t.step_slug, min(m.vt)
      from pgflow.step_tasks t
      join pgmq.%I m on m.msg_id = t.message_id
      where t.run_id = $1 and t.flow_slug = $2 and t.status = 'queued'
      group by t.step_slug
      having min(m.vt) > clock_timestamp()
      $query$,
      pgmq.format_table_name(v_flow_slug, 'q')
    )
    using p_run_id, v_flow_slug;
  end if;
end;
$$;
