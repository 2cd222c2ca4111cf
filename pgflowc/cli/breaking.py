"""`pgflowc breaking`: what of the specs breaks code, handlers, what is stored, or runs that are alive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.check import FIRST_OF_BREAKING, FIRST_OF_COMPILING, checked
from pgflowc.cli.exit import ENVIRONMENT, fail
from pgflowc.cli.findings import Format, FormatOption, exit_code, show, speaker
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.places import Place, live_state, lock_state, parse_place, read_commit
from pgflowc.database.connection import connect
from pgflowc.database.dsn import resolve_dsn
from pgflowc.database.errors import DatabaseError
from pgflowc.database.snapshot import snapshot
from pgflowc.diagnostics import Diagnostic, Report, Severity, ignores
from pgflowc.diagnostics.codes import files
from pgflowc.diagnostics.codes import ignores as ignore_faults
from pgflowc.diagnostics.ignores import Ignore
from pgflowc.document.referred import Specs
from pgflowc.plan.breaking import CATEGORIES, RULES, Level, Places, judge
from pgflowc.plan.state import State, state_of_specs
from pgflowc.project import CONFIG, Project, load_project, read_flows
from pgflowc.settings import BreakingSettings
from pgflowc_language.words import near_miss

_NAMES = (*CATEGORIES, *RULES)
_PLACES = "git:REF, lock or db"
NamesOption = list[str] | None


def breaking(
    against: Annotated[
        str, typer.Option("--against", metavar="PLACE", help=f"What the specs are compared with: {_PLACES}.")
    ] = "git:main",
    use: Annotated[
        NamesOption,
        typer.Option(
            "--use", metavar="NAME", help="A category or rule that counts; may be repeated. Default: all."
        ),
    ] = None,
    excepted: Annotated[
        NamesOption,
        typer.Option("--except", metavar="RULE", help="A rule that does not count; may be repeated."),
    ] = None,
    warn: Annotated[
        NamesOption,
        typer.Option("--warn", metavar="NAME", help="A category or rule that only warns; may be repeated."),
    ] = None,
    list_rules: Annotated[
        bool, typer.Option("--list", help="Print the rules, and what each breaks.")
    ] = False,
    format: FormatOption = Format.TEXT,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Report what the specs break of what is elsewhere: on a branch, in a database.

    A finding breaks one or more of: SOURCE, the generated Python changes;
    HANDLER, existing handlers need editing; WIRE, queued messages or stored
    outputs no longer fit; INFLIGHT, a run that is alive now breaks.

    The table 'breaking' of pgflowc.toml sets what counts: use, except, warn,
    and ignore with patterns of paths.

    For example: pgflowc breaking --against git:origin/main --use INFLIGHT

    Exit codes: 0 nothing breaks, 1 something does, 2 a place cannot be read.
    """
    if list_rules:
        _list()
        return
    root = project_root(project)
    place = parse_place(against, "--against", code=ENVIRONMENT)
    if place.kind in ("spec", "empty"):
        fail(f"--against: nothing can break of '{against}'", help=f"the places are {_PLACES}")
    report = Report()
    found = load_project(root, report)
    sources = read_flows(found, report) if found is not None else {}
    flows, ignored = checked(sources, report)
    settings = found.settings if found is not None else None
    level = _level(settings.breaking if settings else BreakingSettings(), use, excepted, warn, report)
    if report.has_errors or settings is None:
        show(report.sorted(), sources, found.root if found else root, format)
        raise typer.Exit(exit_code(report.sorted()) or ENVIRONMENT)
    before = _read(place, root, dsn)
    shown = judged(before, state_of_specs(flows, settings.cron_target), level, sources, ignored)
    report = Report()
    report.extend(shown)
    show(report.sorted(), sources, found.root if found else root, format)
    broken = sum(one.severity is Severity.ERROR for one in shown)
    if not broken:
        speaker(format)(f"nothing breaks, compared with {before.title}")
    raise typer.Exit(exit_code(shown))


def breaches(project: Project, sources: Specs, before: State) -> list[Diagnostic]:
    """What specs without errors break of what there was before, as pgflowc.toml sets what counts; faults of
    that table are among it.
    """
    report = Report()
    flows, ignored = checked(sources, Report())
    level = _level(project.settings.breaking, None, None, None, report)
    after = state_of_specs(flows, project.settings.cron_target)
    return [*report.sorted(), *judged(before, after, level, sources, ignored)]


def judged(
    before: State, after: State, level: Level, sources: Mapping[str, str], ignored: Sequence[Ignore]
) -> list[Diagnostic]:
    """The findings that no comment in the specs ignores."""
    findings = tuple(judge(before, after, level, Places(sources)))
    # A comment about a change that came with an earlier commit has nothing to ignore any more.
    return [
        one
        for one in ignores.apply(
            findings, ignored, lambda code: FIRST_OF_BREAKING <= code.id < FIRST_OF_COMPILING
        )
        if one.code is not ignore_faults.UNUSED
    ]


def _read(place: Place, root: Path, dsn: str | None) -> State:
    """What the specs are compared with."""
    match place.kind:
        case "git":
            return read_commit(root, place.ref, code=ENVIRONMENT).state
        case "lock":
            return lock_state(root, code=ENVIRONMENT)
        case "db":
            try:
                with (
                    connect(resolve_dsn(dsn, root, start_embedded=False)) as connection,
                    snapshot(connection),
                ):
                    return live_state(connection)[1]
            except DatabaseError as error:
                return fail(error.message, help=error.help)
        case "spec" | "empty":
            raise AssertionError("they were refused")


def _level(
    settings: BreakingSettings,
    use: Sequence[str] | None,
    excepted: Sequence[str] | None,
    warn: Sequence[str] | None,
    report: Report,
) -> Level:
    """The level that pgflowc.toml sets, and the command line on top of it; unknown names are reported."""
    use, excepted, warn = (_split(given) for given in (use, excepted, warn))
    chosen = (
        ("use", use, settings.use, _NAMES),
        ("except", excepted, settings.except_, tuple(RULES)),
        ("warn", warn, settings.warn, _NAMES),
    )
    for name, given, configured, known in chosen:
        for option, values in ((f"--{name}", given or ()), (f"{CONFIG}, breaking.{name}", configured or ())):
            _refuse_unknown(option, values, known, report)
    used = use or settings.use
    return Level(
        frozenset(CATEGORIES if used is None else used),
        frozenset([*settings.except_, *(excepted or ())]),
        frozenset([*settings.warn, *(warn or ())]),
        settings.ignore,
    )


def _split(given: Sequence[str] | None) -> list[str]:
    """Names that may be separated by commas, too."""
    return [name.strip() for one in given or () for name in one.split(",") if name.strip()]


def _refuse_unknown(option: str, values: Iterable[str], known: Sequence[str], report: Report) -> None:
    for value in values:
        if value not in known:
            near = near_miss(value, known)
            help = f"did you mean '{near}'?" if near else "pgflowc breaking --list prints the rules"
            report.add(Diagnostic(files.BAD_SETTING, f"{option}: there is no rule '{value}'", help=(help,)))


def _list() -> None:
    width = max(map(len, RULES))
    for name, (code, breaks) in RULES.items():
        typer.echo(f"{code.id}  {name:<{width}}  {', '.join(breaks)}")
