"""Asks before something is deleted."""

from __future__ import annotations

import sys

import typer

from pgflowc.cli.exit import ENVIRONMENT, fail


def confirm(question: str, *, yes: bool) -> None:
    """Go on if `yes`, or if a person says so; exits 2 otherwise."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nobody can be asked here", help="--yes goes on without asking")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        raise typer.Exit(ENVIRONMENT)
