"""`--resolve`: the classes that `$python` names are imported, in a process of their own, and have to be
pydantic models.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from pgflowc.cli.findings import Format, exit_code, show
from pgflowc.diagnostics import Diagnostic, Report, Span
from pgflowc.diagnostics.codes import types as codes
from pgflowc.document import parse
from pgflowc.document.referred import classes_in_spec
from pgflowc.project import load_project, read_flows

ResolveOption = Annotated[
    bool, typer.Option("--resolve", help="Import the classes that $python names: they must be models.")
]

_SECONDS = 60
# What a module prints while it is imported goes to stderr; the answer is alone on stdout.
_PROGRAM = """
import importlib, json, os, sys
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from pydantic import BaseModel
found = {}
for reference in json.load(sys.stdin):
    module, _, name = reference.partition(":")
    try:
        value = getattr(importlib.import_module(module), name)
    except AttributeError:
        found[reference] = f"{module} has no '{name}'"
    except BaseException as error:
        found[reference] = f"importing {module} fails: {type(error).__name__}: {error}"
    else:
        if not (isinstance(value, type) and issubclass(value, BaseModel)):
            found[reference] = f"{reference} is no pydantic model"
json.dump(found, answer)
answer.flush()
os._exit(0)
"""


def resolve(sources: Mapping[str, str], source_dir: Path, report: Report) -> None:
    """Report the `$python` of the specs that cannot be imported from `source_dir`, or are no models."""
    places: dict[str, list[Span]] = {}
    for path, text in sources.items():
        for document in parse(path, text, Report()) if "$python" in text else ():
            for reference, span in classes_in_spec(document):
                places.setdefault(reference, []).append(span)
    if not places:
        return
    for reference, problem in _problems(sorted(places), source_dir).items():
        for span in places[reference]:
            report.add(
                Diagnostic(
                    codes.NOT_A_MODEL,
                    problem,
                    span,
                    help=("name a subclass of pydantic.BaseModel that workers can import",),
                )
            )


def resolve_project(root: Path, format: Format) -> None:
    """Resolve the classes of the project in `root`; shows what is wrong, and exits then."""
    report = Report()
    # Whatever else is wrong is reported by the command itself.
    found = load_project(root, Report())
    if found is None:
        return
    sources = read_flows(found, Report())
    resolve(sources, found.source_dir, report)
    if report.has_errors:
        show(report.sorted(), sources, found.root, format)
        raise typer.Exit(exit_code(report.sorted()))


def _problems(references: list[str], source_dir: Path) -> dict[str, str]:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=json.dumps(references),
            capture_output=True,
            text=True,
            cwd=source_dir,
            timeout=_SECONDS,
            check=False,
        )
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return dict.fromkeys(references, f"importing it took longer than {_SECONDS} s")
    except ValueError:
        return dict.fromkeys(references, "importing it ended the process")
