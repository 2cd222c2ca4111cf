-- pgflow._compare_flow_shapes(p_local, p_db): how two shapes differ, a text each; an empty array when they are equal.
--
-- Steps are compared by position: slug, type, dependencies as sorted sets, both modes, both patterns; options never. A slug, type or
-- mode that one side does not state is no difference; a pattern key that one side lacks is.
-- Locks: none.
create or replace function pgflow._compare_flow_shapes(p_local jsonb, p_db jsonb)
returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_local_count constant integer := coalesce(jsonb_array_length(p_local -> 'steps'), 0);
  v_db_count constant integer := coalesce(jsonb_array_length(p_db -> 'steps'), 0);
  v_differences text[] := '{}';
  v_local jsonb;
  v_db jsonb;
  v_local_deps text;
  v_db_deps text;
begin
  if v_local_count <> v_db_count then
    v_differences := v_differences || format('Step count differs: %s vs %s', v_local_count, v_db_count);
  end if;

  for v_index in 0 .. greatest(v_local_count, v_db_count) - 1 loop
    v_local := p_local -> 'steps' -> v_index;
    v_db := p_db -> 'steps' -> v_index;

    if v_local is null then
      v_differences := v_differences || format(
        'Step at index %s: missing in first shape (second has ''%s'')', v_index, v_db ->> 'slug'
      );
      continue;
    elsif v_db is null then
      v_differences := v_differences || format(
        'Step at index %s: missing in second shape (first has ''%s'')', v_index, v_local ->> 'slug'
      );
      continue;
    end if;

    if v_local ->> 'slug' <> v_db ->> 'slug' then
      v_differences := v_differences || format(
        'Step at index %s: slug differs ''%s'' vs ''%s''', v_index, v_local ->> 'slug', v_db ->> 'slug'
      );
    end if;
    if v_local ->> 'stepType' <> v_db ->> 'stepType' then
      v_differences := v_differences || format(
        'Step at index %s: type differs ''%s'' vs ''%s''', v_index, v_local ->> 'stepType', v_db ->> 'stepType'
      );
    end if;

    v_local_deps := pgflow._sorted_set(v_local -> 'dependencies');
    v_db_deps := pgflow._sorted_set(v_db -> 'dependencies');
    if v_local_deps <> v_db_deps then
      v_differences := v_differences || format(
        'Step at index %s: dependencies differ [%s] vs [%s]', v_index, v_local_deps, v_db_deps
      );
    end if;

    v_differences := v_differences || array(
      select format(
        'Step at index %s: %s differs ''%s'' vs ''%s''', v_index, k.key, v_local ->> k.key, v_db ->> k.key
      )
      from unnest(array['whenUnmet', 'whenExhausted', 'requiredInputPattern', 'forbiddenInputPattern'])
        with ordinality k (key, n)
      where case
        when k.key in ('whenUnmet', 'whenExhausted') then v_local ->> k.key <> v_db ->> k.key
        else v_local -> k.key is distinct from v_db -> k.key
      end
      order by k.n
    );
  end loop;

  return v_differences;
end;
$$;
