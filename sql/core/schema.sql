-- Schema pgflow: flow definitions, runs and tasks on queues of pgmq.
-- Nothing in it is open to public; see privileges.sql.
create schema pgflow;
