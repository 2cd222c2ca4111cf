"""`pgflowc validate`: check specs, and mend what is certain to be meant otherwise; writes nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.check import check_sources, fix_sources
from pgflowc.cli.collector import paused
from pgflowc.cli.exit import fail
from pgflowc.cli.findings import Format, FormatOption, exit_code, show, speaker
from pgflowc.cli.options import ProjectOption, project_root
from pgflowc.cli.resolve import ResolveOption
from pgflowc.cli.resolve import resolve as resolve_classes
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow
from pgflowc.output import Change, OutputError, diff, write
from pgflowc.project import load_project, read_flows, read_paths

FixOption = Annotated[
    bool, typer.Option("--fix", help="Mend in the files what has exactly one cure; then report the rest.")
]
DiffOption = Annotated[
    bool, typer.Option("--diff", help="Write nothing; print what --fix would change as a diff.")
]


def validate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Files, directories or quoted patterns; default: the specs of the project."
        ),
    ] = None,
    project: ProjectOption = None,
    fix: FixOption = False,
    show_diff: DiffOption = False,
    resolve: ResolveOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Check flow specs and report every mistake.

    Paths need no project.

    Exit codes: 0 all specs are right, 1 some are not, 2 a file cannot be read.
    """
    report = Report()
    root: Path | None = None
    source_dir = Path()
    sources: dict[str, str] = {}
    if paths:
        sources = read_paths(paths, report)
    else:
        root = project_root(project)
        found = load_project(root, report)
        if found is not None:
            root, sources, source_dir = found.root, read_flows(found, report), found.source_dir
    say = speaker(format)
    if fix or show_diff:
        mended = fix_sources(sources)
        changes = [
            Change(path, sources[path].encode(), text.encode())
            for path, text in mended.items()
            if text != sources[path]
        ]
        if show_diff:
            typer.echo(diff(changes), err=format is not Format.TEXT, nl=False)
        else:
            _write(changes, root or Path())
            say(f"fixed {_plural(len(changes), 'file')}" if changes else "nothing to fix")
        sources = mended
    with paused():
        flows = check_sources(sources, report)
    if resolve:
        resolve_classes(sources, source_dir, report)
    diagnostics = report.sorted()
    show(diagnostics, sources, root, format)
    if not report.has_errors:
        say(f"{_counted(flows)} in {_plural(len(sources), 'file')}: no errors")
    raise typer.Exit(exit_code(diagnostics))


def _write(changes: Sequence[Change], root: Path) -> None:
    """Write each changed file; one that the command line names may be anywhere, and be a symbolic link."""
    for change in changes:
        target = (root / change.path).resolve()
        try:
            write(target.parent, [Change(target.name, change.before, change.after)], last=target.name)
        except OutputError as error:
            fail(f"{change.path} was not fixed: {error}")


def _counted(flows: Sequence[Flow]) -> str:
    kinds = Counter(flow.kind for flow in flows)
    return " and ".join(_plural(kinds[kind], kind) for kind in ("flow", "job") if kinds[kind])


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
