"""`pgflowc db`: install the components, apply migrations, look at a database, stop the embedded server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli.database_errors import database_errors
from pgflowc.cli.database_view import origin, print_components, print_status
from pgflowc.cli.db_up import rollback, up
from pgflowc.cli.exit import ENVIRONMENT, FINDINGS, fail
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.database import DatabaseError
from pgflowc.database.components import COMPONENTS, component_sql, functions_sql
from pgflowc.database.connection import connect
from pgflowc.database.dsn import resolve_dsn
from pgflowc.database.embedded import EmbeddedServer
from pgflowc.database.installation import upgrade_sql
from pgflowc.database.migrations import project_migrations
from pgflowc.database.remedies import remedy
from pgflowc.database.rollback import NAMES, roll_back
from pgflowc.database.status import read_status
from pgflowc.database.verification import stamp as adopt
from pgflowc.database.verification import verify

app = typer.Typer(no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


app.command()(up)
app.command()(rollback)


@app.command()
def status(dsn: DsnOption = None, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Show the server, what is installed, which migrations are applied and which flows are known."""
    root = project_root(project)
    with database_errors():
        key, files = project_migrations(root)
        try:
            resolved = resolve_dsn(dsn, root, start_embedded=False)
        except DatabaseError as error:
            if as_json:
                typer.echo(json.dumps({"ready": False, "error": error.message, "help": error.help}, indent=2))
                raise typer.Exit(ENVIRONMENT) from None
            raise
        with connect(resolved) as connection:
            found = read_status(connection, key, files)
    if as_json:
        typer.echo(
            json.dumps({"dsn": resolved.display, "source": resolved.source, **found.as_json()}, indent=2)
        )
    else:
        print_status(resolved, found)


@app.command()
def down(
    dsn: DsnOption = None,
    project: ProjectOption = None,
    delete: Annotated[bool, typer.Option("--delete", help="Remove the embedded server's data too.")] = False,
    component: Annotated[
        str | None,
        typer.Option(
            "--component",
            metavar="NAME",
            help=f"Roll this one back instead: {', '.join(COMPONENTS)} or pgmq.",
        ),
    ] = None,
    to: Annotated[
        int | None,
        typer.Option("--to", metavar="N", min=0, help="The version to roll back to; 0 removes it."),
    ] = None,
    allow_data_loss: Annotated[
        bool, typer.Option("--allow-data-loss", help="Roll back even if that deletes runs or records.")
    ] = False,
) -> None:
    """Stop the project's embedded server (its data stays), or roll back a component of a database."""
    if component is None:
        if dsn is not None or to is not None or allow_data_loss:
            fail(
                "--dsn, --to and --allow-data-loss belong to --component",
                help="pgflowc db down --component NAME --to N",
            )
        _stop(project, delete=delete)
        return
    if to is None or delete:
        fail(
            "--component needs --to, and knows no --delete",
            help=f"pgflowc db down --component {component} --to 0",
        )
    if component not in NAMES:
        fail(f"there is no component '{component}'", help=f"one of {', '.join(NAMES)}")
    with database_errors():
        resolved = resolve_dsn(dsn, project_root(project), start_embedded=False)
        with connect(resolved) as connection:
            done = roll_back(connection, component, to, allow_data_loss=allow_data_loss)
    typer.echo(f"database  {resolved.display}{origin(resolved)}")
    for step in done.steps:
        typer.echo(
            f"{step.component:<9} version {step.before} -> {step.version}"
            if step.version
            else f"{step.component:<9} removed"
        )
    if done.unrecorded:
        stays = f"{', '.join(done.unrecorded)} {'stays' if len(done.unrecorded) == 1 else 'stay'}"
        typer.echo(f"Without schema pgflowc nothing is recorded; {stays}.")
        if "core" in done.unrecorded:
            typer.echo("Next: pgflowc db stamp, to adopt it again")
    elif not done.steps:
        typer.echo(f"Nothing to do: {component} is " + (f"version {to}." if to else "not installed."))


