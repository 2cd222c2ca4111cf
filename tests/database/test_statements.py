"""Scripts are cut where psql would cut them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgflowc.database.statements import split_statements

WHOLE = [
    "select ';' || 'it''s;'",
    r"select e'a\';b'",
    'select 1 as "a;b""c"',
    "do $$ begin perform 1; perform 2; end $$",
    "create function f() returns int language plpgsql as $body$ begin return $$;$$; end; $body$",
    "select $1$ from t",
    "select 1 /* ; /* nested; */ ; */ + 1",
    "select 1 -- ; to the end\n + 1",
    "create rule r as on insert to t do also (delete from a; delete from b)",
    "create function f() returns int begin atomic select case when true then 1 end; select 2; end",
    "select a$b$c, 'x;' from é$t",
]


@pytest.mark.parametrize("statement", WHOLE)
def test_a_semicolon_inside_ends_nothing(statement: str) -> None:
    found = list(split_statements(f"select 0;\n{statement};\nselect 3"))
    assert [one.text for one in found] == ["select 0", statement, "select 3"]


def test_lines_are_those_where_the_statements_begin() -> None:
    script = "-- header\n\nselect 1;\n/* two\nlines */ select\n  2; ;\n\n  select 3;\n-- end\n"
    assert [(one.line, one.text) for one in split_statements(script)] == [
        (3, "select 1"),
        (5, "select\n  2"),
        (8, "select 3"),
    ]


@pytest.mark.parametrize("script", ["", " \n", ";;", "-- nothing\n", "/* nothing */", "/* open"])
def test_a_script_without_statements_has_none(script: str) -> None:
    assert list(split_statements(script)) == []


@pytest.mark.parametrize(
    ("statement", "ends"),
    [
        ("BEGIN", True),
        ("Start Transaction", True),
        ("commit", True),
        ("rollback", True),
        ("rollback to savepoint a", False),
        ("rollback work to a", False),
        ("savepoint a", False),
        ("do $$ begin end $$", False),
        ("end", True),
        ("'begin'", False),
    ],
)
def test_transaction_control_is_known(statement: str, ends: bool) -> None:
    [found] = split_statements(statement)
    assert found.ends_transaction is ends


@given(st.text(alphabet="ab;'\"$-/*()\n e\\é0", max_size=60))
def test_any_text_is_cut_without_losing_a_word(script: str) -> None:
    found = list(split_statements(script))
    position = 0
    for one in found:
        at = script.index(one.text, position)
        assert script.count("\n", 0, at) + 1 == one.line
        position = at + len(one.text)
