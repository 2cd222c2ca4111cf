"""`pgflowc start`: start a run, and wait for its end if asked to."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pgflowc.cli import run_view
from pgflowc.cli.exit import FINDINGS, fail
from pgflowc.cli.generated import find_flow
from pgflowc.cli.options import DsnOption, ProjectOption, project_root
from pgflowc.cli.runtime import connected


def start(
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="Slug of a flow or job.")],
    input: Annotated[
        str, typer.Option("--input", "-i", metavar="JSON|@FILE", help="The run's input; @- reads stdin.")
    ] = "{}",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end and show the run.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="S", help="With --wait: seconds, at most.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    project: ProjectOption = None,
    dsn: DsnOption = None,
) -> None:
    """Start a run of a flow or job, and print its id.

    Exit codes: 0 started (with --wait: completed), 1 the run failed, 2 not started, or not finished in time.
    """
    value = _input(input)
    root = project_root(project)
    compiled = find_flow(flow, root)
    with connected(dsn, root) as client:
        client.check_schema()
        run_id = client.start_flow(flow, value) if compiled is None else client.start_flow(compiled, value)
        if not wait:
            typer.echo(json.dumps({"run_id": str(run_id)}) if as_json else str(run_id))
            return
        run = client.wait(run_id, timeout=timeout)
        state = client.get_run_with_states(run_id)
    if as_json:
        typer.echo(run_view.as_json(state))
    else:
        run_view.show(state)
    if run.status == "failed":
        raise typer.Exit(FINDINGS)


def _input(given: str) -> Any:
    text, source = given, "--input"
    if given.startswith("@"):
        source = "stdin" if given == "@-" else given[1:]
        try:
            text = sys.stdin.read() if given == "@-" else Path(given[1:]).read_text(encoding="utf-8")
        except OSError as error:
            fail(f"cannot read {source}: {error.strerror}")
        except UnicodeDecodeError as error:
            fail(f"{source} is not UTF-8: {error.reason} at byte {error.start}")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        fail(
            f"{source} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            help="""for example: --input '{"order_id": 1}', or --input @order.json""",
        )
    except ValueError as error:
        fail(f"{source} is not JSON: {error}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")
