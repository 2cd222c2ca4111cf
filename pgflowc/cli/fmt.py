"""`pgflowc fmt`: spec files in the usual form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli.exit import FINDINGS, fail
from pgflowc.cli.findings import exit_code, show
from pgflowc.cli.options import ProjectOption, project_root
from pgflowc.diagnostics import Report
from pgflowc.document import parse
from pgflowc.output import Change, OutputError, diff, write
from pgflowc.project import load_project, read_flows, read_paths
from pgflowc.spec.formatter import formatted
from pgflowc.spec.layout import UnformattableError


def fmt(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Files, directories or quoted patterns; default: the specs of the project."
        ),
    ] = None,
    project: ProjectOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; list the files that would change, and exit 1.")
    ] = False,
    show_diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; print what would change as a diff.")
    ] = False,
) -> None:
    """Put spec files into the usual form: order of keys, indentation, quotes.

    Comments stay with what they stand at, and the meaning stays the same. A file
    that cannot be laid out so is named and left as it is.

    Exit codes: 0 done, 1 a file does not parse or, with --check, would change,
    2 a file cannot be read or written.
    """
    report = Report()
    root: Path | None = None
    if paths:
        sources = read_paths(paths, report)
    else:
        found = load_project(project_root(project), report)
        root = found.root if found else None
        sources = read_flows(found, report) if found else read_paths([], report)
    changes: list[Change] = []
    left = unread = 0
    for path, text in sources.items():
        own = Report()
        parse(path, text, own)
        report.extend(own.sorted())
        if own.has_errors:
            unread += 1
            continue
        try:
            pretty = formatted(path, text)
        except UnformattableError as error:
            left += 1
            typer.echo(f"left as it is: {path}: {error}", err=True)
            continue
        if pretty != text:
            changes.append(Change(path, text.encode(), pretty.encode()))
    show(report.sorted(), sources, root)
    if show_diff:
        typer.echo(diff(changes), nl=False)
    elif check:
        for change in changes:
            typer.echo(f"would change {change.path}")
    else:
        for change in changes:
            _write(change, root or Path())
            typer.echo(f"formatted {change.path}")
    counts = [f"{len(changes)} to format", f"{len(sources) - len(changes) - left - unread} as they should be"]
    if left:
        counts.append(f"{left} left as {'it is' if left == 1 else 'they are'}")
    typer.echo(", ".join(counts), err=True)
    raise typer.Exit(exit_code(report.sorted()) or (FINDINGS if check and changes else 0))


def _write(change: Change, root: Path) -> None:
    """Write a file; one that the command line names may be anywhere, and be a symbolic link."""
    target = (root / change.path).resolve()
    try:
        write(target.parent, [Change(target.name, change.before, change.after)], last=target.name)
    except OutputError as error:
        fail(f"{change.path} was not formatted: {error}")
