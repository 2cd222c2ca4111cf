-- pgflow.calculate_retry_delay(base_delay, attempts_count): seconds before the next attempt.
--
-- floor(base_delay * 2 ^ attempts_count), where attempts_count already includes the failed attempt, but at most a year
-- (31,536,000 s): a wait beyond that serves nobody, and without a cap the result would overflow and lose the failure.
-- Locks: none.
create or replace function pgflow.calculate_retry_delay(base_delay numeric, attempts_count integer)
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select least(
    floor(calculate_retry_delay.base_delay * power(2::numeric, least(calculate_retry_delay.attempts_count, 100))),
    31536000
  )::integer
  where calculate_retry_delay.base_delay is not null and calculate_retry_delay.attempts_count is not null
$$;
