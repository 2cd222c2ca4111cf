"""The `pgflowc` command: the table of its commands, each imported only when it is the one that runs.

So `pgflowc --help` needs none of the libraries that the commands need, and no command pays for the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from pgflowc import __version__
from pgflowc.cli import collector
from pgflowc.cli.usage import guarded


@dataclass(frozen=True, slots=True)
class Command:
    """A command: `target` is `module:attribute` of a function or, for a group, of a `typer.Typer`.

    `usage_is_one`: wrong usage exits with 1, since 2 says something else.
    """

    name: str
    target: str
    help: str
    panel: str
    usage_is_one: bool = False

    def load(self) -> Any:
        """The function or `typer.Typer` behind the command; imports its module."""
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute)


COMPILER, DATABASE, RUNTIME = "Compiler", "Database", "Runs"

COMMANDS = (
    Command(
        "validate", "pgflowc.cli.validate:validate", "Check flow specs and report every mistake.", COMPILER
    ),
    Command(
        "compile",
        "pgflowc.cli.compile:compile_project",
        "Write migrations, typed handlers and the worker registry.",
        COMPILER,
    ),
    Command(
        "diff",
        "pgflowc.cli.diff:diff",
        "Show what the specs would change in a live database.",
        COMPILER,
        usage_is_one=True,
    ),
    Command(
        "breaking",
        "pgflowc.cli.breaking:breaking",
        "Report what the specs break of another branch, the lock or a database.",
        COMPILER,
    ),
    Command("graph", "pgflowc.cli.graph:graph", "Draw a flow for a terminal or a page.", COMPILER),
    Command("docs", "pgflowc.cli.docs:docs", "Write a Markdown page for each flow.", COMPILER),
    Command("watch", "pgflowc.cli.watch:watch", "Compile whenever a spec or a handler is saved.", COMPILER),
    Command("fmt", "pgflowc.cli.fmt:fmt", "Put spec files into the usual form, comments and all.", COMPILER),
    Command(
        "ci", "pgflowc.cli.ci:ci", "Check a pull request: specs, generated files, what breaks.", COMPILER
    ),
    Command("init", "pgflowc.cli.init:init", "Write a project that compiles and runs.", COMPILER),
    Command("schema", "pgflowc.cli.schema:schema", "Print the JSON Schema of spec files.", COMPILER),
    Command(
        "explain",
        "pgflowc.cli.explain:explain",
        "Say what a diagnostic code means and how to cure it.",
        COMPILER,
    ),
    Command(
        "db", "pgflowc.cli.db:app", "Install the core, apply migrations, look at what is there.", DATABASE
    ),
    Command("pull", "pgflowc.cli.pull:pull", "Write specs of the flows that a database has.", DATABASE),
    Command(
        "verify",
        "pgflowc.cli.verify:verify",
        "Check that handlers, generated code and database go together.",
        DATABASE,
    ),
    Command(
        "run-worker", "pgflowc.cli.run_worker:run_worker", "Execute the handlers of this project.", RUNTIME
    ),
    Command("start", "pgflowc.cli.start:start", "Start a run of a flow or job.", RUNTIME),
    Command("runs", "pgflowc.cli.runs:app", "List, show, watch, cancel, retry and prune runs.", RUNTIME),
    Command(
        "signal", "pgflowc.cli.signal:signal", "Send what a step of a run waits for, or approve it.", RUNTIME
    ),
    Command("flows", "pgflowc.cli.flows:app", "List, show and delete flows of the database.", RUNTIME),
    Command("versions", "pgflowc.cli.versions:app", "List and retire versions of flows.", RUNTIME),
    Command("cron", "pgflowc.cli.cron:app", "List, preview, pause and trigger schedules.", RUNTIME),
    Command("workers", "pgflowc.cli.workers:app", "List the workers that take tasks.", RUNTIME),
)
# They read specs, answer and end: nothing that they leave is worth collecting.
_BRIEF = frozenset({"validate", "compile", "graph", "docs", "fmt", "diff", "breaking"})


class _Root(TyperGroup):
    """The list of commands, in plain text: rich would take longer to import than everything else."""

    def main(self, *arguments: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run a command; what is wrong with the arguments is told as all errors are."""
        run = partial(super().main, *arguments, **{**options, "standalone_mode": False})
        return guarded(run) if standalone_mode else run()

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super(TyperGroup, self).format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands by what they are about."""
        width = max(len(command.name) for command in COMMANDS)
        for panel in dict.fromkeys(command.panel for command in COMMANDS):
            with formatter.section(panel):
                formatter.write_dl(
                    [(f"{found.name:{width}}", found.help) for found in COMMANDS if found.panel == panel]
                )


class _UsageIsOne(TyperCommand):
    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().make_context(*arguments, **options)
        except Exception as error:
            # Errors of usage have no class that all releases of typer export.
            if getattr(error, "exit_code", None) == 2:
                error.exit_code = 1  # type: ignore[attr-defined]
            raise


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments (program name left out); only the command they name is imported."""
    app = typer.Typer(
        name="pgflowc",
        cls=_Root,
        help="Compile flow specs to PostgreSQL workflows, apply them and run them.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    wanted = _named(arguments)
    # A shell that completes passes its words in the environment, and may ask for the options of any command.
    completing = "_PGFLOWC_COMPLETE" in os.environ
    for command in COMMANDS:
        target = command.load() if completing or command.name == wanted else _not_loaded
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=command.name, help=command.help, rich_help_panel=command.panel)
        else:
            help_text = None if target is not _not_loaded else command.help
            app.command(
                command.name,
                cls=_UsageIsOne if command.usage_is_one else None,
                help=help_text,
                short_help=command.help,
                rich_help_panel=command.panel,
            )(target)
    return app


def main() -> None:
    """Run the command: exits 0 when fine, 1 on findings, 2 on wrong usage or environment."""
    words = sys.argv[1:]
    if _named(words) in _BRIEF:
        collector.off()
    build(words)(prog_name="pgflowc")


def _named(arguments: Sequence[str]) -> str | None:
    """The command that the arguments name; None for none, as in `pgflowc --help`."""
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"pgflowc {__version__}")
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


def _not_loaded() -> None:
    """Stands in for a command that these arguments do not name."""
    raise AssertionError("only the named command runs, and that one is loaded")
