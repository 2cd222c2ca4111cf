"""How commands end: the exit codes, and the one-line error for what is wrong outside the user's specs."""

from __future__ import annotations

import sys
from typing import Final, NoReturn

import typer

from pgflowc.cli.terminal import wants_color

FINE: Final = 0
FINDINGS: Final = 1
ENVIRONMENT: Final = 2


def complain(message: str, *, help: str = "") -> None:
    """Print `error: message` and `help: ...` (best a command that mends it) on stderr."""
    error, hint = "error:", " help:"
    if wants_color(sys.stderr):
        error = typer.style(error, fg=typer.colors.RED, bold=True)
        hint = typer.style(hint, fg=typer.colors.CYAN, bold=True)
    typer.echo(f"{error} {' '.join(message.split())}", err=True, color=True)
    if help:
        typer.echo(f"{hint} {help}", err=True, color=True)


def fail(message: str, *, help: str = "", code: int = ENVIRONMENT) -> NoReturn:
    """Complain, and exit with `code`."""
    complain(message, help=help)
    raise typer.Exit(code)
