"""All files that a compilation writes, by path relative to the project: verified, but not written yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import PurePosixPath

from pgflowc.diagnostics import Diagnostic, Position, Report, Span
from pgflowc.diagnostics.codes import generated
from pgflowc.graph.model import Flow
from pgflowc.plan import LOCK, Lock, LockedMigration, MigrationFormat, Plan, chained, checksum, dump_lock
from pgflowc.render.former_code import former_files
from pgflowc.render.handler_references import check_references, module_patterns
from pgflowc.render.handlers import check_written, continue_handlers, render_handlers, stubs_needed
from pgflowc.render.header import is_generated, is_untouched, origin, seal
from pgflowc.render.migration import migration_file, render_migration, targeted_versions
from pgflowc.render.module import render_module
from pgflowc.render.registry import render_registry
from pgflowc.render.signatures import TypedFlow, typed
from pgflowc.render.templates import fill
from pgflowc.render.verify import verify
from pgflowc.render.written_handlers import WrittenHandlers, read_handlers


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things go: directories relative to the project, in POSIX form; `package` may be dotted.

    `neighbours` are the modules and packages that stand beside it: the project's own as well.
    """

    package: str
    source_dir: str = "."
    migrations_dir: str = "migrations"
    migrations_format: MigrationFormat = "plain"
    neighbours: tuple[str, ...] = ()

    @property
    def own(self) -> tuple[str, ...]:
        """The project's top-level modules and packages."""
        return (self.package.partition(".")[0], *self.neighbours)

    def python(self, *names: str) -> str:
        """The path of a file of the package."""
        return str(PurePosixPath(self.source_dir, *self.package.split("."), *names))

    def handlers(self, flow: TypedFlow) -> str:
        """The path of the file of the flow's handlers."""
        return self.python("handlers", f"{flow.names.module}.py")

    def inputs(self) -> tuple[str, ...]:
        """Patterns of the files that compiling depends on beside the specs."""
        kind = "*.py" if self.migrations_format == "alembic" else "*.sql"
        migrations = str(PurePosixPath(escape(self.migrations_dir), kind))
        package = PurePosixPath(escape(self.python()))
        names = ("__init__.py", "registry.py", "_generated/*.py", "handlers/*.py")
        return (LOCK, migrations, *(str(package / name) for name in names))

    def handlers_of(self, specs: Iterable[str]) -> tuple[str, ...]:
        """Patterns of the modules whose functions the texts of specs name as handlers."""
        return module_patterns(self.source_dir, specs)

    def is_migration(self, path: str) -> bool:
        """Whether a file is in the migrations directory."""
        return PurePosixPath(path).is_relative_to(self.migrations_dir)

    def migration(self, name: str) -> str:
        """The path of a file of the migrations directory."""
        return str(PurePosixPath(self.migrations_dir, name))


