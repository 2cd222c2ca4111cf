"""What is installed, applied and known in a database, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from pgflowc.database.components import shipped
from pgflowc.database.inventory import Inventory, take_inventory
from pgflowc.database.migrations import Migration, MigrationState, compare, recorded_migrations


@dataclass(frozen=True, slots=True)
class Component:
    """`installed`: the version in the database, None if there is none; `available`: this pgflowc's."""

    name: str
    installed: int | None
    available: int


@dataclass(frozen=True, slots=True)
class InstalledFlow:
    """A flow or job that the database knows."""

    slug: str
    kind: str
    steps: int


@dataclass(frozen=True, slots=True)
class Status:
    """`migrations` is None where no project was given."""

    server: str
    database: str
    inventory: Inventory
    components: tuple[Component, ...]
    migrations: MigrationState | None
    flows: tuple[InstalledFlow, ...]

    @property
    def ready(self) -> bool:
        """Whether `db up` would have nothing to do."""
        current = all(one.installed == one.available or self._beside(one) for one in self.components)
        applied = self.migrations is None or not (self.migrations.pending or self.migrations.changed)
        return self.inventory.queue_layer is not None and current and applied

    def as_json(self) -> dict[str, Any]:
        """The status as plain values."""
        layer = self.inventory.queue_layer
        migrations = self.migrations
        return {
            "ready": self.ready,
            "server": self.server,
            "database": self.database,
            "pgmq": layer
            and {
                "version": layer.version,
                "looks_like": layer.looks,
                "kind": layer.kind,
                "fault": layer.fault,
            },
            "components": [asdict(one) for one in self.components],
            "foreign_core": self.inventory.generation if self.inventory.foreign else None,
            "migrations": migrations
            and {
                "applied": [one.name for one in migrations.applied],
                "pending": [one.name for one in migrations.pending],
                "changed": [one.name for one, _ in migrations.changed],
                "missing": list(migrations.missing),
            },
            "flows": [asdict(one) for one in self.flows],
        }

    def _beside(self, one: Component) -> bool:
        return self.inventory.foreign and one.name in ("core", "helpers")


def read_status(connection: psycopg.Connection, project: str | None, files: Sequence[Migration]) -> Status:
    """Look at the database, and at what of the project's migrations `files` it has; reads only."""
    inventory = take_inventory(connection)
    return Status(
        server=connection.info.parameter_status("server_version") or "",
        database=connection.info.dbname,
        inventory=inventory,
        components=tuple(
            Component(one.component, inventory.recorded.get(one.component), one.version) for one in shipped()
        ),
        migrations=None if project is None else compare(files, recorded_migrations(connection, project)),
        flows=_flows(connection) if inventory.core else (),
    )


def _flows(connection: psycopg.Connection) -> tuple[InstalledFlow, ...]:
    known = connection.execute("select pg_catalog.to_regclass('pgflow.steps')").fetchone()
    if known is None or known[0] is None:
        return ()  # a schema of that name that is no core at all
    # The column flow_type is ours and the Elixir port's; a foreign core may lack it.
    rows = connection.execute(
        """select f.flow_slug, coalesce(pg_catalog.to_jsonb(f) ->> 'flow_type', 'flow'),
                  (select count(*) from pgflow.steps s where s.flow_slug = f.flow_slug)
           from pgflow.flows f order by f.flow_slug"""
    )
    return tuple(InstalledFlow(slug, kind, steps) for slug, kind, steps in rows)
