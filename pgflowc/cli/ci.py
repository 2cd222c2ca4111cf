"""`pgflowc ci`: what a change of specs is checked for, in one command with one table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.check import FIRST_OF_BREAKING
from pgflowc.cli import ci_view
from pgflowc.cli.breaking import breaches
from pgflowc.cli.ci_view import Check
from pgflowc.cli.compile import project_layout
from pgflowc.cli.exit import FINDINGS, FINE, complain
from pgflowc.cli.findings import Format, exit_code, show, speaker
from pgflowc.cli.options import ProjectOption, project_root
from pgflowc.cli.places import read_commit
from pgflowc.compile import compile_sources
from pgflowc.diagnostics import Diagnostic, Report, Severity, github
from pgflowc.document.referred import Specs
from pgflowc.output import Change, Status, compare, diff
from pgflowc.project import Project, read_flows, read_present
from pgflowc.render import Layout
from pgflowc.revision import NothingToCompareError, RevisionError, compared_with

SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(slots=True)
class _Findings:
    """All that the checks found, and the texts that it points into, by path."""

    checks: list[Check] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    stale: list[Change] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """2 for what is wrong with the environment, 1 for other findings."""
        failed = any(check.result == "failed" for check in self.checks)
        return max(exit_code(self.diagnostics), FINDINGS if failed else FINE)


def ci(
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="REF",
            help="Branch, tag or commit to compare with; default: where a pull request leads, else origin's "
            "default branch.",
        ),
    ] = None,
    project: ProjectOption = None,
    format: Annotated[
        Format,
        typer.Option("--format", help="How findings are written; all but text go to standard output."),
    ] = Format.TEXT,
) -> None:
    """Check what a pull request changes: validate, compile --check and breaking, with one table.

    The table goes to the summary page of a GitHub workflow, too, if this is one
    (GITHUB_STEP_SUMMARY). What there is nothing to compare with is skipped,
    and the table says why. No database is needed, and nothing is written.

    Example: pgflowc ci --format github

    Exit codes: 0 all is well, 1 there are findings, 2 a file cannot be read.
    """
    root = project_root(project)
    loaded, layout = project_layout(root, None, format)
    found = _Findings()
    checked = _specs(loaded, layout, found)
    _breaking(loaded, checked, against, found)
    _tell(found, loaded.root, format)
    raise typer.Exit(found.exit_code)


def _specs(project: Project, layout: Layout, found: _Findings) -> Specs:
    """What `validate` and `compile --check` say, from one compilation."""
    report = Report()
    sources = read_flows(project, report)
    present = read_present(project.root, (*layout.inputs(), *layout.handlers_of(sources.values())), report)
    compilation = compile_sources(sources, layout, present, now=datetime.now(UTC), writes=False)
    listed = [*report.sorted(), *compilation.diagnostics]
    found.diagnostics += listed
    found.sources |= compilation.sources
    early = [one for one in listed if one.code.id < FIRST_OF_BREAKING]
    late = [one for one in listed if one.code.id >= FIRST_OF_BREAKING]
    counted = f"{_plural(len(compilation.flows), 'flow')} in {_plural(len(sources), 'file')}"
    found.checks.append(_judged("validate", early, counted))
    if _errors(early):
        found.checks.append(Check("compile", "skipped", "the specs have errors"))
        return sources
    changes = compare(compilation.rendered.files, compilation.rendered.removed, present)
    found.stale = [change for change in changes if change.status is not Status.UNCHANGED]
    if found.stale and not compilation.failed:
        text = (
            f"{_plural(len(found.stale), 'file')} would change: run `pgflowc compile` and commit the result"
        )
        found.checks.append(Check("compile", "failed", text))
    else:
        found.checks.append(_judged("compile", late, f"{_plural(len(changes), 'file')} up to date"))
    return sources


def _breaking(project: Project, sources: Specs, against: str | None, found: _Findings) -> None:
    """What `breaking` says, where there is something to compare with."""
    if _errors(found.diagnostics):
        found.checks.append(Check("breaking", "skipped", "the specs have errors"))
        return
    try:
        ref = compared_with(project.root, os.environ, against)
    except RevisionError as error:
        # Not every project has something to compare with; what is asked for by name must be there.
        skipped = isinstance(error, NothingToCompareError) and against is None
        text = f"{error.message}: {error.help}" if error.help else error.message
        found.checks.append(Check("breaking", "skipped" if skipped else "failed", text))
        return
    try:
        before = read_commit(project.root, ref).state
    except typer.Exit:
        found.checks.append(Check("breaking", "skipped", f"the specs of git:{ref} have errors themselves"))
        return
    listed = breaches(project, sources, before)
    found.diagnostics += listed
    found.checks.append(_judged("breaking", listed, f"nothing breaks, compared with {before.title}"))


def _judged(name: str, listed: Sequence[Diagnostic], fine: str) -> Check:
    errors, warnings = _errors(listed), len(listed) - _errors(listed)
    counts = [_plural(errors, "error")] if errors else [fine]
    counts += [_plural(warnings, "warning")] if warnings else []
    return Check(name, "failed" if errors else "ok", ", ".join(counts), by_findings=True)


def _errors(listed: Sequence[Diagnostic]) -> int:
    return sum(one.severity is Severity.ERROR for one in listed)


def _tell(found: _Findings, root: Path, format: Format) -> None:
    report = Report()
    report.extend(found.diagnostics)
    show(report.sorted(), found.sources, root, format)
    typer.echo(diff(found.stale), err=True, nl=False)
    if format is Format.GITHUB:
        for check in found.checks:
            if check.result == "failed" and not check.by_findings:
                typer.echo(github.annotation(f"pgflowc {check.name}", check.text), nl=False)
    speaker(format)(ci_view.table(found.checks).rstrip("\n"))
    if os.environ.get(SUMMARY):
        _append(Path(os.environ[SUMMARY]), ci_view.markdown(found.checks, report.sorted()))


def _append(page: Path, text: str) -> None:
    try:
        with page.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        complain(f"{SUMMARY}: {page} cannot be written: {error.strerror}")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
