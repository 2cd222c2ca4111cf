"""The SQL that pgflowc installs, by component: assembled from the files under `sql/<component>/`.

A component's script is schema.sql, types/*, tables/*, functions/* and privileges.sql, each part optional,
each directory in the order of its file names. It must run in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pgflowc.resources import resource_root

# In the order of installation: each builds on those before it.
COMPONENTS = ("core", "helpers", "pgflowc")

# Functions may name each other and tables in any order, whatever their files are called.
_PROLOGUE = "set local check_function_bodies = off;\n"


@dataclass(frozen=True, slots=True)
class Downgrade:
    """The script that leads from a version to the one before, and the query that tells what it deletes: rows
    (what, count), "" if nothing."""

    script: str
    losses: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """What this pgflowc has of a component: its version, the script that installs it, `upgrades`: version ->
    the script that leads to it from the version before, and `downgrades`: version -> the way back from it."""

    component: str
    version: int
    script: str
    upgrades: Mapping[int, str] = field(default_factory=dict)
    downgrades: Mapping[int, Downgrade] = field(default_factory=dict)


def shipped() -> tuple[Release, ...]:
    """The components that this pgflowc carries, in the order of installation."""
    return tuple(
        Release(
            component,
            component_version(component),
            component_sql(component),
            _upgrades(component),
            _downgrades(component),
        )
        for component in COMPONENTS
    )


@cache
def component_sql(component: str) -> str:
    """The script that installs `component` (one of COMPONENTS) into a database that does not have it."""
    parts = [_PROLOGUE]
    for file in component_files(component):
        parts.append(f"\n-- {component}/{file.relative_to(_directory(component)).as_posix()}\n")
        parts.append(file.read_text(encoding="utf-8").rstrip() + "\n")
    return "".join(parts)


@cache
def functions_sql(component: str) -> str:
    """The functions of `component` alone: a script that may be run again, and puts them right."""
    texts = [file.read_text(encoding="utf-8").rstrip() for file in component_files(component)]
    return _PROLOGUE + "".join(f"\n{text}\n" for text in texts if _only_a_function(text))


@cache
def component_version(component: str) -> int:
    """The version that `component_sql` installs: an integer from 1 that every released change raises."""
    return int((_directory(component) / "version").read_text(encoding="utf-8"))


def component_files(component: str) -> list[Path]:
    """The files of `component` in the order in which they run."""
    directory = _directory(component)
    files = [directory / "schema.sql"]
    for part in ("types", "tables", "functions"):
        files += sorted((directory / part).glob("*.sql"), key=lambda file: file.name)
    files.append(directory / "privileges.sql")
    return [file for file in files if file.is_file()]


def _only_a_function(text: str) -> bool:
    code = [line for line in text.splitlines() if line and not line.startswith("--")]
    return code[0].startswith("create or replace function ")


def frozen_sql(component: str) -> dict[int, str]:
    """Released version of `component` -> the script that installed it then."""
    return {version: file.read_text(encoding="utf-8") for version, file in _versions(component, "install")}


def queue_layer_downgrade() -> Downgrade:
    """The way back from pgmq's official SQL."""
    directory = resource_root() / "sql" / "versions" / "pgmq"
    return Downgrade(
        (directory / "down.sql").read_text(encoding="utf-8"),
        (directory / "losses.sql").read_text(encoding="utf-8"),
    )


def _upgrades(component: str) -> dict[int, str]:
    # sql/versions/core/2.up.sql leads from version 1 of the core to 2.
    return {
        version: _PROLOGUE + file.read_text(encoding="utf-8") for version, file in _versions(component, "up")
    }


def _downgrades(component: str) -> dict[int, Downgrade]:
    losses = {version: file.read_text(encoding="utf-8") for version, file in _versions(component, "losses")}
    return {
        version: Downgrade(_PROLOGUE + file.read_text(encoding="utf-8"), losses.get(version, ""))
        for version, file in _versions(component, "down")
    }


def _versions(component: str, kind: str) -> list[tuple[int, Path]]:
    """The files `N.<kind>.sql` of a component by N."""
    files = (resource_root() / "sql" / "versions" / component).glob(f"*.{kind}.sql")
    return sorted((int(file.name.partition(".")[0]), file) for file in files)


def _directory(component: str) -> Path:
    if component not in COMPONENTS:
        raise KeyError(component)
    return resource_root() / "sql" / component
