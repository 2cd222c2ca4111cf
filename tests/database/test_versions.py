"""Every way to a version leads to the same schemas: fresh installs, upgrades, and back again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.database import components
from pgflowc.database.catalogue import Catalogue, differences, read_catalogue
from pgflowc.database.components import (
    COMPONENTS,
    component_sql,
    component_version,
    frozen_sql,
    shipped,
)
from pgflowc.database.inventory import take_inventory
from pgflowc.database.queue_layer import shipped_queue_layer
from pgflowc.resources import resource_root
from pgflowc_runtime.versions import SUPPORTED

STEPS = [
    pytest.param(component, version, id=f"{component}-{version}")
    for component in COMPONENTS
    for version in range(1, component_version(component) + 1)
]


def _installed(component: str, version: int) -> list[str]:
    """The scripts of a fresh install of that version, on the shipped components that it builds on."""
    below = [component_sql(name) for name in COMPONENTS[: COMPONENTS.index(component)]]
    if version == 0:
        return below
    frozen = frozen_sql(component)
    if version == component_version(component):
        return [*below, component_sql(component)]
    return [*below, frozen[version]]


def _after(dsn: str, scripts: list[str]) -> Catalogue:
    """What our schemas hold when a database without them has run the scripts."""
    with psycopg.connect(dsn) as connection:
        connection.execute(shipped_queue_layer()[0].encode())
        connection.execute("reset search_path")
        for script in scripts:
            connection.execute(script.encode())
        return read_catalogue(connection, ("pgflow", "pgflowc"))


def _ways_agree(new_database: Callable[[], str], component: str, version: int) -> None:
    release = next(one for one in shipped() if one.component == component)
    before, now = _installed(component, version - 1), _installed(component, version)
    up = release.upgrades[version] if version > 1 else now[-1]
    down = release.downgrades[version].script
    fresh_before, fresh = _after(new_database(), before), _after(new_database(), now)
    assert differences(fresh, _after(new_database(), [*before, up])) == ()
    assert differences(fresh_before, _after(new_database(), [*now, down])) == ()
    assert differences(fresh, _after(new_database(), [*now, down, up])) == ()


@pytest.mark.parametrize(("component", "version"), STEPS)
def test_up_down_and_up_again_equal_a_fresh_install(
    component: str, version: int, new_database: Callable[[], str]
) -> None:
    _ways_agree(new_database, component, version)


@pytest.mark.parametrize("component", COMPONENTS)
def test_released_sql_does_not_change(component: str) -> None:
    _check_frozen(component)


def _check_frozen(component: str) -> None:
    version, frozen = component_version(component), frozen_sql(component)
    assert set(range(1, version)) <= set(frozen) <= set(range(1, version + 1))
    release = next(one for one in shipped() if one.component == component)
    assert set(release.upgrades) == set(range(2, version + 1))
    assert set(release.downgrades) == set(range(1, version + 1))
    if version in frozen:
        words = ["db", "sql", "--component", component]
        assert frozen[version] == CliRunner().invoke(build(words), words).output, (
            f"{component} {version} is released: raise sql/{component}/version, see sql/versions/README.md"
        )


def test_the_runtime_works_with_what_is_shipped() -> None:
    assert set(SUPPORTED) == set(COMPONENTS)
    for component, (oldest, newest) in SUPPORTED.items():
        assert oldest <= newest == component_version(component)


@pytest.fixture
def later_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The SQL of a checkout in which the present pgflowc is released, and version 2 is in the making."""
    shutil.copytree(resource_root() / "sql", tmp_path / "sql")
    words = ["db", "sql", "--component", "pgflowc"]
    released = CliRunner().invoke(build(words), words).output
    versions = tmp_path / "sql" / "versions" / "pgflowc"
    (versions / "1.install.sql").write_text(released)
    (tmp_path / "sql" / "pgflowc" / "version").write_text("2\n")
    tables = tmp_path / "sql" / "pgflowc" / "tables"
    with (tables / "10_waiting_workers.sql").open("a") as file:
        file.write("alter table pgflowc.waiting_workers add column host text;\n")
    (tables / "50_signals.sql").write_text(
        "create table pgflowc.signals (name text primary key, body jsonb not null);\n"
        "create index idx_signals_body on pgflowc.signals (body);\n"
    )
    (tmp_path / "sql" / "pgflowc" / "functions" / "has_signal.sql").write_text(
        "create or replace function pgflowc.has_signal(p_name text) returns boolean language sql stable\n"
        "set search_path = pg_catalog, pg_temp\n"
        "as 'select exists (select from pgflowc.signals s where s.name = p_name)';\n"
    )
    (versions / "2.up.sql").write_text(
        (tables / "50_signals.sql").read_text()
        + (tmp_path / "sql" / "pgflowc" / "functions" / "has_signal.sql").read_text()
        + "alter table pgflowc.waiting_workers add column host text;\n"
    )
    (versions / "2.down.sql").write_text(
        "drop function pgflowc.has_signal; drop table pgflowc.signals;\n"
        "alter table pgflowc.waiting_workers drop column host;\n"
    )
    monkeypatch.setattr(components, "resource_root", lambda: tmp_path)
    _forget()
    yield tmp_path / "sql"
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    components.component_sql.cache_clear()
    components.component_version.cache_clear()


def test_a_later_release_in_the_making(later_checkout: Path, new_database: Callable[[], str]) -> None:
    _check_frozen("pgflowc")
    _ways_agree(new_database, "pgflowc", 2)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("2.up.sql", "create index idx_signals_body on pgflowc.signals (body);\n", ""),
        ("2.up.sql", "language sql stable", "language sql"),
        ("2.up.sql", "body jsonb not null", "body jsonb"),
        ("2.down.sql", "drop column host", "alter column host drop not null"),
    ],
)
def test_a_way_that_leads_elsewhere_is_found(
    file: str, old: str, new: str, later_checkout: Path, new_database: Callable[[], str]
) -> None:
    path = later_checkout / "versions" / "pgflowc" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(AssertionError):
        _ways_agree(new_database, "pgflowc", 2)


def test_the_sql_of_an_upgrade_for_other_tools(
    core_dsn: str, later_checkout: Path, new_database: Callable[[], str]
) -> None:
    words = ["db", "sql", "--component", "pgflowc", "--from"]
    printed = CliRunner().invoke(build(words), [*words, "1"]).output
    with psycopg.connect(core_dsn) as connection:
        connection.execute(printed.encode())
        assert take_inventory(connection).recorded["pgflowc"] == 2
        found = read_catalogue(connection, ("pgflow", "pgflowc"))
    assert differences(_after(new_database(), _installed("pgflowc", 2)), found) == ()
    done = CliRunner().invoke(build(words), [*words, "2"])
    assert done.exit_code == 1
    assert "version 2 of pgflowc is the newest that this pgflowc has" in done.output


def test_a_change_of_released_sql_is_found(later_checkout: Path) -> None:
    words = ["db", "sql", "--component", "pgflowc"]
    released = CliRunner().invoke(build(words), words).output
    (later_checkout / "versions" / "pgflowc" / "2.install.sql").write_text(released)
    _check_frozen("pgflowc")
    with (later_checkout / "pgflowc" / "privileges.sql").open("a") as file:
        file.write("grant usage on schema pgflowc to public;\n")
    _forget()
    with pytest.raises(AssertionError, match="pgflowc 2 is released"):
        _check_frozen("pgflowc")
