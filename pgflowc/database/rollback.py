"""Roll a component back to an earlier version, or remove it: decided by a pure function, then done in one
transaction.

Removing a component removes what builds on it first. pgmq is removed only if it is asked for by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from pgflowc import __version__
from pgflowc.database.advisory_lock import exclusive_transaction
from pgflowc.database.components import COMPONENTS, Downgrade, Release, queue_layer_downgrade, shipped
from pgflowc.database.errors import DatabaseError
from pgflowc.database.installation import record
from pgflowc.database.inventory import Inventory, take_inventory

# Tables that are in use are waited for, but not behind somebody's open transaction for ever.
_PATIENCE = "10s"

# Whom removing a component takes along, and in which order; schema pgflowc, where the records are, is first.
_REMOVED_WITH = {
    "pgmq": ("pgflowc", "helpers", "core", "pgmq"),
    "core": ("pgflowc", "helpers", "core"),
    "helpers": ("helpers",),
    "pgflowc": ("pgflowc",),
}
NAMES = ("pgmq", *COMPONENTS)


@dataclass(frozen=True, slots=True)
class Step:
    """One component led from version `before` to `version` (0: removed)."""

    component: str
    before: int
    version: int
    downgrade: Downgrade


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What was done, in order, and which components lost their record with schema pgflowc, but stay."""

    steps: tuple[Step, ...]
    unrecorded: tuple[str, ...]


def plan_rollback(
    inventory: Inventory, releases: Sequence[Release], component: str, to: int
) -> tuple[Step, ...]:
    """What brings `component` down to version `to`, in order; nothing if it is there already.

    Raises DatabaseError when it is not pgflowc's to touch, or the way back is unknown.
    """
    _refuse_what_is_not_ours(inventory, component, to)
    if component not in inventory.recorded:
        if to:
            raise DatabaseError(f"{component} is not installed in this database", help="pgflowc db up")
        return ()
    if inventory.recorded[component] < to:
        raise DatabaseError(
            f"{component} is version {inventory.recorded[component]}, which is before {to}",
            help="pgflowc db up  (goes up)",
        )
    known = {release.component: release for release in releases}
    steps: list[Step] = []
    for name in _REMOVED_WITH[component] if to == 0 else (component,):
        before = inventory.recorded.get(name, 0)
        if name == "pgmq":
            steps.append(Step(name, before, 0, queue_layer_downgrade()))
        else:
            steps += _way_down(known[name], before, to)
    return tuple(steps)


def roll_back(
    connection: psycopg.Connection,
    component: str,
    to: int,
    *,
    allow_data_loss: bool = False,
    releases: Sequence[Release] | None = None,
) -> RolledBack:
    """Bring `component` (one of NAMES) down to version `to`, 0 to remove it; all or nothing.

    Raises DatabaseError when it must not be touched, when somebody uses it, and (a finding) when data would
    be lost and `allow_data_loss` is not set.
    """
    with exclusive_transaction(connection):
        inventory = take_inventory(connection)
        steps = plan_rollback(inventory, shipped() if releases is None else releases, component, to)
        # What the database as it is now can tell is told before anything is locked.
        now = [step for step in steps if step.before == inventory.recorded[step.component]]
        losses = [loss for step in now for loss in _losses(connection, step)]
        if not allow_data_loss:
            _refuse(losses, component, to)
        connection.execute("select set_config('lock_timeout', %s, true)", (_PATIENCE,))
        for step in steps:
            losses += [] if step in now else _losses(connection, step)
            _run(connection, step)
        if not allow_data_loss:
            _refuse(losses, component, to)
        removed = {step.component for step in steps if step.version == 0}
        if "pgflowc" not in removed:
            _record(connection, steps)
    stays = set(inventory.recorded) - removed if "pgflowc" in removed else set()
    return RolledBack(steps, tuple(name for name in NAMES if name in stays))


def _refuse_what_is_not_ours(inventory: Inventory, component: str, to: int) -> None:
    layer = inventory.queue_layer
    if component == "pgmq" and layer is not None and component not in inventory.recorded:
        extension = layer.kind == "extension"
        raise DatabaseError(
            "pgflowc did not install the pgmq of this database"
            + (", it is an extension" if extension else ""),
            help="drop extension pgmq" if extension else "",
        )
    if component == "pgmq" and to:
        raise DatabaseError("pgmq can only be removed, not rolled back to a version", help="--to 0")
    if component != "pgflowc" and inventory.foreign:
        raise DatabaseError(
            f"schema pgflow is not pgflowc's ({inventory.generation}), nor what it stands on",
            help="pgflowc db down --component pgflowc --to 0  (leaves the rest untouched)",
        )
    untracked = inventory.own if component == "pgflowc" else inventory.core
    root = "pgflowc" if component == "pgflowc" else "core"
    if component != "pgmq" and untracked and root not in inventory.recorded:
        raise DatabaseError(
            f"{component} is not recorded as installed by pgflowc",
            help="pgflowc db stamp  (adopts what is as pgflowc installs it)",
        )


def _way_down(release: Release, before: int, to: int) -> list[Step]:
    if before > release.version:
        raise DatabaseError(
            f"{release.component} in the database is version {before}, newer than this pgflowc knows "
            f"({release.version})",
            help="roll back with the pgflowc that installed it, then install the older one",
        )
    steps = []
    for version in range(before, to, -1):
        if version not in release.downgrades:
            raise DatabaseError(
                f"this pgflowc cannot bring {release.component} from version {version} to {version - 1}",
                help="restore a backup from before the upgrade",
            )
        steps.append(Step(release.component, version, version - 1, release.downgrades[version]))
    return steps


def _losses(connection: psycopg.Connection, step: Step) -> list[str]:
    if not step.downgrade.losses:
        return []
    return [f"{what}: {count}" for what, count in _rows(connection, step.downgrade.losses) if count]


def _refuse(losses: Sequence[str], component: str, to: int) -> None:
    if losses:
        raise DatabaseError(
            f"rolling {component} back to {to} would delete data ({', '.join(losses)})",
            help=f"after a backup: pgflowc db down --component {component} --to {to} --allow-data-loss",
            finding=True,
        )


def _run(connection: psycopg.Connection, step: Step) -> None:
    try:
        connection.execute(step.downgrade.script)
    except psycopg.errors.LockNotAvailable:
        raise DatabaseError(
            f"{step.component} is in use: its tables were not free within {_PATIENCE.removesuffix('s')} s",
            help="stop the workers and clients, then run the command again; nothing was changed",
        ) from None
    except psycopg.errors.DependentObjectsStillExist as error:
        raise DatabaseError(
            f"others' objects need {step.component}: "
            + "; ".join((error.diag.message_detail or error.diag.message_primary or "").splitlines()),
            help="drop or move them first; nothing was changed",
            finding=True,
        ) from None


def _record(connection: psycopg.Connection, steps: Sequence[Step]) -> None:
    for step in steps:
        if step.version:
            record(connection, step.component, step.version, __version__)
        else:
            connection.execute(
                "delete from pgflowc.installed_components where component = %s", (step.component,)
            )


def _rows(connection: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(query.encode()).fetchall()
