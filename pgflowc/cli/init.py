"""`pgflowc init`: a project to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli.exit import fail
from pgflowc.output import Change, OutputError, write
from pgflowc.project import CONFIG
from pgflowc.render.scaffold import KEPT, scaffold
from pgflowc.settings import package_fault, package_name


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; made if it is not there. [default: .]")
    ] = Path(),
    package: Annotated[
        str | None,
        typer.Option("--package", metavar="NAME", help="Python package; default: after the directory."),
    ] = None,
) -> None:
    """Write a project that compiles and runs: configuration, a flow, its handlers and tests, CI, editor
    support.

    If one of the files is there already, nothing is written at all; but a
    .gitignore, .pre-commit-config.yaml and pytest.ini of yours are kept.
    """
    root = directory.resolve()
    name = package if package is not None else package_name(root.name)
    if fault := package_fault(name):
        fail(f"--package: {fault}", help="for example: pgflowc init --package shop")
    if root.exists() and not root.is_dir():
        fail(f"{directory} is not a directory", help="name a new or an empty directory: pgflowc init shop")
    files = scaffold(name)
    present = [path for path in files if (root / path).exists() or (root / path).is_symlink()]
    in_the_way = [path for path in present if path not in KEPT]
    if in_the_way:
        verb = "exists" if len(in_the_way) == 1 else "exist"
        fail(
            f"{', '.join(in_the_way)} {verb} already: nothing was written",
            help="name another directory: pgflowc init DIR",
        )
    changes = [Change(path, None, text.encode()) for path, text in files.items() if path not in present]
    try:
        root.mkdir(parents=True, exist_ok=True)
        write(root, changes, last=CONFIG)
    except (OutputError, OSError) as error:
        fail(f"nothing was written: {error}")
    for change in changes:
        typer.echo(f"created   {change.path}")
    for path in present:
        typer.echo(f"kept      {path}: add {KEPT[path]}")
    place = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    typer.echo(f"Next: {place}pgflowc compile")
