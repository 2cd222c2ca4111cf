"""Whatever text a user writes is what PostgreSQL and Python read, and nothing more."""

from __future__ import annotations

import ast
import json
import unicodedata

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgflowc.render.literals import (
    docstring_lines,
    one_line,
    python_text,
    sql_jsonb,
    sql_text,
    sql_text_array,
)
from pgflowc.render.verify import UnsoundOutputError, verify

AWKWARD = [
    "",
    "'",
    "''; DROP TABLE runs; --",
    "\\",
    "\\'",
    "a\nb\r\n\tc",
    '"""',
    '"quoted"',
    "$$ $1 %s {x} {{ y }} {% z %}",
    "*/ -- /*",
    "\u202e right to left \u2066",
    "\u2028\u2029\x85\x0b\x0c\x1b[31m",
    "é ü 語 \U0001f600 \U000e0001",
]
texts = st.text() | st.sampled_from(AWKWARD) | st.lists(st.sampled_from(AWKWARD)).map("".join)


@pytest.mark.parametrize("standard", ["on", "off"])
def test_sql_texts_mean_themselves(standard: str, empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(f"set standard_conforming_strings = {standard}")
        for text in AWKWARD:
            assert connection.execute(f"select {sql_text(text)}").fetchone() == (text,)
        assert connection.execute(f"select {sql_text_array(AWKWARD)}").fetchone() == (AWKWARD,)
        assert connection.execute(f"select {sql_text_array([])}").fetchone() == ([],)


def test_jsonb_literals_mean_themselves(empty_dsn: str) -> None:
    pattern = {text or "empty": [text, {"n": 1.5, "flag": None}] for text in AWKWARD}
    with psycopg.connect(empty_dsn) as connection:
        found = connection.execute(f"select {sql_jsonb(json.dumps(pattern))}").fetchone()
    assert found == (pattern,)


def test_nul_is_refused_rather_than_cut_off() -> None:
    with pytest.raises(ValueError, match="NUL"):
        sql_text("a\0b")


@given(texts)
def test_python_texts_mean_themselves(text: str) -> None:
    assert ast.literal_eval(python_text(text)) == text


@given(texts)
def test_comments_stay_on_one_visible_line(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert not [c for c in shown if c != " " and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]


@given(texts, st.sampled_from(["", "    "]))
def test_docstrings_hold_the_words_and_end_where_they_should(text: str, indent: str) -> None:
    source = "\n".join(["def f():", *docstring_lines(f"x{text}", "    "), "    marker"])
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert len(function.body) == 2
    documented = ast.get_docstring(function, clean=False)
    assert documented is not None
    assert documented.split() == f"x{text}".split()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "def f(:\n"),
        ("a.sql", "SELECT pgflow.create_flow('a', 1, 1, 30); DROP TABLE x;\n"),
        ("a.sql", "SELECT pgflow.create_flow('a, 1, 1, 30);\n"),
        ("a.sql", "-- fine\nDELETE FROM pgflow.runs;\n"),
    ],
)
def test_unsound_output_is_never_returned(path: str, text: str) -> None:
    with pytest.raises(UnsoundOutputError, match=path):
        verify(path, text)
