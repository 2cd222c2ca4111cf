"""`pgflowc graph`: a picture of a flow."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pgflowc.cli.exit import fail
from pgflowc.cli.options import ProjectOption
from pgflowc.cli.specs import checked_flows
from pgflowc.picture import Format, diagram, draw
from pgflowc.picture.text import text
from pgflowc_language.words import near_miss, one_of

FlowArgument = Annotated[
    str | None,
    typer.Argument(metavar="FLOW", help="Slug of the flow; may be left out if the project has only one."),
]
FormatOption = Annotated[
    Format, typer.Option("--format", help="text for a terminal; mermaid, dot or svg for a page.")
]
TypesOption = Annotated[bool, typer.Option("--types", help="Show what each step hands on.")]


def graph(
    flow: FlowArgument = None,
    project: ProjectOption = None,
    format: FormatOption = Format.TEXT,
    types: TypesOption = False,
) -> None:
    """Draw a flow: its steps, dependencies, map steps and conditions.

    The SVG needs no other program.

    Exit codes: 0 drawn, 1 mistakes in specs, 2 there is no such flow.
    """
    flows = {found.slug: found for found in checked_flows(project)}
    slug = flow if flow is not None else _only(list(flows))
    if slug not in flows:
        meant = near_miss(slug, flows)
        fail(
            f"the project has no flow or job '{slug}'",
            help=f"did you mean '{meant}'?" if meant else f"it has {_listed(list(flows))}",
        )
    drawn = diagram(flows[slug], types=types)
    if format is Format.TEXT and not _writes_lines(sys.stdout.encoding):
        typer.echo(text(drawn, ascii_only=True), nl=False)
    else:
        typer.echo(draw(drawn, format), nl=False)


def _only(slugs: list[str]) -> str:
    if len(slugs) != 1:
        fail("which flow?", help=f"name one: the project has {_listed(slugs)}")
    return slugs[0]


def _listed(slugs: list[str]) -> str:
    shown = slugs if len(slugs) <= 10 else [*slugs[:9], f"{len(slugs) - 9} more"]
    return one_of(shown, last="and") if shown else "none"


def _writes_lines(encoding: str | None) -> bool:
    try:
        "│●".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