def _stop(project: Path | None, *, delete: bool) -> None:
    with database_errors():
        server = EmbeddedServer.of(project_root(project))
        data = server.data
        if not server.stop(delete=delete):
            typer.echo("The embedded server is not running.")
        elif delete:
            typer.echo(f"Stopped the embedded server and removed {data}.")
        else:
            typer.echo(f"Stopped the embedded server; its data stays in {data}.")


@app.command()
def check(dsn: DsnOption = None, project: ProjectOption = None) -> None:
    """Compare what is installed with a fresh install: tables, columns, functions, constraints, privileges."""
    with database_errors():
        resolved = resolve_dsn(dsn, project_root(project), start_embedded=False)
        with connect(resolved) as connection:
            found = read_status(connection, None, ())
            print_components(resolved, found)
            verdict = verify(connection)
    for one in verdict.differences:
        typer.echo(f"{one.problem:<10} {one.kind} {one.name}")
        if one.problem == "different":
            typer.echo(f"           expected {one.expected}")
            typer.echo(f"           found    {one.found}")
        if to_run := remedy(one):
            typer.echo(f"           run      {to_run}")
    if verdict.faults:
        count = len(verdict.faults)
        fail(
            f"{count} {'object is' if count == 1 else 'objects are'} not as pgflowc installs them",
            help="`pgflowc db sql --component NAME` prints every definition",
            code=FINDINGS,
        )
    if verdict.unrecorded:
        fail(
            f"{', '.join(verdict.unrecorded)}: as pgflowc installs it, but not recorded",
            help="pgflowc db stamp",
            code=FINDINGS,
        )
    typer.echo(
        "Everything is as pgflowc installs it."
        if not found.inventory.foreign
        else "What pgflowc installed is as it installs it; schema pgflow was not compared."
    )


@app.command()
def stamp(
    dsn: DsnOption = None,
    project: ProjectOption = None,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Accept a core that is not ours, and live beside it.")
    ] = False,
) -> None:
    """Adopt a schema that is there but not recorded, if it is what pgflowc installs."""
    with database_errors():
        resolved = resolve_dsn(dsn, project_root(project), start_embedded=False)
        with connect(resolved) as connection:
            done = adopt(connection, foreign=foreign)
    typer.echo(f"Adopted: {', '.join(done.adopted)}.")
    if done.installed:
        typer.echo(f"Installed: {', '.join(done.installed)}.")
    typer.echo("Next: pgflowc db up")


@app.command("sql")
def print_sql(
    component: Annotated[
        str, typer.Option("--component", metavar="NAME", help=f"One of pgmq, {', '.join(COMPONENTS)}.")
    ],
    functions: Annotated[
        bool,
        typer.Option("--functions", help="Only the functions, to put them right in an installed schema."),
    ] = False,
    since: Annotated[
        int | None,
        typer.Option("--from", metavar="N", min=1, help="What leads from version N to this one, instead."),
    ] = None,
) -> None:
    """Print the SQL that installs a component, for people who run migrations with other tools."""
    if component not in NAMES:
        fail(f"there is no component '{component}'", help=f"one of {', '.join(NAMES)}")
    if component == "pgmq":
        from pgmq.install import get_embedded_install_sql

        header, script = "To be run in one transaction.", get_embedded_install_sql()
        if functions or since is not None:
            fail("of pgmq there is only the whole install", help="pgflowc db sql --component pgmq")
    elif functions:
        header, script = "To be run in one transaction; changes no table.", functions_sql(component)
    elif since is not None:
        header = "To be run in one transaction; records the new version."
        with database_errors():
            script = upgrade_sql(component, since)
    else:
        header = "To be run in one transaction; then `pgflowc db stamp` records it."
        script = component_sql(component)
    typer.echo(f"-- {header}")
    typer.echo(script, nl=False)
