-- pgflow._begin_approvals(p_run_id): make the tasks of approvals of a run whose steps have just been started.
--
-- They wait without a message (pgflowc._begin_approvals), and one whose signal came before is completed here, with all that follows. Steps
-- that have their tasks are left alone. The caller holds the run's lock. Security definer: see _approvals.
-- Locks: as pgflowc.finish_batch.
create or replace function pgflow._begin_approvals(p_run_id uuid)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow_slug text;
  v_step_slugs text[];
begin
  select r.flow_slug into v_flow_slug from pgflow.runs r where r.run_id = p_run_id and r.status = 'started' for no key update;
  v_step_slugs := array(
    select s.step_slug
    from pgflow.step_states s
    join pgflow.steps d on d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
    where
      s.run_id = p_run_id
      and s.status = 'started'
      and s.step_slug = any (pgflow._approvals(v_flow_slug))
      and not exists (select from pgflow.step_tasks t where t.run_id = s.run_id and t.step_slug = s.step_slug)
    order by d.step_index
  );
  if v_step_slugs <> '{}' then
    perform pgflowc._begin_approvals(
      v_flow_slug, array_fill(p_run_id, array[cardinality(v_step_slugs)]), v_step_slugs,
      pgflowc._watched_runs(v_flow_slug, array[p_run_id])
    );
    perform pgflowc._settle_waits(pgflowc._flow_traits(v_flow_slug), p_run_ids => array[p_run_id]);
  end if;
end;
$$;
