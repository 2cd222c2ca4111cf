-- The application's own table, written by hand. The handler of step `load` fills it.
create table public.readings (
  meter       text not null,
  measured_on date not null,
  kwh         numeric(8, 3) not null check (kwh >= 0),
  loaded_by   uuid not null, -- the run that wrote this version
  primary key (meter, measured_on)
);
