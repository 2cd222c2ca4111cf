"""Install and upgrade the components: decided by a pure function, then done in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgflowc import __version__
from pgflowc.database.advisory_lock import WAIT_SECONDS, exclusive_transaction
from pgflowc.database.components import Release, shipped
from pgflowc.database.errors import DatabaseError
from pgflowc.database.generation import NO_CORE
from pgflowc.database.inventory import FOREIGN_CORE, Inventory, take_inventory
from pgflowc.database.queue_layer import shipped_queue_layer, version_number


@dataclass(frozen=True, slots=True)
class Change:
    """One component brought to `version` by `script`; `before` is None when it was not there, `release` is
    its version for people."""

    component: str
    before: int | None
    version: int
    script: str
    release: str = __version__


def plan_installation(inventory: Inventory, releases: Sequence[Release]) -> tuple[Change, ...]:
    """What brings the database to `releases`, in order. Raises DatabaseError when that must not be done."""
    if inventory.queue_layer is not None and inventory.queue_layer.fault:
        raise DatabaseError(inventory.queue_layer.fault, help=_queue_layer_help(inventory))
    _refuse_untracked(inventory)
    changes: list[Change] = []
    for release in releases:
        if inventory.foreign and release.component in ("core", "helpers"):
            continue  # that schema belongs to the family member that installed it
        before = inventory.recorded.get(release.component)
        if before is None:
            changes.append(Change(release.component, None, release.version, release.script))
            continue
        if before > release.version:
            raise DatabaseError(
                f"{release.component} in the database is version {before}, newer than this pgflowc knows "
                f"({release.version})",
                help="pip install --upgrade pgflowc",
            )
        changes += _upgrade(release, before)
    return tuple(changes)


def install(
    connection: psycopg.Connection, releases: Sequence[Release] | None = None, *, wait: int = WAIT_SECONDS
) -> tuple[Change, ...]:
    """Install pgmq if there is none, install or upgrade the components; what was changed, all or nothing.

    Raises DatabaseError when the database holds something that pgflowc must not touch, and when another
    process changes it for more than `wait` seconds.
    """
    wanted = shipped() if releases is None else releases
    if not missing(take_inventory(connection), wanted):
        return ()
    with exclusive_transaction(connection, wait):
        changes = missing(take_inventory(connection), wanted)
        for change in changes:
            connection.execute(change.script.encode())
        # The table of records is one of what was just installed.
        for change in changes:
            record(connection, change.component, change.version, change.release)
    return changes


def missing(inventory: Inventory, releases: Sequence[Release] | None = None) -> tuple[Change, ...]:
    """What `install` does to a database with that inventory, in order. Raises DatabaseError as it does."""
    changes = plan_installation(inventory, shipped() if releases is None else releases)
    if inventory.queue_layer is not None:
        return changes
    script, version = shipped_queue_layer()
    return (Change("pgmq", None, version_number(version), script, version), *changes)


def installation_sql(changes: Sequence[Change]) -> str:
    """What `install` runs for these changes, records included, as one transaction; "" without changes."""
    if not changes:
        return ""
    scripts = [f"-- {change.component}, version {change.version}\n{change.script}" for change in changes]
    records = [
        _record_statement(change.component, change.version, change.release).as_string() + ";\n"
        for change in changes
    ]
    return "\n".join(["BEGIN;", *scripts, "".join(records) + "COMMIT;\n"])


def upgrade_sql(component: str, since: int, releases: Sequence[Release] | None = None) -> str:
    """One script that leads from version `since` of a component to the newest, its record included.

    Raises DatabaseError (a finding) when there is no such way.
    """
    release = next(one for one in releases or shipped() if one.component == component)
    if since >= release.version:
        raise DatabaseError(
            f"version {release.version} of {component} is the newest that this pgflowc has", finding=True
        )
    scripts = [change.script.rstrip() for change in _upgrade(release, since)]
    recorded = sql.SQL(
        "update pgflowc.installed_components set version = {}, release = {}, installed_at = now()\n"
        "where component = {};"
    ).format(release.version, __version__, component)
    return "\n\n".join([*scripts, recorded.as_string()]) + "\n"


def record(connection: psycopg.Connection, component: str, version: int, release: str) -> None:
    """Note in the database that `component` is there in `version`, as `release` (of pgflowc, or its own)."""
    connection.execute(_record_statement(component, version, release))


def _record_statement(component: str, version: int, release: str) -> sql.Composed:
    return sql.SQL(
        "insert into pgflowc.installed_components (component, version, release) values ({}, {}, {})\n"
        "on conflict (component)\n"
        "do update set version = excluded.version, release = excluded.release, installed_at = now()"
    ).format(component, version, release)


def _upgrade(release: Release, before: int) -> list[Change]:
    changes = []
    for version in range(before + 1, release.version + 1):
        if version not in release.upgrades:
            raise DatabaseError(
                f"this pgflowc cannot bring {release.component} from version {version - 1} to {version}",
                help="pip install --upgrade pgflowc",
            )
        changes.append(Change(release.component, version - 1, version, release.upgrades[version]))
    return changes


def _refuse_untracked(inventory: Inventory) -> None:
    if inventory.foreign and not inventory.core:
        raise DatabaseError(
            f"schema pgflow no longer holds the core that was there ({inventory.releases[FOREIGN_CORE]})",
            help="install it again with its own tool; or `pgflowc db down --component pgflowc --to 0`, then "
            "`pgflowc db up` for pgflowc's own",
        )
    if inventory.core and not inventory.foreign and "core" not in inventory.recorded:
        raise DatabaseError(
            "schema pgflow is already there, and pgflowc did not install it: "
            f"it looks like {inventory.generation}",
            help="rename the schema, or name another database (`pgflowc db stamp` shows how it differs)"
            if inventory.generation == NO_CORE
            else "pgflowc db stamp  (adopts it: as ours if it is the same, else beside ours)",
        )
    if inventory.own and "pgflowc" not in inventory.recorded:
        raise DatabaseError(
            "schema pgflowc is already there, but not recorded as installed",
            help="pgflowc db stamp  (adopts it if it is the same as ours)",
        )


def _queue_layer_help(inventory: Inventory) -> str:
    assert inventory.queue_layer is not None
    if inventory.queue_layer.kind == "extension":
        return "alter extension pgmq update"
    return "upgrade the pgmq in schema pgmq with the SQL of its release, then run the command again"
