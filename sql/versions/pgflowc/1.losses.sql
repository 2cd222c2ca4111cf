-- What 1.down.sql deletes: which migrations this database has, when flows start by themselves, and which are paused.
select 'records of applied migrations', count(*) from pgflowc.applied_migrations
union all
select 'schedules', count(*) from pgflowc.schedules
union all
select 'pauses of queues', count(*) from pgflowc.paused_queues
union all
select 'versions of flows', count(*) from pgflowc.flow_versions
union all
select 'retentions of runs', count(*) from pgflowc.retention
union all
select 'signals that steps declare', count(*) from pgflowc.awaited_signals
union all
select 'signals that tasks wait for or were sent', count(*) from pgflowc.task_signals
