-- What is installed in this database: core, helpers and pgflowc as pgflowc installs them, and pgmq if it was
-- pgflowc that installed it. A component that somebody else installed has no row.
-- Workers compare `version` with what they need, so its meaning never changes.
create table pgflowc.installed_components (
  component text primary key,
  -- 1, 2, ... for our components; major * 10000 + minor * 100 + patch for pgmq.
  version integer not null,
  -- The release that installed it, for people: pgflowc's, or pgmq's own.
  release text not null,
  installed_at timestamptz not null default now(),
  constraint version_is_positive check (version > 0)
);
