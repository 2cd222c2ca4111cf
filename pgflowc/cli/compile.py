"""`pgflowc compile`: specs to migrations, typed Python and the registry."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli import memory
from pgflowc.cli.changes import describe
from pgflowc.cli.collector import paused
from pgflowc.cli.exit import FINDINGS, fail
from pgflowc.cli.findings import Format, FormatOption, exit_code, show, speaker
from pgflowc.cli.migration_tools import APPLY
from pgflowc.cli.options import ProjectOption, project_root
from pgflowc.cli.resolve import ResolveOption, resolve_project
from pgflowc.cli.terminal import wants_color
from pgflowc.compile import Compilation, compile_sources
from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import files
from pgflowc.document.referred import Specs
from pgflowc.output import Change, OutputError, Status, compare, diff, write
from pgflowc.plan import LOCK, Plan
from pgflowc.project import Project, load_project, neighbours, read_flows, read_present
from pgflowc.render import Layout
from pgflowc.settings import package_fault

PackageOption = Annotated[
    str | None,
    typer.Option(
        "--package", metavar="NAME", help="Python package to write to; default: that of pgflowc.toml."
    ),
]
CheckOption = Annotated[
    bool, typer.Option("--check", help="Write nothing; exit 1 with a diff if a file is stale. For CI.")
]
DiffOption = Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change as a diff.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Write nothing; list the files that would change.")
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Write over generated files that were edited by hand.")
]
AllowDataLossOption = Annotated[
    bool,
    typer.Option(
        "--allow-data-loss",
        help="Write migrations that delete runs, too: for specs that are gone, and 'on_change: recreate'.",
    ),
]

_COLORS = {Status.CREATED: "green", Status.UPDATED: "yellow", Status.REMOVED: "red"}


def compile_project(
    project: ProjectOption = None,
    package: PackageOption = None,
    check: CheckOption = False,
    show_diff: DiffOption = False,
    dry_run: DryRunOption = False,
    force: ForceOption = False,
    allow_data_loss: AllowDataLossOption = False,
    resolve: ResolveOption = False,
    format: FormatOption = Format.TEXT,
) -> None:
    """Write migrations, typed handlers and the worker registry.

    All files are written or none.

    Exit codes: 0 done, 1 mistakes in specs or, with --check, a stale file,
    2 a file cannot be read or written.
    """
    root = project_root(project)
    if resolve:
        resolve_project(root, format)
    layout, compilation, changes, state = compiled(
        root,
        package,
        force=force,
        allow_data_loss=allow_data_loss,
        writes=not (check or show_diff or dry_run),
        format=format,
    )
    if check or show_diff:
        typer.echo(diff(changes), err=format is not Format.TEXT, nl=False)
        _finish_check(changes, check=check)
        return
    if not dry_run:
        write_changes(root, changes)
        if state is not None:
            # Migrations and the empty modules that make packages are written once, and not looked at again.
            stays = [one.path for one in changes if one.after and not layout.is_migration(one.path)]
            memory.remember(root, state, stays)
    say = speaker(format)
    summarise(layout, compilation.plan, changes, say, dry_run=dry_run)


def compiled(
    root: Path,
    package: str | None,
    *,
    force: bool = False,
    allow_data_loss: bool = False,
    writes: bool = True,
    retired: frozenset[tuple[str, int]] = frozenset(),
    format: Format = Format.TEXT,
) -> tuple[Layout, Compilation, list[Change], str | None]:
    """Compile the project in `root`, and what writing the result would change; shows what was found, and
    exits on errors. The last of the result is a state to remember once it is written.

    `writes` says whether the caller will write it: then findings in files of handlers are shown where they
    will be. `retired` are former versions of flows that are to go.
    """
    found, layout = project_layout(root, package, format)
    with paused():
        report = Report()
        sources = read_flows(found, report)
        patterns = (*layout.inputs(), *layout.handlers_of(sources.values()))
        present = read_present(found.root, patterns, report)
        if len(sources) >= memory.WORTH_REMEMBERING and not report.sorted():
            state = memory.state_of(found.root, sources, layout, present)
            # These options are about what is asked for, not about what is there.
            asked = force or allow_data_loss or retired
            known = memory.is_compiled(found.root, state) if not asked else None
            if known is not None:
                show((), {}, found.root, format)
                same = [Change(path, present.get(path), present.get(path)) for path in known]
                return layout, Compilation((), {}), same, None
        compilation = _compile(
            found.root,
            layout,
            sources,
            present,
            report,
            force=force,
            allow_data_loss=allow_data_loss,
            writes=writes,
            retired=retired,
            format=format,
        )
    changes = compare(compilation.rendered.files, compilation.rendered.removed, present)
    if compilation.failed:
        edited = [change for change in changes if change.path in compilation.rendered.edited]
        typer.echo(diff(edited), err=True, nl=False)
        raise typer.Exit(exit_code(compilation.diagnostics))
    if len(sources) < memory.WORTH_REMEMBERING or compilation.diagnostics or report.sorted():
        return layout, compilation, changes, None
    return (
        layout,
        compilation,
        changes,
        memory.state_of(found.root, sources, layout, memory.after(present, changes)),
    )


def write_changes(root: Path, changes: Sequence[Change]) -> None:
    """Write all or nothing; exits when that fails."""
    try:
        write(root, changes, last=LOCK)
    except OutputError as error:
        fail(f"nothing was written: {error}")


def show_change(change: Change, say: Callable[[str], None]) -> None:
    """A line about a file."""
    status = f"{change.status:<9}"
    color = wants_color(sys.stdout)
    say(f"{typer.style(status, fg=_COLORS.get(change.status)) if color else status} {change.path}")


def project_layout(root: Path, package: str | None, format: Format) -> tuple[Project, Layout]:
    """The project and where its files go; shows what is wrong with its settings, and exits."""
    report = Report()
    found = load_project(root, report)
    if package is not None and (fault := package_fault(package)):
        fail(f"--package: {fault}")
    if found is not None and package is None and found.package is None:
        report.add(
            Diagnostic(files.NO_PACKAGE, "the project names no package", help=(files.NO_PACKAGE.cure,))
        )
    name = package or (found.package if found else None)
    if found is None or name is None:
        show(report.sorted(), {}, root, format)
        raise typer.Exit(exit_code(report.sorted()))
    settings = found.settings
    return found, Layout(
        name,
        settings.source_dir,
        settings.migrations_dir,
        settings.migrations_format,
        # The package itself may not be there yet.
        tuple(one for one in neighbours(found) if one != name.partition(".")[0]),
    )


def _compile(
    root: Path,
    layout: Layout,
    sources: Specs,
    present: Mapping[str, bytes],
    report: Report,
    *,
    force: bool,
    allow_data_loss: bool,
    writes: bool,
    retired: frozenset[tuple[str, int]],
    format: Format,
) -> Compilation:
    """Compile, and show what was found, in `report` as well; exits when files could not be read."""
    compilation = compile_sources(
        sources,
        layout,
        present,
        force=force,
        allow_data_loss=allow_data_loss,
        now=datetime.now(UTC),
        retired=retired,
        writes=writes and not report.has_errors,
    )
    diagnostics = (*report.sorted(), *compilation.diagnostics)
    show(diagnostics, compilation.sources, root, format)
    if report.has_errors:
        raise typer.Exit(exit_code(diagnostics))
    return compilation


def _finish_check(changes: Sequence[Change], *, check: bool) -> None:
    stale = sum(change.status is not Status.UNCHANGED for change in changes)
    if not check:
        return
    if stale:
        typer.echo(f"{_files(stale)} would change: run `pgflowc compile` and commit the result", err=True)
        raise typer.Exit(FINDINGS)
    typer.echo(f"{_files(len(changes))} up to date", err=True)


def summarise(
    layout: Layout,
    plan: Plan,
    changes: Sequence[Change],
    say: Callable[[str], None],
    *,
    dry_run: bool = False,
) -> None:
    """What changes of flows, the files, and what to do next."""
    for line in describe(plan, layout.migration):
        say(line)
    for change in changes:
        if change.status is not Status.UNCHANGED:
            show_change(change, say)
    counts = Counter(change.status for change in changes)
    written = counts[Status.CREATED] + counts[Status.UPDATED]
    parts = [f"{'would write' if dry_run else 'wrote'} {_files(written)}"]
    if counts[Status.REMOVED]:
        parts.append(f"{'would remove' if dry_run else 'removed'} {counts[Status.REMOVED]}")
    parts.append(f"{counts[Status.UNCHANGED]} unchanged")
    say(", ".join(parts))
    migrate = APPLY[layout.migrations_format] if plan.migrations else ""
    copied = {
        layout.python("handlers", f"{former.code.module}.py")
        for entry in plan.flows.values()
        for former in entry.former
    }
    own = [change for change in changes if change.path not in copied]
    for line in _next_steps(own, migrate) if not dry_run else ():
        say(line)


def _next_steps(changes: Sequence[Change], migrate: str) -> list[str]:
    written = [change for change in changes if change.status in (Status.CREATED, Status.UPDATED)]
    stubs = [change.path for change in written if "/handlers/" in f"/{change.path}" and change.after]
    shown = stubs if len(stubs) <= 3 else [*stubs[:2], f"{len(stubs) - 2} more files"]
    steps = [f"Next: write the handlers in {', '.join(shown)}"] if stubs else []
    if migrate:
        steps.append(f"{'Then' if steps else 'Next'}: {migrate}")
    return steps


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"
