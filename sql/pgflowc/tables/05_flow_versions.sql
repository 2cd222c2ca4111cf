-- The versions of flows that have more than one: each is a stored flow of its own, and one of them is what clients, schedules and commands
-- mean when they say the name. Written by add_version, switch_version and remove_version, which migrations call. A flow without
-- rows is called as it is stored.
create table pgflowc.flow_versions (
  name text not null, -- what the spec calls the flow
  version integer not null,
  flow_slug text not null, -- of pgflow.flows; no foreign key, since who deletes the flow deletes the row after it
  current_since timestamptz, -- null: runs that are alive finish here, or it waits for the switch
  created_at timestamptz not null default now(),
  constraint flow_versions_pkey primary key (name, version),
  constraint flow_versions_flow_slug_key unique (flow_slug),
  constraint version_is_positive check (version > 0)
);

create unique index flow_versions_current on pgflowc.flow_versions (name) include (flow_slug) where current_since is not null;