@dataclass(frozen=True, slots=True)
class Rendered:
    """The files to write, those to remove, and those of both that hold an edit by hand.

    `settled` are files of handlers that get stubs: findings point into them as they will be.
    """

    files: dict[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    settled: dict[str, str] = field(default_factory=dict)


def render(
    plan: Plan,
    lock: Lock,
    flows: Sequence[Flow],
    layout: Layout,
    present: Mapping[str, bytes],
    report: Report,
    *,
    force: bool = False,
    writes: bool = True,
) -> Rendered:
    """The files of `flows` (sorted by slug), given the files that are there.

    Migrations, and with them the lock, come from `plan`. Reported are generated files that were edited by
    hand (unless `force`), files of handlers that are not Python or do not fit, and migrations in the way of
    new ones. If the result will be written (`writes`), what does not fit in a file of handlers is placed
    where it will be then; otherwise where it is now.
    """
    typed_flows = [typed(flow) for flow in flows]
    former = former_files(layout.package, layout.python, lock, plan.flows, present, report)
    ours = {**_generated(layout, typed_flows, plan), **former.generated}
    stale = _stale(layout, ours, present)
    # Who retires a version is told of its handlers.
    retired = {
        layout.python("_generated", f"{former.code.module}.py")
        for slug in plan.flows.keys() & lock.flows.keys()
        for former in lock.flows[slug].former
    }
    edited = () if force else _edited(ours, stale, present, report)
    _report_orphans(layout, [path for path in stale if path not in retired], present, report)
    continued = _continued_handlers(layout, typed_flows, present, report)
    files = {
        **_migrations(plan, lock, layout, present, report),
        **ours,
        **_once(layout, typed_flows, present),
        **former.handlers,
        **{path: one.after for path, one in continued.items()},
    }
    settled = {path: one.after for path, one in continued.items() if one.changes} if writes else {}
    there = {**present, **{path: text.encode() for path, text in settled.items()}}
    check_references(layout.package, typed_flows, layout.source_dir, there, report)
    _check_handlers(layout, typed_flows, continued, settled, report)
    for path, text in files.items():
        # What is there already was verified when it was written.
        if present.get(path) != text.encode():
            verify(path, text)
    return Rendered(dict(sorted(files.items())), stale, edited, settled)


def _migrations(
    plan: Plan, lock: Lock, layout: Layout, present: Mapping[str, bytes], report: Report
) -> dict[str, str]:
    """The files of the new migrations, and the lock that records them."""
    files: dict[str, str] = {}
    written: list[LockedMigration] = []
    for migration in plan.migrations:
        rendered = render_migration(migration, layout.migrations_format)
        files.update((layout.migration(name), text) for name, text in rendered.items())
        name = migration_file(migration.name, layout.migrations_format)
        path, content = layout.migration(name), rendered[name].encode()
        if present.get(path, content) != content:
            message = f"{path} is not the migration that the spec needs, and {LOCK} does not record it"
            help = (
                f"if a database has applied it, restore {LOCK} from version control; otherwise delete {path}"
            )
            report.add(
                Diagnostic(generated.MIGRATION_UNRECORDED, message, migration.up[0].cause, help=(help,))
            )
        targets = targeted_versions(rendered[name])
        written.append(LockedMigration(name, migration.flow, checksum(content), targets))
    return {**files, LOCK: dump_lock(chained(plan.flows, (*lock.migrations, *written)))}


def _generated(layout: Layout, flows: Sequence[TypedFlow], plan: Plan) -> dict[str, str]:
    """The files that are written anew each time."""
    files = {
        layout.python("_generated", f"{flow.names.module}.py"): render_module(
            layout.own, flow, plan.flows[flow.flow.slug].version
        )
        for flow in flows
    }
    former = {slug: entry.former for slug, entry in plan.flows.items() if entry.former}
    files[layout.python("_generated", "__init__.py")] = seal(
        fill(
            "package.py.jinja",
            origin=origin(None),
            docstring="Types and definitions, a module for each flow and job.",
        )
    )
    files[layout.python("registry.py")] = render_registry(layout.package, layout.own, flows, former)
    return files


def _once(layout: Layout, flows: Sequence[TypedFlow], present: Mapping[str, bytes]) -> dict[str, str]:
    """The files that are the user's once they exist, as far as they do not yet."""
    files = {}
    for path in (layout.python("__init__.py"), layout.python("handlers", "__init__.py")):
        if path not in present:
            files[path] = ""
    for flow in flows:
        path = layout.handlers(flow)
        if path not in present and stubs_needed(flow):
            files[path] = render_handlers(layout.package, flow)
    return files


@dataclass(frozen=True, slots=True)
class _Continued:
    """A file of handlers that is there, and its text with stubs for new steps; `mark` is its byte order
    mark, if it has one.
    """

    written: WrittenHandlers
    mark: str
    after: str

    @property
    def changes(self) -> bool:
        """Whether the file gets something new."""
        return self.after != self.mark + self.written.text


def _continued_handlers(
    layout: Layout, flows: Sequence[TypedFlow], present: Mapping[str, bytes], report: Report
) -> dict[str, _Continued]:
    """The files of handlers that are there, by path; those that are not Python are reported and missing."""
    found = {}
    for flow in flows:
        path = layout.handlers(flow)
        if path in present:
            continued = _continued(path, layout, flow, present[path], report)
            if continued is not None:
                found[path] = continued
    return found


def _continued(
    path: str, layout: Layout, flow: TypedFlow, content: bytes, report: Report
) -> _Continued | None:
    try:
        text = content.decode("utf-8")
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        module = f"{layout.package}._generated.{flow.names.module}"
        written = read_handlers(path, text.removeprefix(mark), module)
        return _Continued(written, mark, mark + continue_handlers(layout.package, flow, written))
    except UnicodeDecodeError:
        span, problem = _at(path), "it is not encoded in UTF-8"
    except SyntaxError as error:
        span, problem = _at(path, error.lineno or 1, error.offset or 1), error.msg
    except (ValueError, RecursionError) as error:
        span, problem = _at(path), str(error)
    help = ("correct the file, and compile again",)
    message = f"the file of handlers is not valid Python: {problem}"
    report.add(Diagnostic(generated.UNPARSABLE_HANDLERS, message, span, help=help))
    return None


def _check_handlers(
    layout: Layout,
    flows: Sequence[TypedFlow],
    continued: Mapping[str, _Continued],
    settled: Mapping[str, str],
    report: Report,
) -> None:
    """Report what of the files of handlers does not fit."""
    references = {step.handler for flow in flows for step in flow.flow.steps if step.handler is not None}
    for flow in flows:
        path = layout.handlers(flow)
        if path not in continued:
            continue
        module = f"{layout.package}.handlers.{flow.names.module}:"
        elsewhere = {name.removeprefix(module) for name in references if name.startswith(module)}
        written = continued[path].written
        if path in settled:
            written = read_handlers(path, settled[path].removeprefix("\ufeff"), written.generated)
        check_written(flow, written, elsewhere, report)


def _at(path: str, line: int = 1, column: int = 1) -> Span:
    """One character of a file; its first, where the whole is meant."""
    return Span(path, Position(line, column), Position(line, column + 1))


def _stale(layout: Layout, ours: Mapping[str, str], present: Mapping[str, bytes]) -> tuple[str, ...]:
    """Modules of ours in `_generated` whose flow is gone."""
    directory = PurePosixPath(layout.python("_generated"))
    return tuple(
        path
        for path, content in sorted(present.items())
        if PurePosixPath(path).parent == directory and path not in ours and is_generated(_text(content))
    )


def _report_orphans(
    layout: Layout, stale: Sequence[str], present: Mapping[str, bytes], report: Report
) -> None:
    for path in stale:
        handlers = layout.python("handlers", PurePosixPath(path).name)
        if handlers in present:
            message = "this file holds handlers of a flow that is gone, and what it imports is removed"
            help = ("delete the file, or move what you still need elsewhere",)
            report.add(Diagnostic(generated.ORPHANED_HANDLERS, message, _at(handlers), help=help))


def _edited(
    ours: Mapping[str, str], stale: Sequence[str], present: Mapping[str, bytes], report: Report
) -> tuple[str, ...]:
    found = []
    for path in (*sorted(ours), *stale):
        text = _text(present.get(path, b""))
        if path not in present or text == ours.get(path) or is_untouched(text) or not text:
            continue
        found.append(path)
        code = generated.EDITED if is_generated(text) else generated.NOT_GENERATED
        problem = "was edited by hand" if is_generated(text) else "was not written by pgflowc"
        report.add(
            Diagnostic(
                code,
                f"this file {problem}, and compiling would write over it",
                _at(path),
                help=("move what you need elsewhere, then run `pgflowc compile --force`",),
            )
        )
    return tuple(found)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
