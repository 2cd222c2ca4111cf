"""What a database has of pgflowc, read once: what to do about it is decided without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from pgflowc.database.queue_layer import QueueLayer, find_queue_layer

# Recorded in place of `core` where the core in schema pgflow is another family member's.
FOREIGN_CORE = "foreign_core"


@dataclass(frozen=True, slots=True)
class Inventory:
    """`recorded`: component -> version; `releases`: component -> release; `core` and `own` tell whether the
    schemas pgflow and pgflowc hold tables; `generation` names an unrecorded core by its looks."""

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
        generation=_generation(connection) if core else "",
    )


def _generation(connection: psycopg.Connection) -> str:
    """Which family member's core this looks like, from objects that only some of them have."""
    elixir, per_queue, record_attempts, conditions, maps = _row(
        connection,
        """select pg_catalog.to_regprocedure('pgflow.get_step_output(uuid,text)') is not null,
                  exists (select from pg_catalog.pg_attribute
                          where attrelid = pg_catalog.to_regclass('pgflow.steps') and attname = 'queue_name'),
                  exists (select from pg_catalog.pg_attribute
                          where attrelid = pg_catalog.to_regclass('pgflow.step_task_record')
                            and attname = 'attempts_count'),
                  exists (select from pg_catalog.pg_attribute
                          where attrelid = pg_catalog.to_regclass('pgflow.steps') and attname = 'when_unmet'),
                  exists (select from pg_catalog.pg_attribute
                          where attrelid = pg_catalog.to_regclass('pgflow.steps')
                            and attname = 'step_type')""",
    )
    if elixir or record_attempts:
        return "pgflow of Elixir"
    if per_queue:
        return "pgflow of TypeScript with queue names in its steps"
    if conditions:
        return "pgflow of TypeScript with conditions"
    if maps:
        return "pgflow of TypeScript with map steps, without conditions"
    return "an early pgflow of TypeScript, or another schema of that name"


def _row(connection: psycopg.Connection, query: str) -> tuple[object, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return tuple(row)
