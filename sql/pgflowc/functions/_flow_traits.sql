-- pgflowc._flow_traits(p_queue_name): the flow that a queue belongs to, and what the fast paths depend on.
--
-- The queue is named as the flow, in its spelling or any other case. Raises undefined_table when no flow has such a queue.
-- Locks: none.
create or replace function pgflowc._flow_traits(p_queue_name text)
returns pgflowc.flow_traits
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow pgflowc.flow_traits;
  v_table text;
begin
  v_table := pgmq.format_table_name(p_queue_name, 'q');

  select
    f.flow_slug, v_table, false, f.opt_timeout,
    coalesce(bool_or(d.required_input_pattern is not null or d.forbidden_input_pattern is not null), false),
    coalesce(bool_or(d.step_type = 'map'), false),
    (
      select array_agg(distinct p.step_slug)
      from pgflow.steps m
      join pgflow.deps e on e.flow_slug = m.flow_slug and e.step_slug = m.step_slug
      join pgflow.steps p on p.flow_slug = e.flow_slug and p.step_slug = e.dep_slug
      where m.flow_slug = f.flow_slug and m.step_type = 'map' and p.step_type = 'single'
    ),
    to_regclass('pgflow.map_chunks') is not null,
    (select array_agg(a.step_slug) from pgflowc.awaited_signals a where a.flow_slug = f.flow_slug and a.is_approval)
  into v_flow
  from pgflow.flows f
  left join pgflow.steps d on d.flow_slug = f.flow_slug
  where lower(f.flow_slug) = lower(p_queue_name)
  group by f.flow_slug, f.opt_timeout
  order by f.flow_slug = p_queue_name desc
  limit 1;

  if not found then
    raise exception 'no flow has the queue "%"', p_queue_name
      using errcode = 'undefined_table', hint = 'Define the flow first: a queue has the name of its flow.';
  end if;

  v_flow.has_last_read_at := exists (
    select from pg_catalog.pg_attribute a
    where
      a.attrelid = to_regclass(format('pgmq.%I', v_table))
      and a.attname = 'last_read_at'
      and not a.attisdropped
  );
  return v_flow;
end;
$$;
