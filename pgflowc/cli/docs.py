"""`pgflowc docs`: a Markdown page per flow."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

import typer

from pgflowc.cli.exit import FINDINGS, fail
from pgflowc.cli.options import ProjectOption
from pgflowc.cli.specs import checked_project
from pgflowc.diagnostics import Report
from pgflowc.output import OutputError, Status, compare, write
from pgflowc.picture import is_page, pages, stale
from pgflowc.project import read_present

DirectoryOption = Annotated[
    str, typer.Option("--dir", metavar="DIR", help="Where the pages go, relative to the project.")
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 1 if a page is stale. For CI.")
]


def docs(
    project: ProjectOption = None, directory: DirectoryOption = "docs/flows", check: CheckOption = False
) -> None:
    """Write a Markdown page for each flow: picture, steps, payloads; and an index of them.

    Pages of flows that are no more are removed; files that others wrote are
    left alone.

    Exit codes: 0 done, 1 mistakes in specs or, with --check, a stale page,
    2 a page cannot be written.
    """
    path = PurePosixPath(directory)
    if path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
        fail(f"--dir {directory}: not a directory inside the project")
    found, flows = checked_project(project)
    report = Report()
    present = read_present(found.root, (f"{path}/*.md",), report)
    written = pages(flows, str(path))
    foreign = [page for page in written if page in present and not is_page(present[page])]
    if foreign:
        fail(
            f"{foreign[0]} is not a page of ours",
            help="move it away, or write to another directory: --dir DIR",
        )
    changes = compare(written, stale(present, written), present)
    changed = [change for change in changes if change.status is not Status.UNCHANGED]
    if check:
        for change in changed:
            typer.echo(f"stale: {change.path}", err=True)
        if changed:
            typer.echo("run `pgflowc docs` and commit the result", err=True)
        raise typer.Exit(FINDINGS if changed else 0)
    try:
        write(found.root, changes, last=f"{path}/README.md")
    except OutputError as error:
        fail(f"nothing was written: {error}")
    for change in changed:
        typer.echo(f"{change.status:<9} {change.path}")
    typer.echo(f"{len(changed)} written or removed, {len(changes) - len(changed)} up to date")
