"""docs/worker.md lists what there is: settings, events, metrics; and its samples work."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pgflowc_runtime import telemetry
from pgflowc_runtime.settings import resolve, settings
from pgflowc_runtime.telemetry import EVENTS

PAGE = (Path(__file__).parents[2] / "docs" / "worker.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """A section of the page."""
    return PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]


def blocks(heading: str, language: str) -> list[str]:
    """The code blocks of a section."""
    return re.findall(rf"```{language}\n(.*?)```", section(heading), re.DOTALL)


def rows(heading: str) -> set[str]:
    """The rows of a section's tables."""
    return {line for line in section(heading).splitlines() if line.startswith("| `")}


def test_every_setting_is_listed_with_its_default() -> None:
    expected = set()
    for setting in settings():
        shown = setting.option if setting.kind == "flag" else f"{setting.option} {setting.values}"
        expected.add(f"| `{shown.replace('|', chr(92) + '|')}` | {setting.default} | {setting.description} |")
    assert {row for row in rows("Options") if not row.startswith("| `--dsn")} == expected


def test_every_event_is_listed_with_what_it_carries() -> None:
    expected = {
        f"| `{event.name}` | {event.when} | {', '.join(event.measurements)} | {', '.join(event.metadata)} |"
        for event in EVENTS.values()
    }
    assert {row for row in rows("Telemetry") if not row.startswith("| `pgflowc_")} == expected


def test_every_metric_is_listed() -> None:
    prometheus = pytest.importorskip("pgflowc_runtime.telemetry.prometheus")
    types = re.findall(r"^# TYPE (\w+) (\w+)", prometheus.Metrics().render()[1], re.MULTILINE)
    listed = re.findall(r"^\| `(pgflowc_\w+)`", section("Telemetry"), re.MULTILINE)
    assert set(listed) == {name for name, _ in types if not name.endswith("_created")}


def test_the_hook_works(capsys: pytest.CaptureFixture[str]) -> None:
    [sample] = blocks("Telemetry", "python")
    exec(sample, {})
    try:
        for seconds in (11.0, 9.0):
            telemetry.emit("task.stop", {"duration": seconds}, {"flow_slug": "f", "step_slug": "s"})
    finally:
        telemetry.detach("slow-tasks")
    assert capsys.readouterr().out == "f s 11.0\n"


def test_the_settings_file_is_one(tmp_path: Path) -> None:
    [sample] = blocks("Options", "toml")
    (tmp_path / "pgflowc.toml").write_text(sample, encoding="utf-8")
    config = resolve({}, environment={}, file=tmp_path / "pgflowc.toml")
    assert {name: getattr(config, name) for name in tomllib.loads(sample)["worker"]} == {
        "max_concurrency": 20,
        "log_format": "json",
    }


def test_the_container_uses_options_that_exist() -> None:
    [sample] = blocks("Under Kubernetes", "yaml")
    command = YAML(typ="safe").load(sample)["containers"][0]["command"]
    options = {word for word in command if word.startswith("--")}
    assert options <= {setting.option for setting in settings()}
