create table ours (id int);
