-- What became of each slot of a schedule. The primary key is what makes a slot start one run, whoever tries and however often: it is
-- inserted in the transaction that starts the run. Rows of long ago are deleted by whoever adds one.
create table pgflowc.schedule_slots (
  flow_slug text not null,
  slot timestamptz not null, -- when the run was to start; the time of the call for one that was started by hand
  run_id uuid, -- null: left out, since a run of this schedule was going on
  created_at timestamptz not null default clock_timestamp(),
  constraint schedule_slots_pkey primary key (flow_slug, slot)
);

-- The latest runs of a schedule, to see whether one goes on.
create index schedule_slots_runs on pgflowc.schedule_slots (flow_slug, slot) where run_id is not null;
