"""Answers of commands that hold something, or let it go on."""

from __future__ import annotations

import typer

from pgflowc.cli import run_view
from pgflowc.cli.exit import FINDINGS


def tell(what: str, done: bool, yes: str, no: str, as_json: bool) -> None:
    """Say which it was; exits 1 if it was `no`: there was nothing to do."""
    typer.echo(run_view.as_json({what: done}) if as_json else f"{what} {yes if done else no}")
    if not done:
        raise typer.Exit(FINDINGS)
