"""`pgflowc init`: what it writes compiles, type checks and runs as it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.settings import package_fault, package_name


def _run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(words), words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def test_the_project_compiles_and_runs_as_written(
    tmp_path: Path, core_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "My Shop"
    monkeypatch.chdir(tmp_path)
    code, out, errors = _run("init", "My Shop")
    assert code == 0, errors
    assert out.endswith("Next: cd 'My Shop' && pgflowc compile\n")
    monkeypatch.chdir(project)
    assert _run("validate")[0] == 0
    assert _run("fmt", "--check")[0] == 0
    code, out, errors = _run("compile")
    assert code == 0, errors
    assert "handlers/greet.py" not in out
    assert _run("compile", "--check")[0] == 0
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "my_shop", "tests"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    tidy = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "."], capture_output=True, text=True, check=False
    )
    assert tidy.returncode == 0, tidy.stdout
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--pgflowc-dsn={core_dsn}"]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "2 passed" in tested.stdout, tested.stdout

    assert _run("db", "up", "--dsn", core_dsn)[0] == 0
    worker = subprocess.Popen(
        [sys.executable, "-m", "pgflowc", "run-worker"],
        env={**os.environ, "PGFLOWC_DSN": core_dsn},
        stderr=subprocess.DEVNULL,
    )
    try:
        value = json.dumps({"name": "Ada", "times": 2})
        wait = ("--wait", "--timeout", "60", "--json", "--dsn", core_dsn)
        code, out, errors = _run("start", "greet", "--input", value, *wait)
        assert code == 0, errors
        assert json.loads(out)["output"] == {"report": {"delivered": 2, "letters": 22}}
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)


def test_the_editor_finds_the_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run("init", "--package", "shop")[0] == 0
    modeline = (tmp_path / "flows" / "greet.yaml").read_text("utf-8").splitlines()[0]
    schema = (tmp_path / "flows" / modeline.partition("$schema=")[2]).resolve()
    assert schema.read_text("utf-8") == _run("schema")[1]


def test_nothing_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".gitignore").write_text("mine\n", "utf-8")
    code, out, _ = _run("init", "--package", "shop")
    assert code == 0
    assert "kept      .gitignore: add .pgflowc/\n" in out
    assert (tmp_path / ".gitignore").read_text("utf-8") == "mine\n"
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    code, _, errors = _run("init", "--package", "other")
    assert code == 2
    assert errors.startswith("error: pgflowc.toml, flows/greet.yaml,")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    (tmp_path / "file").write_text("", "utf-8")
    assert _run("init", "file")[0] == 2
    assert _run("init", "x", "--package", "my-shop")[0] == 2
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("directory", "package"),
    [
        ("shop", "shop"), ("My Shop", "my_shop"), ("2nd-try", "app_2nd_try"), ("class", "class_app"),
        ("json", "json_app"), ("pgflowc", "pgflowc_app"), ("", "app"), ("日本", "app"), ("x" * 300, "x" * 40),
    ],
)  # fmt: skip
def test_the_package_is_named_after_the_directory(directory: str, package: str) -> None:
    assert package_name(directory) == package
    assert package_fault(package) is None
