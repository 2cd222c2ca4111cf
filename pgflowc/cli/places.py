"""The places that flows can be compared between: specs, the lock, a database, a commit of git, nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psycopg
import typer

from pgflowc.check import check_sources
from pgflowc.cli.exit import fail
from pgflowc.cli.findings import show
from pgflowc.database.dsn import configured_project
from pgflowc.database.live_flows import LiveDatabase, read_live_flows, state_of_database
from pgflowc.database.migrations import recorded_migrations
from pgflowc.database.other_tools import applied_by
from pgflowc.diagnostics import Report, Severity
from pgflowc.plan import LOCK, Lock, parse_lock
from pgflowc.plan.difference import Known
from pgflowc.plan.state import EMPTY, State, state_of_lock, state_of_specs
from pgflowc.project import CONFIG, Project, load_project, read_flows, read_present, read_text
from pgflowc.revision import RevisionError, at_revision
from pgflowc.settings import Settings

# Of commands whose other codes say whether there are differences.
ERROR: Final = 1
_PLAIN: tuple[Literal["spec", "lock", "db", "empty"], ...] = ("spec", "lock", "db", "empty")
PLACES = "spec, lock, db, empty or git:REF"


@dataclass(frozen=True, slots=True)
class Place:
    """`ref` is there for git alone."""

    kind: Literal["spec", "lock", "db", "empty", "git"]
    ref: str = ""

    @property
    def text(self) -> str:
        """As the command line has it."""
        return f"git:{self.ref}" if self.kind == "git" else self.kind


def parse_place(text: str, option: str, *, code: int = ERROR) -> Place:
    """The place that a command line names; exits when it names none."""
    for plain in _PLAIN:
        if text == plain:
            return Place(plain)
    kind, colon, ref = text.partition(":")
    if kind == "git" and ref and not ref.startswith("-"):
        return Place("git", ref)
    near = f"did you mean git:{text}?" if not colon and text != "git" else ""
    return fail(f"{option}: '{text}' is no place", help=near or f"the places are {PLACES}", code=code)


@dataclass(frozen=True, slots=True)
class Specs:
    """The specs of a project, or of a commit of it: the texts by path, which findings point into."""

    state: State
    project: Project | None
    sources: Mapping[str, str]


def read_specs(root: Path) -> Specs:
    """The specs as they are; shows what is wrong with them, and exits if there are errors."""
    report = Report()
    project = load_project(root, report)
    sources = read_flows(project, report) if project is not None else {}
    flows = check_sources(sources, report)
    if report.has_errors or project is None:
        show(report.sorted(), sources, project.root if project else None)
        if project is None:
            raise typer.Exit(ERROR)
        fail("the specs have errors, so nothing was compared", help="pgflowc validate", code=ERROR)
    return Specs(state_of_specs(flows, project.settings.cron_target), project, sources)


def read_commit(root: Path, ref: str, *, code: int = ERROR) -> Specs:
    """The specs as a commit has them, with its pgflowc.toml; without one there are none. Exits on errors."""
    title = f"git:{ref}"
    report = Report()
    try:
        with at_revision(root, ref) as revision:
            if not (revision.root / CONFIG).is_file():
                return Specs(State(f"{title} (which has no {CONFIG} here)"), None, {})
            project = load_project(revision.root, report)
            sources = read_flows(project, report) if project is not None else {}
            flows = check_sources(sources, report)
    except RevisionError as error:
        fail(error.message, help=error.help, code=code)
    if report.has_errors or project is None:
        errors = [found for found in report.sorted() if found.severity is Severity.ERROR]
        # As git itself writes a file of a commit.
        show(errors, sources, Path(f"{ref}:"))
        fail(f"the specs of {title} have errors, so nothing was compared", code=code)
    return Specs(state_of_specs(flows, project.settings.cron_target, title), project, sources)


def read_lock(root: Path, *, code: int = ERROR) -> Lock | None:
    """The lock of the project; None without one. Exits when it cannot be used."""
    if not (root / LOCK).exists():
        return None
    report = Report()
    text = read_text(root / LOCK, LOCK, report)
    lock = parse_lock(text, report) if text is not None else None
    if lock is None:
        show(report.sorted(), {LOCK: text or ""}, root)
        fail("nothing was compared", code=code)
    return lock


def lock_state(root: Path, *, code: int = ERROR) -> State:
    """What the migrations written so far make; nothing where there is no lock yet."""
    lock = read_lock(root, code=code)
    return State(f"{LOCK} (which is not there yet)") if lock is None else state_of_lock(lock)


def state_at(place: Place, root: Path) -> State:
    """The flows at a place that needs no database."""
    match place.kind:
        case "spec":
            return read_specs(root).state
        case "lock":
            return lock_state(root)
        case "git":
            return read_commit(root, place.ref).state
        case "empty":
            return EMPTY
        case "db":
            raise AssertionError("a database is read in a transaction")


def live_state(connection: psycopg.Connection) -> tuple[LiveDatabase, State]:
    """The flows of a database."""
    live = read_live_flows(connection)
    return live, state_of_database(live)


def known_of(connection: psycopg.Connection, root: Path, lock: Lock | None) -> Known | None:
    """What the project says of the database: its lock, and the migrations that were not applied there.

    None without a lock, and where it cannot be seen what was applied: drift cannot be told then.
    """
    project = configured_project(root)
    if lock is None or project is None:
        return None
    settings = project.settings
    try:
        with connection.transaction():
            applied = _applied(connection, root, settings)
    except psycopg.errors.InsufficientPrivilege:
        return None
    if applied is None:
        return None
    pending: dict[str, list[str]] = {}
    for migration in lock.migrations:
        if not applied(migration.name):
            pending.setdefault(migration.flow, []).append(f"{settings.migrations_dir}/{migration.name}")
    tool = None if settings.migrations_format == "plain" else settings.migrations_format
    return Known(state_of_lock(lock), pending, tool)


def _applied(connection: psycopg.Connection, root: Path, settings: Settings) -> Callable[[str], bool] | None:
    """Tells whether a migration was applied, by the name of its file."""
    if settings.migrations_format == "plain":
        recorded = recorded_migrations(connection, settings.package or "")
        return recorded.__contains__
    files = read_present(root.resolve(), [f"{settings.migrations_dir}/*.py"], Report())
    present = {path.rpartition("/")[2]: content for path, content in files.items()}
    return applied_by(connection, settings.migrations_format, present)
