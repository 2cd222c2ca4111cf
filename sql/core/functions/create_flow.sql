-- pgflow.create_flow(flow_slug, max_attempts, base_delay, timeout): define a flow and make its queue.
--
-- NULL options mean 3 attempts, 5 s base delay, 60 s timeout. An existing flow is returned as stored, its options unchanged; its
-- queue is made if it is missing. Refused: a slug that is_valid_slug denies (check slug_is_valid), one above pgmq's 47
-- characters, and one that differs from an existing flow or queue only in case, since their queue tables would be the same.
-- A new flow is told by NOTIFY pgflowc_flows; so is a new step, and that a flow is gone.
-- Locks: advisory (1, hash of the lowercased slug), which serialises definitions of a flow; then pgmq's own queue lock.
create or replace function pgflow.create_flow(
  flow_slug text,
  max_attempts integer default null,
  base_delay integer default null,
  timeout integer default null
)
returns pgflow.flows
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_slug constant text := create_flow.flow_slug;
  v_flow pgflow.flows;
  v_other text;
  v_is_new boolean := false;
begin
  perform pg_advisory_xact_lock(1, hashtext(lower(v_slug)));

  select f.* into v_flow from pgflow.flows f where f.flow_slug = v_slug;
  if not found then
    select f.flow_slug into v_other from pgflow.flows f where lower(f.flow_slug) = lower(v_slug);
    if found then
      raise exception 'flow slug "%" differs from that of flow "%" only in case', v_slug, v_other
        using errcode = 'unique_violation',
          detail = 'Both would use the queue table ' || quote_literal(pgmq.format_table_name(v_slug, 'q')) || '.',
          hint = 'Rename one of the two flows.';
    end if;

    insert into pgflow.flows (flow_slug, opt_max_attempts, opt_base_delay, opt_timeout)
    values (
      v_slug,
      coalesce(create_flow.max_attempts, 3),
      coalesce(create_flow.base_delay, 5),
      coalesce(create_flow.timeout, 60)
    )
    returning * into v_flow;
    v_is_new := true;
    notify pgflowc_flows; -- workers that serve flows by a pattern of their slugs look

    if length(v_slug) > 47 then
      -- pgmq's own words, which callers compare, with the reason added.
      raise exception 'queue name is too long, maximum length is 47 characters'
        using detail = format('Flow slug "%s" has %s characters and names the queue of the flow.', v_slug, length(v_slug)),
          hint = 'Choose a flow slug of at most 47 characters.';
    end if;
  end if;

  select q.queue_name::text into v_other
  from pgmq.list_queues() q
  where lower(q.queue_name) = lower(v_slug)
  order by q.queue_name = v_slug desc
  limit 1;

  if not found then
    perform pgmq.create(v_slug);
  elsif v_is_new and v_other <> v_slug then
    raise exception 'flow slug "%" differs from the name of queue "%" only in case', v_slug, v_other
      using errcode = 'unique_violation',
        detail = 'Both would use the queue table ' || quote_literal(pgmq.format_table_name(v_slug, 'q')) || '.',
        hint = 'Rename the flow, or drop the queue if nothing uses it.';
  end if;

  return v_flow;
end;
$$;
