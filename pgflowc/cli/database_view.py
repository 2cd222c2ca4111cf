"""What `pgflowc db` shows of a database."""

from __future__ import annotations

import typer

from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import Change
from pgflowc.database.queue_layer import QueueLayer
from pgflowc.database.status import Status


def version_change(change: Change, *, would: bool = False) -> str:
    """A change of a component in words; `would` is for one that is only shown."""
    install = "would install" if would else "installed"
    if change.component == "pgmq":
        return f"{install} version {change.release}"
    if change.before:
        return f"version {change.before} -> {change.version}"
    return f"{install} version {change.version}"


def origin(resolved: ResolvedDsn) -> str:
    """Where the DSN was found, to be put behind it."""
    return " (the embedded server)" if resolved.source == "embedded" else f" (from {resolved.source})"


def print_components(resolved: ResolvedDsn, found: Status) -> None:
    """The database, its server, and what is installed in which version."""
    typer.echo(f"database   {resolved.display}{origin(resolved)}")
    typer.echo(f"server     PostgreSQL {found.server}")
    typer.echo(f"pgmq       {_queue_layer(found.inventory.queue_layer)}")
    core = found.inventory.generation
    for one in found.components:
        if one.installed is None and found.inventory.foreign and one.name != "pgflowc":
            state = f"not ours: {core}" if one.name == "core" else "not ours"
        elif one.installed is None and one.name == "core" and core:
            state = f"not recorded: {core}"
        elif one.installed is None:
            state = "not installed"
        elif one.installed == one.available:
            state = f"version {one.installed}"
        else:
            state = f"version {one.installed}, this pgflowc has {one.available}"
        typer.echo(f"{one.name:<10} {state}")


def _queue_layer(layer: QueueLayer | None) -> str:
    if layer is None:
        return "not installed"
    kind = {"extension": "extension", "sql": "SQL, by pgflowc", "foreign sql": "SQL, not by pgflowc"}
    fault = f", unusable: {layer.fault}" if layer.fault else ""
    return f"{layer.version or f'like {layer.looks}'} ({kind[layer.kind]}){fault}"


def print_status(resolved: ResolvedDsn, found: Status) -> None:
    """All that `db status` tells."""
    print_components(resolved, found)
    if found.migrations is not None:
        for migration in found.migrations.applied:
            typer.echo(f"applied    {migration.path}")
        for migration, _ in found.migrations.changed:
            typer.echo(f"changed    {migration.path} (after it was applied)")
        for name in found.migrations.missing:
            typer.echo(f"missing    {name} (applied, but its file is gone)")
        for migration in found.migrations.pending:
            typer.echo(f"pending    {migration.path}")
    for flow in found.flows:
        typer.echo(f"{flow.kind:<10} {flow.slug} ({flow.steps} {'step' if flow.steps == 1 else 'steps'})")
    if not found.ready:
        inventory = found.inventory
        adopt = inventory.core and "core" not in inventory.recorded and not inventory.foreign
        typer.echo(f"Next: pgflowc db {'stamp' if adopt else 'up'}")
