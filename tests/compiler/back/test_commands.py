"""`pgflowc validate`, `compile` and `explain` as typed: exit codes, both outputs, and bad surroundings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgflowc import __version__
from pgflowc.cli.app import build
from pgflowc.diagnostics import codes

SPEC = "flow: greet\ninput: {name: str}\nsteps:\n  hello: {output: str}\n"
WRONG = "flow: greet\nsteps:\n  hello: {depends_on: [nobody]}\n"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `pgflowc` in the directory of the test; no exception ever reaches the user.

    In this process, since starting another one takes longer than most commands; `process` does that.
    """
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Done:
        done = CliRunner().invoke(build(arguments), arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    return call


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """Runs `pgflowc` as a process of its own in the directory of the test, or in one below."""

    def call(*arguments: str, directory: str = ".") -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "pgflowc", *arguments],
            cwd=tmp_path / directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one right spec, in the directory of the test."""
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n')
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "greet.yaml").write_text(SPEC)
    return tmp_path


def test_the_version(process: Run) -> None:
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"pgflowc {__version__}\n")


def test_an_unknown_command_is_wrong_usage(run: Run, process: Run) -> None:
    assert process("compil").returncode == 2
    assert run("compile", "--chek").returncode == 2


def test_validate_reports_every_mistake_of_every_file(process: Run, project: Path) -> None:
    assert process("validate").stdout == "1 flow in 1 file: no errors\n"
    (project / "flows" / "wrong.yaml").write_text(WRONG.replace("greet", "wrong"))
    (project / "flows" / "broken.yaml").write_text("flow: [\n")
    done = process("validate")
    assert (done.returncode, done.stdout) == (1, "")
    assert "flows/wrong.yaml:3:24: error[PGF201]" in done.stderr
    assert "flows/broken.yaml:" in done.stderr
    assert done.stderr.endswith("2 errors\n")


def test_validate_needs_no_project_for_paths(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SPEC)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b.toml").write_text('job = "beta"\n[perform]\n')
    assert run("validate", "a.yaml").stdout == "1 flow in 1 file: no errors\n"
    assert run("validate", "a.yaml", "deep").stdout == "1 flow and 1 job in 2 files: no errors\n"
    assert run("validate", "*.yaml", "./a.yaml", str(tmp_path / "a.yaml")).returncode == 0
    assert run("validate", "**/*.toml").stdout == "1 job in 1 file: no errors\n"


def test_files_that_are_no_specs_are_passed_over(run: Run, project: Path) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    (project / ".venv" / "lib").mkdir(parents=True)
    (project / ".venv" / "lib" / "x.yaml").write_text("no: spec\n")
    (project / "flows" / ".#greet.yaml").symlink_to("nowhere")
    for arguments in ((), (".",), ("flows",), ("flows/*.yaml",)):
        assert run("validate", *arguments).stdout == "1 flow in 1 file: no errors\n"


def test_directories_may_have_odd_names(run: Run, project: Path) -> None:
    (project / "pgflowc.toml").write_text('package = "shop"\nmigrations_dir = "mig[1]*"\n')
    assert run("compile").returncode == 0
    assert run("compile").stdout.endswith("wrote 0 files, 5 unchanged\n")


def test_paths_are_shown_as_seen_from_here(process: Run, project: Path) -> None:
    (project / "flows" / "greet.yaml").write_text(WRONG)
    (project / "elsewhere").mkdir()
    done = process("validate", "--project", "..", directory="elsewhere")
    assert done.stderr.startswith("../flows/greet.yaml:3:24: error[PGF201]")
    assert "hello: {depends_on: [nobody]}" in done.stderr


def test_the_project_is_found_from_below(process: Run, project: Path) -> None:
    assert process("validate", directory="flows").returncode == 0


def test_compile_says_what_it_wrote_and_what_is_next(process: Run, run: Run, project: Path) -> None:
    done = process("compile")
    assert done.returncode == 0
    assert "created   shop/_generated/greet.py\n" in done.stdout
    assert "wrote 9 files, 0 unchanged\n" in done.stdout
    assert "Next: write the handlers in shop/handlers/greet.py\nThen: pgflowc db up\n" in done.stdout
    times = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}
    again = run("compile")
    assert again.stdout.endswith("wrote 0 files, 5 unchanged\n")
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()} == times


def test_compile_writes_nothing_when_a_spec_is_wrong(run: Run, project: Path) -> None:
    (project / "flows" / "wrong.yaml").write_text(WRONG.replace("greet", "wrong"))
    before = sorted(project.rglob("*"))
    assert run("compile").returncode == 1
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize("option", ["--check", "--diff", "--dry-run"])
def test_looking_writes_nothing(option: str, run: Run, project: Path) -> None:
    before = sorted(project.rglob("*"))
    done = run("compile", option)
    assert done.returncode == (1 if option == "--check" else 0)
    assert sorted(project.rglob("*")) == before
    if option == "--dry-run":
        assert "would write 9 files, 0 unchanged" in done.stdout
    else:
        assert "+++ b/migrations/0001_create_greet.sql\n" in done.stdout


def test_check_is_silent_about_a_current_project(run: Run, project: Path) -> None:
    run("compile")
    done = run("compile", "--check")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_diff_applies(run: Run, project: Path) -> None:
    run("compile")
    (project / "flows" / "greet.yaml").write_text(SPEC.replace("name: str", "name: str, age: int"))
    diff = run("compile", "--check").stdout
    assert "-# pgflowc-hash" in diff
    subprocess.run(["git", "apply", "-"], cwd=project, input=diff, text=True, check=True)
    assert run("compile", "--check").returncode == 0


def test_an_edited_file_is_refused_with_a_diff_unless_forced(run: Run, project: Path) -> None:
    run("compile")
    registry = project / "shop" / "registry.py"
    generated = registry.read_text()
    registry.write_text(generated + "# mine\n")
    done = run("compile")
    assert done.returncode == 1
    assert "shop/registry.py:1:1: error[PGF811]: this file was edited by hand" in done.stderr
    assert "-# mine\n" in done.stderr
    assert run("compile", "--check").returncode == 1
    assert registry.read_text().endswith("# mine\n")
    assert run("compile", "--force").returncode == 0
    assert registry.read_text() == generated


def test_the_package_can_be_given(run: Run, project: Path) -> None:
    (project / "pgflowc.toml").write_text("")
    done = run("compile")
    assert done.returncode == 2
    assert "error[PGF064]: the project names no package" in done.stderr
    assert run("compile", "--package", "app.flows").returncode == 0
    assert (project / "app" / "flows" / "registry.py").is_file()
    refused = run("compile", "--package", "my-shop")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "not a Python package name" in refused.stderr


def test_colour_is_for_terminals(run: Run, project: Path) -> None:
    (project / "flows" / "greet.yaml").write_text(WRONG)
    assert "\x1b" not in run("validate").stderr


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_may_refuse_colour(variables: dict[str, str], project: Path) -> None:
    (project / "flows" / "greet.yaml").write_text(WRONG)
    reader, writer = os.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    with subprocess.Popen(
        [sys.executable, "-m", "pgflowc", "validate"],
        cwd=project,
        stdout=writer,
        stderr=writer,
        env={**environment, "TERM": "xterm", **variables},
    ) as process:
        process.wait(60)
    os.close(writer)
    assert (b"\x1b[" in os.read(reader, 65536)) is (not variables)
    os.close(reader)


def test_explain_tells_cause_example_and_cure(run: Run) -> None:
    done = run("explain", "pgf201")
    assert done.returncode == 0
    assert re.match(r"(?s)PGF201 \(error\): .+\n\n.+\n\nExample:\n\n    flow: ", done.stdout)
    assert "Cure: " in done.stdout
    listed = run("explain").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [code.id for code in codes.ALL]
    unknown = run("explain", "PGF099")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there is no code 'PGF099'" in unknown.stderr


class TestBadSurroundings:
    """Each is one diagnostic or one line, exits 2, and writes nothing."""

    def test_no_project(self, run: Run) -> None:
        for command in ("validate", "compile"):
            done = run(command)
            assert done.returncode == 2
            assert "error[PGF060]: there is no pgflowc.toml in " in done.stderr

    def test_a_path_that_does_not_exist(self, run: Run) -> None:
        done = run("validate", "flows/nope.yaml")
        assert done.returncode == 2
        assert "error[PGF050]: flows/nope.yaml does not exist" in done.stderr

    def test_patterns_and_directories_without_specs(self, run: Run, project: Path) -> None:
        (project / "empty").mkdir()
        assert "no file matches nope/*.yaml" in run("validate", "nope/*.yaml").stderr
        assert "the directory empty holds no file that ends in" in run("validate", "empty").stderr
        (project / "flows" / "greet.yaml").unlink()
        done = run("compile")
        assert done.returncode == 2
        assert "error[PGF054]: no file in " in done.stderr

    def test_a_directory_in_the_place_of_a_spec(self, run: Run, project: Path) -> None:
        (project / "flows" / "odd.yaml").mkdir()
        done = run("compile")
        assert done.returncode == 2
        assert "error[PGF051]: flows/odd.yaml is a directory" in done.stderr
        assert not (project / "shop").exists()

    def test_a_pipe_in_the_place_of_a_spec(self, run: Run, project: Path) -> None:
        os.mkfifo(project / "flows" / "pipe.yaml")
        assert "flows/pipe.yaml is not a regular file" in run("validate").stderr

    def test_a_link_that_leads_in_a_circle(self, run: Run, project: Path) -> None:
        (project / "flows" / "loop.yaml").symlink_to("loop.yaml")
        done = run("validate")
        assert done.returncode == 2
        assert "flows/loop.yaml" in done.stderr

    def test_a_file_that_is_not_utf8(self, run: Run, project: Path) -> None:
        (project / "flows" / "latin.yaml").write_bytes("flow: a\ndescription: caf\xe9\n".encode("latin-1"))
        done = run("validate")
        assert done.returncode == 2
        assert "flows/latin.yaml:2:17: error[PGF053]: " in done.stderr

    def test_a_file_that_is_far_too_large(self, run: Run, project: Path) -> None:
        with (project / "flows" / "dump.yaml").open("wb") as file:
            file.truncate(9 * 1024 * 1024)
        assert "error[PGF055]: flows/dump.yaml has 9437184 bytes" in run("validate").stderr

    def test_an_empty_file(self, run: Run, project: Path) -> None:
        (project / "flows" / "empty.yaml").write_text("")
        done = run("validate")
        assert done.returncode == 1
        assert "flows/empty.yaml" in done.stderr

    @pytest.mark.parametrize(
        ("config", "found"),
        [
            ('packge = "shop"', "pgflowc.toml:1:1: error[PGF061]: unknown setting 'packge'"),
            (
                'package = "my-shop"',
                "pgflowc.toml:1:11: error[PGF062]: 'my-shop' is not a Python package name",
            ),
            ('package = "import"', "error[PGF062]: 'import' is not a Python package name"),
            ('package = "queue"', "error[PGF062]: 'queue' would hide the module 'queue', or be hidden by it"),
            ("package = 3", "error[PGF062]: 'package' must be a text"),
            ('flows = "a.yaml"', "error[PGF062]: 'flows' must be a list of patterns"),
            ('flows = ["flows/*"]', "error[PGF062]: the pattern 'flows/*' must end in"),
            ('flows = ["../*.yaml"]', "error[PGF063]: the pattern '../*.yaml' leads out of the project"),
            ('migrations_dir = "../x"', "error[PGF063]: 'migrations_dir' leads out of the project"),
            ('source_dir = "/tmp"', "error[PGF063]: 'source_dir' leads out of the project"),
            ("package = shop", "error[PGF002]"),
        ],
    )
    def test_a_wrong_configuration(self, config: str, found: str, run: Run, project: Path) -> None:
        (project / "pgflowc.toml").write_text(f"{config}\n")
        done = run("compile")
        assert done.returncode in (1, 2)
        assert found in done.stderr
        assert not (project / "shop").exists()

    def test_a_directory_in_the_place_of_the_configuration_or_the_lock(self, run: Run, project: Path) -> None:
        (project / "pgflowc.lock").mkdir()
        done = run("compile")
        assert done.returncode == 2
        assert "error[PGF051]: pgflowc.lock is a directory" in done.stderr
        (project / "pgflowc.toml").unlink()
        (project / "pgflowc.toml").mkdir()
        assert "pgflowc.toml is a directory" in run("compile").stderr

    def test_a_file_where_a_directory_belongs(self, run: Run, project: Path) -> None:
        (project / "migrations").write_text("a file")
        done = run("compile")
        assert done.returncode == 2
        assert re.fullmatch(
            r"error: nothing was written: migrations/\S+\.sql: Not a directory\n", done.stderr
        )
        assert not (project / "shop").exists()
        assert not (project / "pgflowc.lock").exists()

    def test_a_package_that_is_a_link_to_elsewhere(self, run: Run, project: Path, tmp_path: Path) -> None:
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.mkdir()
        (project / "shop").symlink_to(outside)
        done = run("compile")
        assert done.returncode == 2
        assert "leads out of the project through a symbolic link" in done.stderr
        assert not list(outside.iterdir())
        assert not (project / "pgflowc.lock").exists()
