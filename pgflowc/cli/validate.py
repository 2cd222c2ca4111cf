"""`pgflowc validate`: check specs without writing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli.findings import exit_code, show
from pgflowc.cli.options import ProjectOption, project_root
from pgflowc.compile import check_sources
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow
from pgflowc.project import load_project, read_flows, read_paths


def validate(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files, directories or quoted patterns; default: the specs of the project."),
    ] = None,
    project: ProjectOption = None,
) -> None:
    """Check flow specs and report every mistake.

    Paths need no project. Exits 0 when all specs are right, 1 when some are not, 2 when files cannot be read.
    """
    report = Report()
    root: Path | None = None
    sources: dict[str, str] = {}
    if paths:
        sources = read_paths(paths, report)
    else:
        found = load_project(project_root(project), report)
        if found is not None:
            root, sources = found.root, read_flows(found, report)
    flows = check_sources(sources, report)
    diagnostics = report.sorted()
    show(diagnostics, sources, root)
    if not report.has_errors:
        typer.echo(f"{_counted(flows)} in {_plural(len(sources), 'file')}: no errors")
    raise typer.Exit(exit_code(diagnostics))


def _counted(flows: Sequence[Flow]) -> str:
    kinds = Counter(flow.kind for flow in flows)
    return " and ".join(_plural(kinds[kind], kind) for kind in ("flow", "job") if kinds[kind])


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
