"""`pgflowc schema`: the JSON Schema of spec files, for editors and validators."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of spec files (2020-12), for editors and validators."""
    from pgflowc.spec.json_schema import flow_schema

    typer.echo(flow_schema(), nl=False)
