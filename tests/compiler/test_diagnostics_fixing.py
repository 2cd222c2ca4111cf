"""`pgflowc validate --fix`: what it writes, what it leaves alone, and how it stops."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build
from pgflowc.compile import fix_sources
from pgflowc.diagnostics import Edit, Fix, Position, Span
from pgflowc.diagnostics.fixing import fixed
from pgflowc_language.words import sure_miss

WRONG = "flow: orders\r\nsteps:\r\n  validate: {}   # ünï\r\n  charge: {depends_on: [validte]}\r\n"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    path = tmp_path / "flows" / "order.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + WRONG.encode())
    monkeypatch.chdir(tmp_path)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(build(words), words)


def test_every_other_byte_stays(spec: Path) -> None:
    done = run("validate", "--fix")
    assert (done.exit_code, done.stdout) == (0, "fixed 1 file\n1 flow in 1 file: no errors\n")
    assert spec.read_bytes() == b"\xef\xbb\xbf" + WRONG.replace("validte", "validate").encode()
    before = spec.stat()
    assert run("validate", "--fix").stdout == "nothing to fix\n1 flow in 1 file: no errors\n"
    assert (spec.stat().st_mtime_ns, spec.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_diff_writes_nothing(spec: Path) -> None:
    before = spec.read_bytes()
    for words in (("validate", "--diff"), ("validate", "--fix", "--diff"), ("validate", "--diff", str(spec))):
        done = run(*words)
        assert done.exit_code == 0
        assert "+  charge: {depends_on: [validate]}" in done.stdout
        assert done.stderr == ""
        assert spec.read_bytes() == before


def test_the_file_behind_a_link_is_mended_and_stays_behind_it(spec: Path) -> None:
    spec.chmod(0o640)
    link = spec.parent.parent / "link.yaml"
    link.symlink_to(spec)
    assert run("validate", "--fix", "link.yaml").exit_code == 0
    assert link.is_symlink()
    assert b"[validate]" in spec.read_bytes()
    assert spec.stat().st_mode & 0o777 == 0o640


def test_what_is_left_is_reported_of_the_mended_text(spec: Path) -> None:
    spec.write_text("flow: orders\nsteps:\n  validate: {}\n  a: {depends_on: [validte, nobody]}\n", "utf-8")
    done = run("validate", "--fix")
    assert done.exit_code == 1
    assert "4 |   a: {depends_on: [validate, nobody]}" in done.stderr
    assert "1 error\n" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_one_line(spec: Path) -> None:
    spec.parent.chmod(0o500)
    done = run("validate", "--fix")
    spec.parent.chmod(0o700)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: flows/order.yaml was not fixed: ")


def test_a_cure_that_cures_nothing_is_not_made() -> None:
    # The slip is certain, but each of the two steps would then depend on the other.
    text = "flow: f\nsteps:\n  validate: {depends_on: [charge]}\n  charge: {depends_on: [validte]}\n"
    (mended,) = fix_sources({"f.yaml": text}).values()
    assert "[validate]" in mended
    # Written with an escape, the word cannot be found in the text, so it is left.
    text = 'flow: f\nsteps:\n  validate: {}\n  charge: {depends_on: ["valid\\u0074e"]}\n'
    assert fix_sources({"f.yaml": text}) == {"f.yaml": text}


def test_many_slips_in_one_file_are_mended_at_once() -> None:
    slips = "".join(f"  s{n}: {{depends_on: [validte]}}\n" for n in range(300))
    text = f"flow: f\nsteps:\n  validate: {{}}\n{slips}"
    (mended,) = fix_sources({"f.yaml": text}).values()
    assert mended == text.replace("validte", "validate")


def test_of_fixes_that_overlap_the_first_is_made() -> None:
    def edit(start: int, end: int, text: str) -> Fix:
        span = Span("f", Position(1, start + 1), Position(1, end + 1))
        return Fix((Edit(span, text),), certain=True)

    assert fixed("abcdef", [edit(1, 3, "X"), edit(2, 4, "Y"), edit(3, 4, "Z")]) == "aXZef"
    assert fixed("abcdef", [edit(1, 3, "X"), edit(1, 3, "Y")]) == "aXdef"
    assert fixed("abcdef", [edit(2, 2, "X"), edit(2, 2, "Y"), edit(0, 1, "")]) == "bXcdef"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("validte", "validate"),
        ("vlaidate", "validate"),
        ("Validate", "validate"),
        ("load-items", "load_items"),
        ("chrage", None),  # `charge`, or `charged` with a slip more
        ("lisst", "list"),
        ("step_1", None),  # another number is another step
        ("step_3", None),
        ("chargers", None),  # two letters too many: is it one of these?
        ("lst", None),  # too short to be sure
        ("report_a", None),  # could be either
        ("nothing", None),
        ("", None),
    ],
)
def test_a_slip_has_one_cure(word: str, meant: str | None) -> None:
    steps = ["validate", "charge", "charged", "load_items", "list", "step_2", "report_b", "report_c"]
    assert sure_miss(word, steps) == meant
