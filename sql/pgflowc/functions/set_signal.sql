-- pgflowc.set_signal(p_flow_slug, p_step_slug, p_payload_schema, p_wait_for, p_approval): a step waits for a signal of this form, for so many
-- seconds (NULL: for ever); under p_approval the signal completes it, and it needs no handler.
--
-- Replaces what was set before. Waits that have begun keep their deadline; what a signal does is decided when it is sent. Raises
-- feature_not_supported on a core without waiting tasks, foreign_key_violation for an unknown step, invalid_parameter_value for an approval
-- that is a map.
-- Locks: the flow's row of awaited_signals, and the step's (for key share).
create or replace function pgflowc.set_signal(
  p_flow_slug text,
  p_step_slug text,
  p_payload_schema jsonb,
  p_wait_for integer default null,
  p_approval boolean default false
)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflowc._require_waiting();
  if p_approval and exists (
    select from pgflow.steps s where s.flow_slug = p_flow_slug and s.step_slug = p_step_slug and s.step_type <> 'single'
  ) then
    raise exception 'step "%" of flow "%" is a map and cannot be an approval', p_step_slug, p_flow_slug
      using errcode = 'invalid_parameter_value';
  end if;

  insert into pgflowc.awaited_signals as a (flow_slug, step_slug, payload_schema, wait_for, is_approval)
  values (p_flow_slug, p_step_slug, p_payload_schema, p_wait_for, p_approval)
  on conflict (flow_slug, step_slug) do update set
    payload_schema = excluded.payload_schema, wait_for = excluded.wait_for, is_approval = excluded.is_approval;
  notify pgflowc_flows; -- workers that serve flows by a pattern of their slugs look: an approval needs no handler
end;
$$;
