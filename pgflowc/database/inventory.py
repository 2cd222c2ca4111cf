"""What a database has of pgflowc, read once: what to do about it is decided without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from pgflowc.database.generation import generation, look
from pgflowc.database.queue_layer import QueueLayer, find_queue_layer

# Recorded in place of `core` where the core in schema pgflow is another family member's.
FOREIGN_CORE = "foreign_core"


@dataclass(frozen=True, slots=True)
class Inventory:
    """`recorded`: component -> version; `releases`: component -> release; `core` and `own` tell whether the
    schemas pgflow and pgflowc hold tables; `generation` names the core by its looks, "" if there is none."""

    queue_layer: QueueLayer | None = None
    recorded: Mapping[str, int] = field(default_factory=dict)
    releases: Mapping[str, str] = field(default_factory=dict)
    core: bool = False
    own: bool = False
    generation: str = ""

    @property
    def foreign(self) -> bool:
        """Whether the core was adopted as another family member's."""
        return FOREIGN_CORE in self.recorded


def take_inventory(connection: psycopg.Connection) -> Inventory:
    """Look at the database; reads only."""
    recorded: dict[str, int] = {}
    releases: dict[str, str] = {}
    tracked = _row(connection, "select pg_catalog.to_regclass('pgflowc.installed_components') is not null")[0]
    if tracked:
        for component, version, release in connection.execute(
            "select component, version, release from pgflowc.installed_components"
        ):
            recorded[component], releases[component] = version, release
    core, own = _row(
        connection,
        """select exists (select from pg_catalog.pg_tables where schemaname = 'pgflow'),
                  exists (select from pg_catalog.pg_tables where schemaname = 'pgflowc')""",
    )
    return Inventory(
        queue_layer=find_queue_layer(connection, releases.get("pgmq")),
        recorded=recorded,
        releases=releases,
        core=bool(core),
        own=bool(own),
        generation=generation(look(connection)) if core else "",
    )


def _row(connection: psycopg.Connection, query: str) -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(row)
