-- Schema pgflow: flow definitions, runs and tasks on queues of pgmq.
-- Nothing in it is open to public; see privileges.sql.
-- An administrator may have made it beforehand, for a role that must not create schemas: even `if not exists` would ask for that right.
do $$
begin
  if to_regnamespace('pgflow') is null then
    create schema pgflow;
  end if;
end;
$$;
