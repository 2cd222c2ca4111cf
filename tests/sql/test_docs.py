"""The examples of docs/sql.md run as written, in order, and print what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"
BLOCK = re.compile(r"^```(sql|text)\n(.*?)^```$", re.M | re.S)


def shown(value: object) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    if isinstance(value, bool):
        return "t" if value else "f"  # as psql
    return "" if value is None else str(value)


@pytest.fixture
def connection(core_dsn: str):
    with psycopg.connect(core_dsn, autocommit=True) as opened:
        # JSON as psql prints it.
        opened.adapters.register_loader("jsonb", psycopg.types.string.TextLoader)
        yield opened
        opened.execute("drop owned by web; drop role web")


def test_the_examples_of_the_page(connection) -> None:
    printed: list[str] = []
    checked = 0
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sql":
            printed = []
            for statement in re.split(r";\n", text):
                if statement.strip():
                    cursor = connection.execute(statement)
                    if cursor.description:
                        printed += ["|".join(shown(value) for value in row) for row in cursor]
        else:
            assert "\n".join(printed) == text.strip()
            checked += 1
    assert checked == 13
