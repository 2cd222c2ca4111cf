"""docs/worker.md and docs/client.md list what there is: options, methods, exceptions."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import pgflowc_runtime
from pgflowc.cli.app import build
from pgflowc_runtime import Client, Context, PgflowcError
from pgflowc_runtime.__main__ import _parser

DOCS = Path(__file__).parents[2] / "docs"


def section(page: str, heading: str) -> str:
    """A section of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.split(f"## {heading}\n")[1].split("\n## ")[0]


def options_of_module() -> set[str]:
    [commands] = [action for action in _parser()._actions if action.dest != "help"]
    worker = commands.choices["worker"]  # type: ignore[index, call-overload]
    return {option for action in worker._actions for option in action.option_strings} - {"-h", "--help"}


def options_of_command() -> set[str]:
    from typer.main import get_command

    command = get_command(build(["run-worker"])).commands["run-worker"]  # type: ignore[attr-defined]
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


def test_every_option_of_the_worker_is_documented() -> None:
    documented = set(re.findall(r"^\| `(--[a-z-]+)", section("worker.md", "Options"), re.MULTILINE))
    assert documented == options_of_module()
    assert options_of_command() - documented <= {"--project", "--help"}
    assert documented <= options_of_command()


def test_every_attribute_of_the_context_is_documented() -> None:
    text = section("worker.md", "Handlers")
    internal = {"load_flow_input", "loop", "transactions", "awaiter"}
    attributes = set(inspect.signature(Context).parameters) - internal
    methods = {name for name in vars(Context) if not name.startswith("_")}
    assert {name for name in attributes | methods if name not in text} == set()


@pytest.mark.parametrize("name", [name for name in vars(Client) if not name.startswith("_")])
def test_every_method_of_the_client_is_documented(name: str) -> None:
    if name in ("open", "close"):
        return
    text = (DOCS / "client.md").read_text(encoding="utf-8")
    parameters = list(inspect.signature(getattr(Client, name)).parameters)[1:]
    [shown] = re.findall(rf"`{name}\(([^)]*)\)`", text)
    assert [part.split("=")[0].strip(" *") for part in shown.split(",") if part] == parameters


def test_every_exception_a_client_raises_is_documented() -> None:
    text = (DOCS / "client.md").read_text(encoding="utf-8")
    raised = {
        name
        for name, value in vars(pgflowc_runtime).items()
        if isinstance(value, type) and issubclass(value, PgflowcError)
    }
    assert {name for name in raised if name not in text} == {"RegistryError"}
