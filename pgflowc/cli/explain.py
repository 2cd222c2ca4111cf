"""`pgflowc explain`: what a diagnostic code means."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pgflowc.cli.exit import fail
from pgflowc.cli.terminal import width
from pgflowc.diagnostics import codes
from pgflowc.diagnostics.pages import page
from pgflowc_language.words import near_miss

_WIDTH = 100


def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE", help="A code such as PGF201, as diagnostics show it; default: list all."
        ),
    ] = None,
) -> None:
    """Say what a diagnostic code means and how to cure it."""
    if code is None:
        for known in codes.ALL:
            typer.echo(f"{known.id}  {known.severity:<7}  {known.title}")
        return
    found = codes.find(code)
    if found is None:
        near = near_miss(code.strip().upper(), (known.id for known in codes.ALL))
        fail(
            f"there is no code {code!r}",
            help=f"did you mean {near}? `pgflowc explain` lists all"
            if near
            else "`pgflowc explain` lists all",
        )
    typer.echo(page(found, min(width(sys.stdout) or _WIDTH, _WIDTH)))
