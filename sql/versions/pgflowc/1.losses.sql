-- What 1.down.sql deletes: which migrations this database has, and when flows start by themselves.
select 'records of applied migrations', count(*) from pgflowc.applied_migrations
union all
select 'schedules', count(*) from pgflowc.schedules
