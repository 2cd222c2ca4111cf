"""`pgflowc verify` says before a worker starts what that worker would find."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build

SPECS = {
    "order.yaml": "flow: order\nsteps: {check: {}, charge: {depends_on: [check], if: {check: {n: 1e30}}}}\n",
    "mail.yaml": "job: mail\nperform: {}\n",
}


@pytest.fixture
def package(tmp_path: Path, core_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A compiled project with its migrations applied, under a name that no other test imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGFLOWC_DSN", core_dsn)
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"verified_{abs(hash(core_dsn))}"
    (tmp_path / "pgflowc.toml").write_text(f'package = "{name}"\n')
    (tmp_path / "flows").mkdir()
    for spec, text in SPECS.items():
        (tmp_path / "flows" / spec).write_text(text)
    assert _run("compile")[0] == 0
    assert _run("db", "up")[0] == 0
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def _run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(words), words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def test_what_was_compiled_and_applied_is_the_same(package: str, core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute("select pgflow.create_flow('elsewhere')")
    code, out, errors = _run("verify")
    assert (code, errors) == (0, "")
    assert out == (
        "same     job  mail\nsame     flow order\n"
        "other    flow elsewhere: in the database, but not in this registry\n"
    )
    found = json.loads(_run("verify", "--json")[1])
    assert found["same"] is True
    assert [other["slug"] for other in found["others"]] == ["elsewhere"]
    assert [flow["stored"] == flow["compiled"] for flow in found["flows"]] == [True, True]


def test_options_and_conditions_that_differ(package: str, core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute("update pgflow.flows set opt_timeout = 99 where flow_slug = 'mail'")
        connection.execute("update pgflow.steps set when_unmet = 'fail' where step_slug = 'charge'")
    code, out, errors = _run("verify")
    assert code == 1
    mail, order = out.splitlines()
    assert mail.startswith(
        "differs  job  mail: step 'mail' of flow 'mail': the database says max_attempts 1 and"
    )
    assert order.startswith(
        "differs  flow order: flow 'order': conditions, delays or modes of its steps are not"
    )
    assert "2 flows do not have the options or conditions that were compiled" in errors


def test_what_no_worker_could_serve(package: str, core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute("select pgflow.add_step('mail', 'more', array['mail'])")
        connection.execute("select pgflow.delete_flow_and_data('order')")
    code, out, errors = _run("verify")
    assert code == 1
    assert out == "unfit    job  mail: it has a step 'more' that the registry lacks\nmissing  flow order\n"
    assert errors == (
        "error: workers refuse to start: 2 flows do not fit the database\n help: run `pgflowc db up`\n"
    )
    found = json.loads(_run("verify", "--json")[1])
    assert [(flow["state"], flow["stored"] is None) for flow in found["flows"]] == [
        ("unfit", False),
        ("missing", True),
    ]


def test_every_module_of_handlers_that_cannot_be_imported_is_told(package: str, tmp_path: Path) -> None:
    handlers = tmp_path / package / "handlers"
    for name in ("mail", "order"):
        (handlers / f"{name}.py").write_text("import no_such_library_x\n")
    code, out, errors = _run("verify")
    assert (code, out) == (1, "")
    for name in ("mail", "order"):
        assert f"error: {package}/handlers/{name}.py:1 cannot be imported: ModuleNotFoundError" in errors
    assert len(json.loads(_run("verify", "--json")[1])["handlers"]) == 2


def test_without_a_database_or_a_core_it_is_the_environment(
    package: str, empty_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, errors = _run("verify", "--dsn", empty_dsn)
    assert code == 2
    assert "error: the pgflow core is not installed in this database\n help: run `pgflowc db up`" in errors
    monkeypatch.setattr("pgflowc.cli.verify._PATIENCE_SECONDS", 0.1)
    code, _, errors = _run("verify", "--dsn", "host=/nonexistent dbname=shop")
    assert code == 2
    assert errors.startswith("error: ")


def test_flows_that_patterns_serve(package: str, core_dsn: str, tmp_path: Path) -> None:
    (tmp_path / package / "accounts.py").write_text("def fetch(input, ctx): ...\n", "utf-8")
    with (tmp_path / "pgflowc.toml").open("a", encoding="utf-8") as file:
        file.write(f'[worker]\npatterns = ["acct_*={package}.accounts"]\n')
    with psycopg.connect(core_dsn) as connection:
        for slug, step in (("acct_1", "fetch"), ("acct_2", "store")):
            connection.execute("select pgflow.create_flow(%s)", [slug])
            connection.execute("select pgflow.add_step(%s, %s, max_attempts => 9)", [slug, step])
            connection.execute("select pgflow.add_step(%s, 'approve')", [slug])
            connection.execute("select pgflowc.set_signal(%s, 'approve', '{}', null, true)", [slug])
    code, out, _ = _run("verify")
    assert code == 0
    assert out.splitlines()[2:] == [
        "same     flow acct_1",
        "other    flow acct_2: pattern 'acct_*' has no handler for 'store'",
    ]
    code, _, errors = _run("verify", "--pattern", "acct_*=nowhere")
    assert (code, errors.splitlines()[0]) == (1, "error: there is no module 'nowhere' for pattern 'acct_*'")
