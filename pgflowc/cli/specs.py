"""The checked flows of a project, for commands that only look at them."""

from __future__ import annotations

from pathlib import Path

import typer

from pgflowc.check import check_sources
from pgflowc.cli.findings import exit_code, show
from pgflowc.cli.options import project_root
from pgflowc.diagnostics import Report
from pgflowc.graph.model import Flow
from pgflowc.project import Project, load_project, read_flows


def checked_flows(project: Path | None) -> tuple[Flow, ...]:
    """The flows and jobs by slug; prints what is wrong with the specs and exits if there are errors."""
    return checked_project(project)[1]


def checked_project(project: Path | None) -> tuple[Project, tuple[Flow, ...]]:
    """The project and its flows; prints what is wrong and exits if there are errors."""
    report = Report()
    found = load_project(project_root(project), report)
    sources = read_flows(found, report) if found is not None else {}
    flows = check_sources(sources, report)
    diagnostics = report.sorted()
    if diagnostics:
        show(diagnostics, sources, found.root if found else None)
    if report.has_errors or found is None:
        raise typer.Exit(exit_code(diagnostics))
    return found, flows
