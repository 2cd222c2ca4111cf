-- How long ended runs of flows are kept. Written by set_retention and remove_retention, which migrations call; workers prune by it. No
-- foreign key: a flow that is deleted and defined anew keeps its row, and one without a flow does nothing.
create table pgflowc.retention (
  flow_slug text not null primary key,
  completed interval, -- since the run completed; null: for ever
  failed interval, -- since it failed or was cancelled; null: for ever
  updated_at timestamptz not null default now(),
  constraint something_is_limited check (num_nonnulls(completed, failed) > 0),
  constraint completed_is_positive check (completed > '0'),
  constraint failed_is_positive check (failed > '0')
);
