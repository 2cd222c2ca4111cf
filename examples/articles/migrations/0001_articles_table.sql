-- The application's own table, written by hand: `pgflowc db up` applies every migration of this directory in order.
-- The handler of step `load` fills it.
create table public.articles (
  slug      text primary key,
  title     text not null,
  author    text,
  published date,
  language  text not null,
  encoding  text not null,
  source    text not null,
  body      text not null,
  words     int not null check (words >= 0),
  sentences int not null check (sentences >= 0),
  minutes   numeric(6, 1) not null,
  keywords  text[] not null,
  loaded_by uuid not null, -- the run that wrote this version
  loaded_at timestamptz not null default now()
);
