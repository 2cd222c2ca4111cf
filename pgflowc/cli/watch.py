"""`pgflowc watch`: compiles whenever a file is saved that compiling reads."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from pgflowc.cli.compile import PackageOption, compiled, show_change, write_changes
from pgflowc.cli.exit import fail
from pgflowc.cli.options import ProjectOption, project_root
from pgflowc.diagnostics import Report
from pgflowc.open_files import is_being_written
from pgflowc.output import Change, Status
from pgflowc.plan import LOCK
from pgflowc.project import CONFIG, load_project, read_flows
from pgflowc.render import Layout
from pgflowc.settings import Settings
from pgflowc.watched import Stamps, look, settled, written

MigrationsOption = Annotated[
    bool,
    typer.Option("--migrations", help="Write migrations and the lock, too: one migration for each save."),
]

# How long to wait for the next event before looking at the files, which finds what a file system does not
# tell.
_LOOK_MILLISECONDS = 1000
# How long files have to be still: a `git checkout` and some editors write in several steps.
_STILL_MILLISECONDS = 50
_GROUP_MILLISECONDS = 400
# Somebody may never stop writing.
_PATIENCE_SECONDS = 2


def watch(
    project: ProjectOption = None, package: PackageOption = None, migrations: MigrationsOption = False
) -> None:
    """Compile whenever a spec, a handler or pgflowc.toml is saved, until Ctrl-C.

    Writes types, stubs and the registry. Migrations are left to
    `pgflowc compile`, because each save of a spec in the making would be one
    more.
    """
    root = project_root(project).resolve()
    if not root.is_dir():
        fail(f"{root} is not a directory")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not an exception, which might come between two files that belong together.
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        patterns = _patterns(root, package)
        seen = look(_files(root, patterns), {})
        for change in _compile(root, package, migrations=migrations):
            # Our own writing is no reason to compile again; but somebody may have changed the file since.
            path = root / change.path
            stamp = written(path, change.after) if change.after is not None else None
            seen.pop(path, None)
            seen |= {path: stamp} if stamp is not None else {}
        typer.echo("watching for changes, Ctrl-C ends it")
        if changed := _next_change(root, patterns, seen, stop):
            typer.echo(f"\nchanged: {_shown(changed)}")


def _compile(root: Path, package: str | None, *, migrations: bool) -> list[Change]:
    """Compile and write; the files written. Faults are shown, and leave everything as it was."""
    try:
        layout, compilation, changes, _ = compiled(root, package)
        if compilation.plan.rollouts and not migrations:
            # The handlers of the former version are copied once, when its migration is written.
            flows = ", ".join(one.flow for one in compilation.plan.rollouts)
            typer.echo(f"a new version of {flows}: run `pgflowc compile` when the spec is done")
            return []
        found = [change for change in changes if change.status is not Status.UNCHANGED]
        wanted = [change for change in found if migrations or not _is_migration(change, layout)]
        write_changes(root, wanted)
    except typer.Exit:
        return []
    for change in wanted:
        show_change(change, typer.echo)
    if len(wanted) < len(found):
        typer.echo("the migrations are behind: run `pgflowc compile` when the specs are done")
    elif not found:
        typer.echo("everything is up to date")
    return wanted


def _is_migration(change: Change, layout: Layout) -> bool:
    return change.path == LOCK or layout.is_migration(change.path)


def _next_change(
    root: Path, patterns: Sequence[str], seen: Stamps, stop: threading.Event
) -> list[PurePosixPath]:
    """Wait until files differ from `seen`; those that do, or none when it is time to stop."""
    while not stop.is_set():
        directories = _directories(root, patterns)
        for _ in _events(directories, stop):
            now = look(_files(root, patterns), seen)
            if now != seen:
                now = _still(root, patterns, seen, now, stop)
                return sorted(PurePosixPath(path.relative_to(root)) for path in _changed(seen, now))
            seen = settled(now)
            if _directories(root, patterns) != directories:
                break
    return []


def _changed(before: Stamps, now: Stamps) -> set[Path]:
    return {path for path in before.keys() | now.keys() if before.get(path) != now.get(path)}


def _still(root: Path, patterns: Sequence[str], seen: Stamps, now: Stamps, stop: threading.Event) -> Stamps:
    """The files once nobody writes them: one that is emptied to be written anew is no empty file."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and not stop.wait(_STILL_MILLISECONDS / 1000):
        before, now = now, look(_files(root, patterns), now)
        if now == before and not any(map(is_being_written, _changed(seen, now))):
            break
    return now


def _events(directories: Sequence[Path], stop: threading.Event) -> Iterator[None]:
    """A moment in which it is worth to look at the files: now, after something happened, now and then."""
    # Slow to import, and needed by no other command.
    from watchfiles import watch as events

    yield
    try:
        for _ in events(
            *directories,
            watch_filter=None,
            debounce=_GROUP_MILLISECONDS,
            step=_STILL_MILLISECONDS,
            stop_event=stop,
            rust_timeout=_LOOK_MILLISECONDS,
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
        ):
            yield
    except OSError:
        # A directory went, or the system watches as much as it can; then looking has to do.
        stop.wait(_LOOK_MILLISECONDS / 1000)


def _directories(root: Path, patterns: Sequence[str]) -> list[Path]:
    """Where the files are that compiling reads; `root` tells of the others when they appear."""
    found = {root}
    for pattern in patterns:
        for directory in _glob(root, str(PurePosixPath(pattern).parent)):
            found |= {directory} if directory.is_dir() else set()
    return sorted(found)


def _files(root: Path, patterns: Sequence[str]) -> Iterator[Path]:
    for pattern in patterns:
        yield from _glob(root, pattern)


def _patterns(root: Path, package: str | None) -> list[str]:
    """The files that compiling reads, as far as configuration and specs can be read."""
    unheard = Report()
    project = load_project(root, unheard)
    settings = project.settings if project is not None else Settings()
    layout = Layout(
        package or settings.package or "_",
        settings.source_dir,
        settings.migrations_dir,
        settings.migrations_format,
    )
    found = [CONFIG, *settings.flows, *layout.inputs()]
    if project is not None:
        specs = read_flows(project, unheard)
        found += layout.handlers_of(specs.values())
        found += [escape(path) for path in (*specs.referred.files, *specs.referred.faults)]
        found += [escape(module.path) for module in specs.referred.modules.values() if module is not None]
    return [pattern for pattern in found if not pattern.startswith(("/", ".."))]


def _glob(root: Path, pattern: str) -> Iterator[Path]:
    # Directories may go while they are searched.
    with suppress(OSError):
        yield from [root] if pattern == "." else root.glob(pattern)


def _shown(changed: list[PurePosixPath]) -> str:
    names = [str(path) for path in changed]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"
