drop table public.articles;
