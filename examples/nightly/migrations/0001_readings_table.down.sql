drop table public.readings;
