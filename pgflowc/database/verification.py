"""Compare what is installed with a fresh install, in the same database, and adopt what nobody recorded.

The fresh install happens under the live schemas' own names, while those are renamed, in a transaction that is
rolled back: other sessions see nothing of it and wait for nothing, and no second database is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgflowc import __version__
from pgflowc.database.advisory_lock import exclusive_transaction
from pgflowc.database.catalogue import Catalogue, Difference, differences, read_catalogue
from pgflowc.database.components import Release, shipped
from pgflowc.database.errors import DatabaseError
from pgflowc.database.generation import NO_CORE, OWN_CORE
from pgflowc.database.installation import install, plan_installation, record
from pgflowc.database.inventory import FOREIGN_CORE, Inventory, take_inventory

# Which schema a component's objects are in.
_SCHEMAS = {"core": "pgflow", "helpers": "pgflow", "pgflowc": "pgflowc"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The inventory, and how the installed components differ from a fresh install of the same versions.

    `unrecorded` names those that nobody recorded, and that `stamp` adopts if there is no fault.
    """

    inventory: Inventory
    differences: tuple[Difference, ...]
    unrecorded: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[Difference, ...]:
        """The differences that break something: what is there beyond ours does not."""
        return _faults(self.differences)


def verify(connection: psycopg.Connection) -> Verdict:
    """Compare the recorded components with a fresh install, and those of ours that nobody recorded.

    Raises DatabaseError when nothing is installed, or it is not the version that this pgflowc installs.
    """
    releases = {one.component: one for one in shipped()}
    with exclusive_transaction(connection):
        inventory = take_inventory(connection)
        if not inventory.core and not inventory.own:
            raise DatabaseError("pgflowc is not installed in this database", help="pgflowc db up")
        unrecorded = _unrecorded(connection, inventory, releases)
        pending = () if unrecorded else plan_installation(inventory, tuple(releases.values()))
        if inventory.queue_layer is None:
            raise DatabaseError("pgmq is not installed in this database", help="pgflowc db up")
        if pending:
            first = pending[0]
            raise DatabaseError(
                f"{first.component} is "
                + (f"version {first.before}, not {first.version}" if first.before else "not installed"),
                help="pgflowc db up",
            )
        wanted = [releases[one] for one in releases if one in inventory.recorded or one in unrecorded]
        return Verdict(inventory, _compare(connection, wanted), unrecorded)


def _unrecorded(
    connection: psycopg.Connection, inventory: Inventory, releases: dict[str, Release]
) -> tuple[str, ...]:
    """The components of ours that are there without a record; a core of others is none."""
    names: list[str] = []
    if "core" not in inventory.recorded and inventory.generation == OWN_CORE and not inventory.foreign:
        names += min(
            (["core", "helpers"], ["core"]),
            key=lambda some: len(_faults(_compare(connection, [releases[name] for name in some]))),
        )
    if inventory.own and "pgflowc" not in inventory.recorded:
        names.append("pgflowc")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Stamped:
    """What `stamp` did: `adopted` names the components recorded as ours, or the foreign core."""

    adopted: tuple[str, ...]
    installed: tuple[str, ...]


def stamp(connection: psycopg.Connection, *, foreign: bool) -> Stamped:
    """Record an install that nobody recorded, if it is like ours; `foreign` records a core that is not.

    What is missing beside it is installed. Raises DatabaseError (a finding) when there is nothing to adopt,
    or what is there is not ours and `foreign` was not asked for.
    """
    releases = {one.component: one for one in shipped()}
    with exclusive_transaction(connection):
        inventory = take_inventory(connection)
        adopted: list[tuple[str, int, str]] = []
        if inventory.core and "core" not in inventory.recorded and not inventory.foreign:
            adopted += _adopt_core(connection, inventory, releases, foreign=foreign)
        if inventory.own and "pgflowc" not in inventory.recorded:
            own = releases["pgflowc"]
            _refuse_unlike(
                _compare(connection, [own]), "pgflowc", "", "rename the schema, then run `pgflowc db up`"
            )
            adopted.append(("pgflowc", own.version, __version__))
        elif adopted and not inventory.own:
            connection.execute(releases["pgflowc"].script)
            record(connection, "pgflowc", releases["pgflowc"].version, __version__)
        if not adopted:
            raise DatabaseError(
                "there is nothing to adopt in this database", help="pgflowc db status", finding=True
            )
        for component, version, release in adopted:
            record(connection, component, version, release)
    changes = install(connection)
    installed = [change.component for change in changes]
    if not inventory.own:
        installed.append("pgflowc")
    return Stamped(tuple(component for component, _, _ in adopted), tuple(installed))


def _adopt_core(
    connection: psycopg.Connection, inventory: Inventory, releases: dict[str, Release], *, foreign: bool
) -> list[tuple[str, int, str]]:
    for names in (["core", "helpers"], ["core"]):
        found = _compare(connection, [releases[name] for name in names])
        if not _faults(found):
            return [(name, releases[name].version, __version__) for name in names]
    no_core = inventory.generation == NO_CORE
    if foreign and not no_core:
        return [(FOREIGN_CORE, 1, inventory.generation)]
    _refuse_unlike(
        found,
        "pgflow",
        f"it looks like {inventory.generation}",
        "rename the schema, or name another database"
        if no_core
        else "pgflowc db stamp --foreign  (keeps it as it is, adds only schema pgflowc)",
    )
    raise AssertionError("a comparison without faults was adopted above")


def _refuse_unlike(found: Sequence[Difference], schema: str, looks: str, help: str) -> None:
    faults = _faults(found)
    if not faults:
        return
    shown = ", ".join(f"{one.kind} {one.name} is {one.problem}" for one in faults[:3])
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    raise DatabaseError(
        f"schema {schema} is not what pgflowc installs{looks and ', '}{looks}: {shown}{more}",
        help=help,
        finding=True,
    )


def _faults(found: Sequence[Difference]) -> tuple[Difference, ...]:
    return tuple(one for one in found if one.problem != "unexpected")


def _compare(connection: psycopg.Connection, releases: Sequence[Release]) -> tuple[Difference, ...]:
    schemas = sorted({_SCHEMAS[one.component] for one in releases})
    found = read_catalogue(connection, schemas)
    return differences(_fresh(connection, releases, schemas), found)


def _fresh(connection: psycopg.Connection, releases: Sequence[Release], schemas: list[str]) -> Catalogue:
    with connection.transaction(force_rollback=True):
        there = connection.execute("select nspname from pg_namespace where nspname = any (%s)", (schemas,))
        for (schema,) in there.fetchall():
            connection.execute(
                sql.SQL("alter schema {} rename to {}").format(
                    sql.Identifier(schema), sql.Identifier(f"{schema}_live")
                )
            )
        for release in releases:
            connection.execute(release.script)
        return read_catalogue(connection, schemas)
