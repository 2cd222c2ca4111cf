"""Diagnostics for programs: JSON, SARIF and GitHub's workflow commands, and when text has colours."""

from __future__ import annotations

import io
import json
import pty
import re
import termios
from pathlib import Path
from typing import Any

import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build
from pgflowc.cli.terminal import wants_color, width
from pgflowc.compile import check_sources
from pgflowc.diagnostics import Diagnostic, Report, codes, github, json_report, sarif
from pgflowc.diagnostics.codes import files, graph

CASES = Path(__file__).parents[1] / "cases"
FAULTS = sorted(path.name for path in CASES.glob("fault_*"))
WRONG = "flow: orders\nsteps:\n  validate: {when_unmet: fail}\n  ünï: {depends_on: [validte]}\n"


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[tuple[Diagnostic, ...], dict[str, str]]]:
    """The findings and sources of every faulty case."""
    all_found = {}
    for name in FAULTS:
        specs = [path for path in (CASES / name).iterdir() if path.suffix in (".yaml", ".toml")]
        sources = {path.name: path.read_bytes().decode("utf-8") for path in specs}
        report = Report()
        check_sources(sources, report)
        all_found[name] = report.sorted(), sources
    return all_found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "order.yaml").write_text(WRONG, "utf-8")
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(build(words), words)


