-- The migrations of a project that `pgflowc db up` has applied to this database, each in one transaction with its row.
-- Several projects may share a database: `project` is the package name of pgflowc.toml.
create table pgflowc.applied_migrations (
  project text not null,
  -- The file's name, as 0001_create_process_order.sql.
  name text not null,
  -- sha256 of the file's bytes in hexadecimal, as in pgflowc.lock.
  checksum text not null,
  applied_at timestamptz not null default now(),
  constraint applied_migrations_pkey primary key (project, name),
  constraint checksum_is_sha256 check (checksum ~ '^[0-9a-f]{64}$')
);
