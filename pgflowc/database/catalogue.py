"""What schemas hold, as PostgreSQL's catalogue describes it: comparable, whoever installed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

Problem = Literal["missing", "different", "unexpected"]

# Each part gives (kind, name, definition). Privileges of the owner are left out, since owners differ.
_PARTS = {
    "table": """
        select 'table', n.nspname || '.' || c.relname,
               concat_ws(' ', c.relkind, c.relpersistence,
                         case when c.relkind in ('v', 'm') then md5(pg_get_viewdef(c.oid)) end,
                         case when c.relrowsecurity then 'row security' end,
                         -- Rules may swallow what we write, and disabled triggers do not check foreign keys.
                         case when c.relkind in ('r', 'p') and exists (
                           select from pg_rewrite r where r.ev_class = c.oid
                         ) then 'rules' end,
                         case when exists (
                           select from pg_trigger t where t.tgrelid = c.oid and t.tgenabled <> 'O'
                         ) then 'triggers disabled' end,
                         (select string_agg(o, ',' order by o) from unnest(c.reloptions) o))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any (%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'S')""",
    "type": """
        select 'type', n.nspname || '.' || t.typname,
               concat_ws(' ', t.typtype, 'attributes ' || (
                           select count(*) from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
                         ), nullif(format_type(nullif(t.typbasetype, 0), t.typtypmod), ''),
                         (select string_agg(e.enumlabel, ',' order by e.enumsortorder)
                          from pg_enum e where e.enumtypid = t.oid))
        from pg_type t join pg_namespace n on n.oid = t.typnamespace
        left join pg_class c on c.oid = t.typrelid
        where n.nspname = any (%(schemas)s) and (c.relkind = 'c' or t.typtype in ('d', 'e', 'r'))""",
    # Attributes of composite types are numbered, since values are made by place. Columns of tables are not:
    # one that an upgrade adds comes after those that another component added, and our code names columns.
    "column": """
        select 'column', n.nspname || '.' || c.relname || '.' || a.attname,
               concat_ws(' ',
                         case when c.relkind = 'c' then
                           'place ' || row_number() over (partition by c.oid order by a.attnum)
                         end,
                         format_type(a.atttypid, a.atttypmod),
                         case when a.attnotnull then 'not null' end,
                         'default ' || pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity, ''),
                         nullif(a.attgenerated, ''))
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where n.nspname = any (%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'c')
          and a.attnum > 0 and not a.attisdropped""",
    # Not-null constraints are part of the column; only PostgreSQL 18 lists them here too.
    "constraint": """
        select 'constraint', n.nspname || '.' || c.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
        from pg_constraint k
        join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any (%(schemas)s) and k.contype <> 'n'""",
    "index": """
        select 'index', n.nspname || '.' || i.relname,
               concat_ws(' ', pg_get_indexdef(x.indexrelid), case when not x.indisvalid then 'invalid' end)
        from pg_index x join pg_class i on i.oid = x.indexrelid join pg_namespace n on n.oid = i.relnamespace
        where n.nspname = any (%(schemas)s)""",
    "trigger": """
        select 'trigger', n.nspname || '.' || c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid)
        from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any (%(schemas)s) and not t.tgisinternal""",
    "function": """
        select 'function',
               n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
               concat_ws(' ', 'returns', pg_get_function_result(p.oid),
                         'arguments (' || pg_get_function_arguments(p.oid) || ')', l.lanname, p.provolatile,
                         case when p.prosecdef then 'security definer' end,
                         case when p.proisstrict then 'strict' end,
                         'parallel ' || p.proparallel::text, 'cost ' || p.procost, 'rows ' || p.prorows,
                         (select string_agg(s, ',' order by s) from unnest(p.proconfig) s),
                         'body ' || md5(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)))
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
        where n.nspname = any (%(schemas)s)""",
    "schema": """
        select 'schema', nspname, '' from pg_namespace where nspname = any (%(schemas)s)""",
    "privilege": """
        with objects (name, owner, acl) as (
          select 'schema ' || nspname, nspowner, nspacl
          from pg_namespace where nspname = any (%(schemas)s)
          union all
          select 'table ' || n.nspname || '.' || c.relname, c.relowner, c.relacl
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = any (%(schemas)s) and c.relkind in ('r', 'p', 'v', 'm', 'S')
          union all
          select 'function ' || n.nspname || '.' || p.proname
                   || '(' || pg_get_function_identity_arguments(p.oid) || ')',
                 p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any (%(schemas)s))
        select 'privilege',
               lower(a.privilege_type) || ' on ' || name || ' to '
                 || case a.grantee when 0 then 'public' else a.grantee::regrole::text end, ''
        from objects cross join lateral aclexplode(acl) a where a.grantee <> owner""",
}


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One object that is not as it should be; `expected` and `found` describe it, "" where absent."""

    kind: str
    name: str
    problem: Problem
    expected: str = ""
    found: str = ""


Catalogue = Mapping[tuple[str, str], str]


def read_catalogue(connection: psycopg.Connection, schemas: Sequence[str]) -> Catalogue:
    """(kind, name) -> definition of all that `schemas` hold; to be called in a transaction."""
    # Names come out qualified only if nothing is on the search path.
    connection.execute("set local search_path = ''")
    found: dict[tuple[str, str], str] = {}
    for query in _PARTS.values():
        for kind, name, definition in connection.execute(query, {"schemas": list(schemas)}):
            found[kind, name] = definition
    return found


def differences(expected: Catalogue, found: Catalogue) -> tuple[Difference, ...]:
    """What tells `found` from `expected`, sorted; a missing table or function stands for all about it."""
    result = []
    for key in sorted({*expected, *found}):
        before, now = expected.get(key), found.get(key)
        if now is None and before is not None:
            result.append(Difference(*key, "missing", expected=before))
        elif before is None and now is not None:
            result.append(Difference(*key, "unexpected", found=now))
        elif before is not None and now is not None and before != now:
            result.append(Difference(*key, "different", before, now))
    absent = [one for one in result if one.problem == "missing" and one.kind in ("table", "type", "function")]
    tables = {one.name for one in absent if one.kind in ("table", "type")}
    objects = [f" on {one.kind} {one.name} to " for one in absent]
    return tuple(
        one
        for one in result
        if one.kind in ("table", "type", "function")
        or (one.name.rpartition(".")[0] not in tables and not any(thing in one.name for thing in objects))
    )
