-- The official SQL of pgmq, as `pgflowc db up` installed it, in whatever version. Everything of it is in its schema, queues included.
drop schema pgmq cascade;
