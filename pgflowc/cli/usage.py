"""Tells people what is wrong with their command line in the form of all other errors: a line, and a cure."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, NoReturn

import typer

from pgflowc.cli.exit import ENVIRONMENT, fail

# typer has no public name for it: its own, or click's in earlier versions.
UsageError: Final[type[Exception]] = typer.BadParameter.__bases__[0]


def guarded(run: Callable[[], Any]) -> NoReturn:
    """Run the command line in `run`, which returns an exit code or raises, and end the process."""
    try:
        code = run()
        sys.exit(code if isinstance(code, int) else 0)
    except UsageError as error:
        _explain(error)
    except typer.Abort:
        typer.echo("Aborted!", err=True)
        sys.exit(1)


def _explain(error: Any) -> NoReturn:
    # pydantic, which typer converts values with, says this before what it has to say.
    message = error.format_message().replace("Value error, ", "").strip()
    command = error.ctx.command_path if error.ctx is not None else "pgflowc"
    if type(error).__name__ == "NoArgsIsHelpError":
        # What it says is the help.
        typer.echo(message, err=True)
        sys.exit(ENVIRONMENT)
    try:
        fail(
            f"{message[:1].lower()}{message[1:].removesuffix('.')}",
            help=f"see `{command} --help`",
            code=error.exit_code,
        )
    except typer.Exit as end:
        sys.exit(end.exit_code)