def test_sarif_is_what_its_schema_asks_for(
    found: dict[str, tuple[tuple[Diagnostic, ...], dict[str, str]]],
) -> None:
    for diagnostics, _ in found.values():
        report = json.loads(sarif.render(diagnostics, tool_version="1.2.3"))
        Sarif.model_validate(report)
        (one,) = report["runs"]
        rules = one["tool"]["driver"]["rules"]
        assert len(one["results"]) == len(diagnostics)
        for result in one["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            region = result["locations"][0]["physicalLocation"]["region"]
            assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
        levels = [result["level"] for result in one["results"]]
        assert levels == sorted(levels)  # `error` comes before `warning`


def test_sarif_says_what_is_about_no_file_beside_the_results() -> None:
    report = json.loads(sarif.render([Diagnostic(files.NO_PROJECT, "there is none")], tool_version="1"))
    Sarif.model_validate(report)
    (one,) = report["runs"]
    (invocation,) = one["invocations"]
    assert one["results"] == []
    assert invocation["executionSuccessful"] is False
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["message"]["text"] == "there is none"
    assert one["tool"]["driver"]["rules"][notification["associatedRule"]["index"]]["id"] == "PGF060"


def test_nothing_found_is_a_report_of_nothing() -> None:
    Sarif.model_validate_json(sarif.render((), tool_version="1"))
    assert json.loads(sarif.render((), tool_version="1"))["runs"][0]["results"] == []
    assert json.loads(json_report.render((), {}, tool_version="1"))["summary"] == {"errors": 0, "warnings": 0}
    assert github.render(()) == ""


def test_bytes_in_json_lead_to_the_very_place(
    found: dict[str, tuple[tuple[Diagnostic, ...], dict[str, str]]],
) -> None:
    for diagnostics, sources in found.values():
        report = json.loads(json_report.render(diagnostics, sources, tool_version="1"))
        for place in _places(report):
            content = sources[place["path"]].encode("utf-8")
            start, end = place["start"], place["end"]
            before = content[: start["byte"]].decode("utf-8").removeprefix("\ufeff")
            assert len(re.findall("\r\n|\r|\n", before)) + 1 == start["line"]
            assert len(re.split("\r\n|\r|\n", before)[-1]) + 1 == start["column"]
            assert start["byte"] <= end["byte"] <= len(content)


def _places(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        inner = [place for one in value.values() for place in _places(one)]
        return [value, *inner] if "start" in value and "path" in value else inner
    return [place for one in value for place in _places(one)] if isinstance(value, list) else []


def test_json_knows_no_bytes_of_texts_that_are_not_there(project: Path) -> None:
    report = Report()
    check_sources({"order.yaml": WRONG}, report)
    for place in _places(json.loads(json_report.render(report.sorted(), {}, tool_version="1"))):
        assert place["start"]["byte"] is None


def test_github_gets_errors_first_and_one_line_each() -> None:
    report = Report()
    check_sources({"flows/a,b:c%.yaml": WRONG}, report)
    first, second = github.render(report.sorted()).splitlines()
    assert first == (
        "::error file=flows/a%2Cb%3Ac%25.yaml,line=4,title=PGF106%3A a slug breaks the naming rule,col=3,"
        "endColumn=5::step slug 'ünï' holds 'ü'%0Ahelp: write 'uni'"
    )
    assert second.startswith("::warning file=flows/a%2Cb%3Ac%25.yaml,line=3,title=PGF405%3A ")


def test_github_cannot_be_told_commands_by_a_spec() -> None:
    text = 'flow: orders\nsteps: {"a\\n::error::b%0A::set-output": {}}\n'
    report = Report()
    check_sources({"a.yaml": text}, report)
    lines = github.render(report.sorted()).splitlines()
    assert len(lines) == 1
    assert lines[0].count("::error") == 2  # the second one is a part of the message, escaped
    assert "%250A" in lines[0]
    assert "\\n::error" in lines[0]


@pytest.mark.parametrize("command", ["validate", "compile"])
def test_formats_for_programs_are_all_that_is_on_standard_output(command: str, project: Path) -> None:
    for format in ("json", "sarif", "github"):
        done = run(command, "--format", format)
        assert done.exit_code == 1
        assert done.stderr == ""
        if format == "github":
            assert all(line.startswith("::") for line in done.stdout.splitlines())
        else:
            json.loads(done.stdout)
    assert run(command, "--format", "text").stdout == ""
    (project / "flows" / "order.yaml").write_text("flow: orders\nsteps: {charge: }\n", "utf-8")
    done = run(command, "--format", "json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["diagnostics"] == []
    assert ("no errors" if command == "validate" else "wrote") in done.stderr


def test_paths_are_seen_from_here_or_from_the_checkout(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "flows")
    place = json.loads(run("validate", "--format", "json").stdout)["diagnostics"][0]["place"]
    assert (place["path"], place["start"]["byte"]) == ("order.yaml", 33)
    assert "file=order.yaml," in run("validate", "--format", "github").stdout
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.parent))
    assert f"file={project.name}/flows/order.yaml," in run("validate", "--format", "github").stdout
    assert f'"uri": "{project.name}/flows/order.yaml"' in run("validate", "--format", "sarif").stdout
    monkeypatch.setenv("GITHUB_WORKSPACE", "/nowhere")
    assert "file=order.yaml," in run("validate", "--format", "github").stdout


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "on_a_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR": "0"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours_are_where_they_are_wanted(
    variables: dict[str, str], on_a_terminal: bool, elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_color(_Terminal()) is on_a_terminal
    assert wants_color(io.StringIO()) is elsewhere


@pytest.mark.parametrize(("variable", "on_a_terminal", "elsewhere"), [
    (None, 72, None), ("", 72, None), ("50", 50, 50), ("0", 72, None), ("wide", 72, None),
])  # fmt: skip
def test_lines_fit_the_terminal_that_they_go_to(
    variable: str | None, on_a_terminal: int, elsewhere: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if variable is not None:
        monkeypatch.setenv("COLUMNS", variable)
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal, open(ours, "rb"):  # noqa: PTH123 - descriptors
        termios.tcsetwinsize(terminal.fileno(), (24, 72))
        assert width(terminal) == on_a_terminal
    assert width(io.StringIO()) == elsewhere


def test_messages_are_broken_only_for_people(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = run("validate").stderr
    monkeypatch.setenv("COLUMNS", "40")
    assert len(run("validate").stderr.splitlines()) > len(whole.splitlines())
    assert len(run("validate", "--format", "github").stdout.splitlines()) == whole.count("[PGF")


def test_forced_colours_reach_what_is_no_terminal(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in run("validate").stderr
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31merror[PGF106]\x1b[0m" in run("validate").stderr
    assert "\x1b" in run("explain", "nothing").stderr
    assert "\x1b" not in run("validate", "--format", "json").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("validate").stderr


@pytest.mark.parametrize(
    ("config", "exit_code"),
    [("package = ", 2), ('packge = "shop"', 2), ('package = "my-shop"', 2), ('package = "shop"', 1)],
)
def test_a_faulty_configuration_exits_2_and_a_faulty_spec_1(
    config: str, exit_code: int, project: Path
) -> None:
    (project / "pgflowc.toml").write_text(config, "utf-8")
    for command in ("validate", "compile"):
        assert run(command).exit_code == exit_code


def test_an_unreadable_file_outweighs_errors(project: Path) -> None:
    (project / "flows" / "other.yaml").mkdir()
    done = run("validate")
    assert done.exit_code == 2
    assert "PGF051" in done.stderr
    assert "PGF106" in done.stderr


def test_every_code_has_a_family_of_its_own_number() -> None:
    assert all(re.fullmatch(r"PGF\d{3}", code.id) for code in codes.ALL)
    assert len({code.title for code in codes.ALL}) == len(codes.ALL)
    assert graph.CYCLE in codes.ALL


@pytest.mark.parametrize(
    ("words", "error", "command"),
    [
        (
            ["validate", "--format", "xml"],
            "'xml' is not one of 'text', 'json', 'sarif', 'github'",
            "validate",
        ),
        (["graph", "f", "--format", "xml"], "'xml' is not one of 'mermaid', 'dot', 'svg', 'text'", "graph"),
        (["validate", "--nothing"], "no such option: --nothing", "validate"),
        (["valdate"], "no such command 'valdate'. Did you mean 'validate'?", ""),
        (["runs", "show"], "missing argument 'RUN_ID'", "runs show"),
    ],
)
def test_what_is_wrong_with_the_command_line_is_told_like_everything_else(
    words: list[str], error: str, command: str
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith("error: ")
    assert first.endswith(error)
    assert second == f" help: see `{f'pgflowc {command}'.strip()} --help`"
    assert result.stdout == ""
