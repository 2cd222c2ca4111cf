"""Which database is meant, in the promised order, and never with a password on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgflowc.database import DatabaseError
from pgflowc.database.dsn import resolve_dsn, without_password

LIBPQ = ("PGSERVICE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGFLOWC_DSN", *LIBPQ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\ndsn = "postgresql:///configured"\n')
    return tmp_path


def test_the_nearest_word_wins(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    assert resolve_dsn(None, project, start_embedded=False).source == "pgflowc.toml"
    monkeypatch.setenv("PGFLOWC_DSN", "postgresql:///variable")
    assert resolve_dsn(None, project, start_embedded=False).dsn == "postgresql:///variable"
    found = resolve_dsn("dbname=option", project, start_embedded=False)
    assert (found.dsn, found.source) == ("dbname=option", "--dsn")


@pytest.mark.parametrize("name", LIBPQ)
def test_libpq_variables_are_left_to_libpq(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "5433")
    found = resolve_dsn(None, tmp_path, start_embedded=True)
    assert (found.dsn, found.source) == ("", "PG*")


def test_without_a_database_and_a_project_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"holds no pgflowc\.toml") as caught:
        resolve_dsn(None, tmp_path, start_embedded=True)
    assert "--dsn" in caught.value.help


def test_an_embedded_server_that_must_not_be_started_is_said_to_be_down(tmp_path: Path) -> None:
    (tmp_path / "pgflowc.toml").write_text("# defaults\n")
    with pytest.raises(DatabaseError, match="not running") as caught:
        resolve_dsn(None, tmp_path, start_embedded=False)
    assert caught.value.help == "pgflowc db up"


def test_a_configuration_with_a_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "pgflowc.toml").write_text("dsn = 3\n")
    with pytest.raises(DatabaseError, match=r"pgflowc\.toml"):
        resolve_dsn(None, tmp_path, start_embedded=False)


@pytest.mark.parametrize(
    "dsn", ["mysql://root:hunter2@h/db", "host=h password=hunter2 no_such_key=1", "hunter2"]
)
def test_a_dsn_that_cannot_be_read_is_refused_without_repeating_it(tmp_path: Path, dsn: str) -> None:
    with pytest.raises(DatabaseError, match="from --dsn") as caught:
        resolve_dsn(dsn, tmp_path, start_embedded=False)
    assert "hunter2" not in caught.value.message + caught.value.help


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://ann:hunter2@db.example:5433/shop", "postgresql://ann@db.example:5433/shop"),
        ("host=db.example password=hunter2 dbname=shop", "postgresql://db.example/shop"),
        (
            "postgresql:///shop?host=/run/pg&user=ann&sslpassword=hunter2&sslmode=require",
            "postgresql://ann@/shop?host=/run/pg&sslmode=require",
        ),
        ("service=shop", "postgresql:///?service=shop"),
    ],
)
def test_passwords_are_not_shown(dsn: str, shown: str) -> None:
    assert without_password(dsn) == shown


def test_where_the_variables_lead_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "db.example", "PORT": "5433", "DATABASE": "shop", "USER": "ann"}.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    assert without_password("") == "postgresql://ann@db.example:5433/shop"
