"""docs/jobs.md: its job compiles to the migration shown, its program and its commands do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build

PAGE = (Path(__file__).parents[2] / "docs" / "jobs.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def invoke(words: list[str]) -> str:
    return CliRunner().invoke(build(words), words).output


def test_the_page_does_what_it_says(core_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [spec] = blocks("yaml")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "send_email.yaml").write_text(spec, encoding="utf-8")
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', encoding="utf-8")
    invoke(["compile", "--project", str(tmp_path)])
    assert "async def perform(" in (tmp_path / "shop" / "handlers" / "send_email.py").read_text("utf-8")
    migration = (tmp_path / "migrations" / "0001_create_send_email.sql").read_text(encoding="utf-8")
    [statements] = blocks("sql")
    assert statements in migration

    with psycopg.connect(core_dsn, autocommit=True) as connection:
        connection.execute(migration.encode())
        [program] = blocks("python")
        exec(compile(program.replace("postgresql:///shop", core_dsn), "docs/jobs.md", "exec"), {})
        started = "select status, count(*) from pgflow.runs group by 1"
        assert connection.execute(started).fetchall() == [("started", 5)]
        delayed = "select count(*) from pgmq.q_send_email where vt > now()"
        assert connection.execute(delayed).fetchone() == (4,)

    monkeypatch.setenv("PGFLOWC_DSN", core_dsn)
    monkeypatch.setenv("COLUMNS", "200")
    said = [re.split(r"^\$ pgflowc ", block, flags=re.MULTILINE)[1:] for block in blocks("console")]
    for command, _, output in (one.partition("\n") for block in said for one in block):
        words = shlex.split(command)
        assert re.sub(r"\d+", "N", invoke(words)) == re.sub(r"\d+", "N", output)
