"""`--resolve` imports what `$python` names, away from the compiler."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build

MODELS = """\
from dataclasses import dataclass
from pydantic import BaseModel

print("this is not an answer")

class Good(BaseModel):
    x: int

@dataclass
class Bad:
    x: int
"""
SPEC = """\
flow: f
input: {$python: "shop.models:%s"}
steps: {a: }
"""


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(words), words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_classes_have_to_be_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    (tmp_path / "shop").mkdir()
    (tmp_path / "flows").mkdir()
    models, spec = tmp_path / "shop" / "models.py", tmp_path / "flows" / "f.yaml"
    models.write_text(MODELS, "utf-8")

    spec.write_text(SPEC % "Good", "utf-8")
    assert _run("validate", "--resolve") == (0, "1 flow in 1 file: no errors\n")
    spec.write_text(SPEC % "Bad", "utf-8")
    assert _run("validate")[0] == 0
    for command in ("validate", "compile"):
        code, out = _run(command, "--resolve")
        assert code == 1
        assert "f.yaml:2:18: error[PGF316]: shop.models:Bad is no pydantic model\n" in out
    assert not (tmp_path / "migrations").exists()

    spec.write_text(SPEC % "Good", "utf-8")
    models.write_text(MODELS + "raise RuntimeError('no')\n", "utf-8")
    code, out = _run("validate", "--resolve")
    assert code == 1
    assert "importing shop.models fails: RuntimeError: no\n" in out
    models.write_text(MODELS + "import os\nos._exit(3)\n", "utf-8")
    assert "importing it ended the process\n" in _run("validate", "--resolve")[1]
