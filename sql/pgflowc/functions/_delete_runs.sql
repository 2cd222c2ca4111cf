-- pgflowc._delete_runs(p_flow_slug, p_run_ids): delete these runs of the flow, with their step states, tasks, and messages in the queue
-- and the archive. Returns how many step states and tasks went.
--
-- The caller holds the locks of the runs.
-- Locks: the step states, tasks and messages.
create or replace function pgflowc._delete_runs(
  p_flow_slug text,
  p_run_ids uuid[],
  out step_states integer,
  out step_tasks integer
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_msg_ids bigint[];
  v_kind "char";
begin
  perform from pgflow.step_states s where s.run_id = any (p_run_ids) order by s.run_id, s.step_slug for update;
  with gone as (
    delete from pgflow.step_tasks t where t.run_id = any (p_run_ids) returning t.message_id
  )
  select count(*)::integer, array_agg(g.message_id) filter (where g.message_id is not null)
  into step_tasks, v_msg_ids
  from gone g;
  delete from pgflow.step_states s where s.run_id = any (p_run_ids);
  get diagnostics step_states = row_count;
  delete from pgflow.runs r where r.run_id = any (p_run_ids);
  delete from pgflowc.run_traces t where t.run_id = any (p_run_ids);

  if v_msg_ids is not null then
    foreach v_kind in array '{q,a}'::"char"[] loop
      begin
        execute format(
          'delete from pgmq.%I m where m.msg_id = any ($1)', pgmq.format_table_name(p_flow_slug, v_kind::text)
        )
        using v_msg_ids;
      exception when undefined_table then -- somebody has dropped the queue
        null;
      end;
    end loop;
  end if;
end;
$$;
