-- Steps whose tasks wait for a signal, as their spec declares it. Written by set_signal and remove_signal, which migrations call. A handler
-- may also wait without a row here: its signals are then of any form, and it says itself for how long it waits.
create table pgflowc.awaited_signals (
  flow_slug text not null,
  step_slug text not null,
  payload_schema jsonb not null, -- what signal_task checks payloads against: JSON Schema as _payload_fault knows it
  wait_for integer, -- seconds until the wait is over; null: for ever
  is_approval boolean not null, -- the signal itself completes the task, whose output is the payload: no worker gets it
  constraint awaited_signals_pkey primary key (flow_slug, step_slug),
  constraint awaited_signals_step_fkey foreign key (flow_slug, step_slug)
    references pgflow.steps (flow_slug, step_slug) on delete cascade,
  constraint wait_for_is_positive check (wait_for > 0)
);
