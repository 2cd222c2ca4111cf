"""`pgflowc ci`, the GitHub Action and the hooks of pre-commit, run as far as a machine of one's own can."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pgflowc.cli.app import build

CHECKOUT = Path(__file__).parents[2]
SPEC = "flow: order\ninput: {id: int}\nsteps:\n  check: {}\n  charge: {depends_on: [check]}\n"
# What systems of continuous integration set, and what git reads of its user.
FOREIGN = ("GITHUB_", "CI", "GIT_")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiled project on branch main of a repository, with nothing changed since."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@example.com")
    root = tmp_path / "shop"
    (root / "flows").mkdir(parents=True)
    monkeypatch.chdir(root)
    (root / "pgflowc.toml").write_text('package = "shop"\n')
    (root / "flows" / "order.yaml").write_text(SPEC)
    assert _run("compile")[0] == 0
    _git("init", "--quiet", "--initial-branch=main")
    _commit("first")
    return root


def _run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(build(words), words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def _commit(subject: str) -> None:
    _git("add", "--all")
    _git("commit", "--quiet", "--message", subject)


def test_all_is_well(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "summary.md"
    page.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    code, out, errors = _run("ci")
    assert (code, errors) == (0, "")
    assert out == (
        "validate  ok       1 flow in 1 file\n"
        "compile   ok       5 files up to date\n"
        "breaking  skipped  main is this very commit, the first one\n"
    )
    assert page.read_text() == (
        "# before\n### pgflowc: all is well\n\n| check | | |\n| --- | --- | --- |\n"
        "| validate | :white_check_mark: ok | 1 flow in 1 file |\n"
        "| compile | :white_check_mark: ok | 5 files up to date |\n"
        "| breaking | :heavy_minus_sign: skipped | main is this very commit, the first one |\n\n"
    )


def test_what_breaks_and_what_is_stale(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    (project / "flows" / "order.yaml").write_text(SPEC.replace("{id: int}", "{id: int, at: date}"))
    code, out, errors = _run("ci")
    assert code == 1
    assert "validate  ok       1 flow in 1 file\n" in out
    assert "compile   failed   2 files would change: run `pgflowc compile` and commit the result\n" in out
    assert "breaking  failed   1 error\n" in out
    assert "+++ b/shop/_generated/order.py\n" in errors
    assert "INPUT_FIELD_NO_NEW_REQUIRED" in errors
    page = (tmp_path / "summary.md").read_text()
    assert page.startswith("### pgflowc: 2 of 3 checks failed\n")
    assert "- error PGF" in page
    code, out, errors = _run("ci", "--format", "github")
    assert "::error title=pgflowc compile::2 files would change" in out
    assert "::error file=flows/order.yaml,line=2" in out
    assert "breaking  failed" in errors


def test_mistakes_are_told_once_and_stop_the_rest(project: Path) -> None:
    (project / "flows" / "order.yaml").write_text(SPEC.replace("[check]", "[chekc]"))
    code, out, errors = _run("ci")
    assert code == 1
    assert errors.count("error[PGF201]") == 1
    assert out == (
        "validate  failed   1 error\n"
        "compile   skipped  the specs have errors\n"
        "breaking  skipped  the specs have errors\n"
    )


def test_where_the_branch_to_compare_with_comes_from(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "flows" / "order.yaml").write_text(SPEC.replace("  check: {}\n", "  check: {timeout: 9}\n"))
    assert _run("compile")[0] == 0
    _commit("second")

    def compared(*words: str) -> str:
        return _run("ci", *words)[1].splitlines()[-1]

    # On main itself, the commit before tells what changed.
    assert compared().endswith("1 error")
    (project / "note").write_text("not committed yet")
    assert compared().endswith("nothing breaks, compared with git:main")
    assert compared("--against", "HEAD^").endswith("1 error")
    assert compared("--against", "no-such") == "breaking  failed   git knows no commit 'no-such' here: " + (
        "git fetch origin no-such, then git:origin/no-such"
    )
    _git("branch", "stable")
    monkeypatch.setenv("CI_DEFAULT_BRANCH", "stable")
    assert compared().endswith("compared with git:stable")
    monkeypatch.setenv("GITHUB_BASE_REF", "next")
    assert compared().startswith("breaking  failed   git has no origin/next here: git fetch --depth=1 origin")
    _git("update-ref", "refs/remotes/origin/next", "HEAD")
    assert compared().endswith("compared with git:origin/next")


def test_without_a_repository_or_a_branch_the_table_says_so(project: Path) -> None:
    _git("branch", "--move", "main", "somewhere")
    assert "breaking  skipped  the repository has no branch main: --against names another\n" in _run("ci")[1]
    (project / ".git").rename(project.parent / "elsewhere")
    code, out, _ = _run("ci")
    assert code == 0
    assert f"breaking  skipped  {project} is in no git repository\n" in out


def test_errors_of_the_other_branch_are_not_those_of_the_change(project: Path) -> None:
    (project / "flows" / "order.yaml").write_text("flow: order\n")
    _commit("broken")
    _git("switch", "--quiet", "--create", "mended")
    (project / "flows" / "order.yaml").write_text(SPEC)
    code, out, _ = _run("ci")
    assert code == 0
    assert "breaking  skipped  the specs of git:main have errors themselves\n" in out


# What others run


def _yaml(name: str) -> Any:
    return YAML(typ="safe").load((CHECKOUT / name).read_text("utf-8"))


def test_the_action_is_laid_out_as_github_wants_it_and_its_steps_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = _yaml("action.yml")
    assert {"name", "description", "runs"} <= set(action) <= {
        "name", "description", "author", "branding", "inputs", "outputs", "runs"
    }  # fmt: skip
    assert set(action["runs"]) == {"using", "steps"}
    assert action["runs"]["using"] == "composite"
    for declared in action["inputs"].values():
        assert set(declared) <= {"description", "required", "default", "deprecationMessage"}
        assert isinstance(declared["default"], str)
    text = (CHECKOUT / "action.yml").read_text("utf-8")
    for step in action["runs"]["steps"]:
        assert set(step) <= {"name", "uses", "if", "with", "shell", "env", "run", "working-directory", "id"}
        assert ("uses" in step) != ("run" in step)
        # A composite action has no default shell; expressions in a script would be code of others.
        assert "run" not in step or (step["shell"] == "bash" and "${{" not in step["run"])
    for name in action["inputs"]:
        assert f"inputs.{name}" in text
    fetch, check = (step["run"] for step in action["runs"]["steps"][-2:])
    _git("clone", "--quiet", "--bare", ".", "../origin.git")
    _git("remote", "add", "origin", "../origin.git")
    _git("switch", "--quiet", "--create", "change")
    (project / "note").write_text("a change")
    _commit("second")
    _bash(fetch, {"BASE": "main"})
    assert "compared with git:origin/main\n" in _bash(check, {"AGAINST": "", "GITHUB_BASE_REF": "main"})
    # Pushed, it is compared with the commit before, which the checkout of a workflow does not have.
    _git("push", "--quiet", "origin", "change:main")
    _git("clone", "--quiet", "--depth=1", (project.parent / "origin.git").as_uri(), "../checkout")
    monkeypatch.chdir(project.parent / "checkout")
    assert "and the one before was not fetched: git fetch --deepen=1\n" in _run("ci")[1]
    _bash(fetch, {"BASE": ""})
    assert "compared with git:HEAD^\n" in _run("ci")[1]
    assert "compared with git:main\n" in _bash(check, {"AGAINST": "main"})


def _bash(script: str, environment: Mapping[str, str]) -> str:
    """What a step prints, as GitHub runs it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_hooks_run_in_pre_commit(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As others use them, but for the environment that pre-commit would install pgflowc into."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / ".pre-commit-hooks.yaml").write_bytes((CHECKOUT / ".pre-commit-hooks.yaml").read_bytes())
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(hooks)
        _git("init", "--quiet")
        _commit("hooks")
        _git("tag", "v1")
    names = [hook["id"] for hook in _yaml(".pre-commit-hooks.yaml")]
    assert names == ["pgflowc-validate", "pgflowc-fmt", "pgflowc-compile-check"]
    listed = "".join(f"      - {{id: {name}, language: system}}\n" for name in names)
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {hooks}\n    rev: v1\n    hooks:\n{listed}"
    )
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def pre_commit() -> tuple[int, str]:
        _git("add", "--all")
        words = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color=never"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, output = pre_commit()
    assert (code, output.count("Passed")) == (0, 3), output
    (project / "flows" / "order.yaml").write_text(SPEC.replace("check: {}", "check:   {timeout: 7}"))
    code, output = pre_commit()
    assert code == 1
    assert "- files were modified by this hook" in output
    assert "would change: run `pgflowc compile` and commit the result" in output
