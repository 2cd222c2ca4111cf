-- What 1.down.sql deletes beyond definitions, which migrations bring back.
select 'runs', count(*) from pgflow.runs
union all
select 'runs that are not over', count(*) from pgflow.runs r where r.status = 'started'
