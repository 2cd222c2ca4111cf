"""`[payloads]` in pgflowc.toml: what specs do that do not say it themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc.check import check_sources
from pgflowc.cli.app import build
from pgflowc.cli.memory import state_of
from pgflowc.diagnostics import Report
from pgflowc.document.referred import ExtraModes, Specs
from pgflowc.graph.model import ExtraFields
from pgflowc.render import Layout

SPEC = "flow: f\n{}\ninput: {{a: int}}\nsteps: {{a: }}\n"


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(build(words), words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("modes", "own", "expected"),
    [
        (("forbid", "ignore"), "", ("forbid", "ignore")),
        (("forbid", "forbid"), "extra_fields: ignore", ("ignore", "ignore")),
        (("forbid", "ignore"), "extra_fields: {out: forbid}", ("forbid", "forbid")),
        (("ignore", "ignore"), "extra_fields: {in: forbid}", ("forbid", "ignore")),
    ],
)
def test_a_spec_says_otherwise(modes: ExtraModes, own: str, expected: ExtraModes) -> None:
    (flow,) = check_sources(Specs({"f.yaml": SPEC.format(own)}, extra_modes=modes), Report())
    assert flow.extra == ExtraFields(*expected)


def test_the_setting_reaches_the_generated_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "f.yaml").write_text(SPEC.format(""), "utf-8")
    settings = tmp_path / "pgflowc.toml"
    settings.write_text('package = "shop"\n', "utf-8")
    assert _run("compile")[0] == 0
    generated = {path: path.read_text("utf-8") for path in (tmp_path / "shop").rglob("*.py")}
    settings.write_text(
        'package = "shop"\n[payloads]\nextra_fields = {in = "forbid", out = "ignore"}\n', "utf-8"
    )
    assert _run("compile", "--check")[0] == 1
    assert _run("compile")[0] == 0
    changed = [path for path, text in generated.items() if path.read_text("utf-8") != text]
    assert [path.relative_to(tmp_path).as_posix() for path in changed] == ["shop/_generated/f.py"]
    assert _run("compile", "--check")[0] == 0


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        (
            '[payloads]\nextra_fields = "Forbid"',
            "3:16: error[PGF062]: 'payloads.extra_fields' must be ignore or",
        ),
        (
            '[payloads]\nextra_fields = {in = "no"}',
            "3:22: error[PGF062]: 'payloads.extra_fields.in' must be ign",
        ),
        (
            '[payloads]\nextra_fields = ["ignore"]',
            "3:16: error[PGF062]: 'payloads.extra_fields' must be ignore",
        ),
        ('[payloads]\nextra_field = "forbid"', "3:1: error[PGF061]: unknown setting 'payloads.extra_field'"),
        (
            '[payloads]\nextra_fields = {inn = "forbid"}',
            "3:17: error[PGF061]: unknown setting 'payloads.extra_f",
        ),
        ('[payload]\nextra_fields = "forbid"', "2:2: error[PGF061]: unknown setting 'payload'"),
        ('payloads = "forbid"', "2:12: error[PGF062]: 'payloads' must be a table"),
    ],
)
def test_faults_are_told_with_their_place(
    lines: str, finding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pgflowc.toml").write_text(f'package = "shop"\n{lines}\n', "utf-8")
    code, out = _run("validate")
    assert code == 2
    assert f"pgflowc.toml:{finding}" in out
    assert "did you mean" in out or "for example" in out or "write [" in out


def test_what_is_remembered_as_compiled_depends_on_it(tmp_path: Path) -> None:
    modes: tuple[ExtraModes, ...] = (("ignore", "forbid"), ("forbid", "forbid"), ("ignore", "ignore"))
    states = {
        state_of(tmp_path, Specs({"f.yaml": "flow: f"}, extra_modes=one), Layout("shop"), {}) for one in modes
    }
    assert len(states) == 3


def test_a_setting_that_cannot_be_read_is_one_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "package = shop\nflowz = []\n[target]\ncron = pg\n[payloads]\nextra_fields = {in = x}\n"
    (tmp_path / "pgflowc.toml").write_text(text, "utf-8")
    code, out = _run("validate", "--format", "github")
    assert code == 2
    assert [line.partition("file=pgflowc.toml,line=")[2][:1] for line in out.splitlines()] == [
        "1",
        "2",
        "4",
        "6",
    ]
