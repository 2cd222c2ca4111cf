-- What 1.down.sql deletes: which migrations this database has.
select 'records of applied migrations', count(*) from pgflowc.applied_migrations
