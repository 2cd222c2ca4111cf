"""Where a worker's settings come from, and what is said about those that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pgflowc_runtime import ConfigurationError, WorkerConfig
from pgflowc_runtime.config import ProcessConfig
from pgflowc_runtime.settings import misspelt, resolve, settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pgflowc.toml"


def test_the_issues_defaults_and_bounds() -> None:
    config = WorkerConfig()
    assert (config.max_concurrency, config.batch_size) == (10, 10)
    assert (config.min_poll_interval, config.max_poll_interval) == (1000, 5000)
    assert (config.notify_fallback_interval, config.notify_throttle) == (30_000, 250)
    assert (config.recovery_interval, config.stale_threshold) == (15_000, 60)
    WorkerConfig(min_poll_interval=300_000, max_poll_interval=300_000, notify_fallback_interval=600_000)
    for wrong in ({"max_poll_interval": 300_001}, {"notify_fallback_interval": 600_001}):
        with pytest.raises(ValueError, match="less than or equal"):
            WorkerConfig(**wrong)
    with pytest.raises(ValueError, match="longer than max_poll_interval"):
        WorkerConfig(min_poll_interval=6000)


def test_arguments_come_before_the_environment_the_file_and_defaults(file: Path) -> None:
    file.write_text("[worker]\nmax_concurrency = 2\nbatch_size = 2\npool_size = 2\n", encoding="utf-8")
    config = resolve(
        {"max_concurrency": "4", "batch_size": None, "flows": []},
        environment={"PGFLOWC_MAX_CONCURRENCY": "3", "PGFLOWC_BATCH_SIZE": "3", "PGFLOWC_DSN": "dbname=x"},
        file=file,
        defaults={"worker_name": "shop", "pool_size": 1},
    )
    assert (config.max_concurrency, config.batch_size, config.pool_size) == (4, 3, 2)
    assert config.worker_name == "shop"
    assert config.drain_timeout == 30


def test_every_setting_has_a_variable(file: Path) -> None:
    values = {
        "N": "7", "MS": "2000", "S": "1.5", "BYTES": "5000", "PORT": "8080", "NAME": "w", "ADDRESS": "::1",
        "SLUG": "a, b", "on|off": "true",
    }  # fmt: skip
    environment = {
        setting.variable: values.get(setting.values, setting.values.split("|")[-1]) for setting in settings()
    }
    config = resolve({}, environment=environment)
    assert config.flows == ("a", "b")
    assert config.log_polls is True
    assert (config.health_port, config.health_host, config.signal) == (8080, "::1", "polling")
    changed = {
        name for name in ProcessConfig.model_fields if getattr(config, name) != getattr(ProcessConfig(), name)
    }
    assert changed == set(ProcessConfig.model_fields)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("max_concurrency", "abc", "a whole number from 1 to 10,000"),
        ("max_concurrency", "0", "a whole number from 1 to 10,000"),
        ("min_poll_interval", "1.5", "a whole number from 1 to 300,000"),
        ("notify_fallback_interval", "600001", "a whole number from 1 to 600,000"),
        ("drain_timeout", "nan", "a number from 0 to 86,400"),
        ("signal", "telepathy", "one of notify, polling"),
        ("worker_name", "x" * 201, "a text of 1 to 200 characters"),
        ("health_port", "65536", "a whole number from 0 to 65,535"),
    ],
)
def test_what_cannot_be_is_said_with_its_source(name: str, value: str, expected: str) -> None:
    option = "--" + name.replace("_", "-")
    with pytest.raises(ConfigurationError) as caught:
        resolve({name: value}, environment={})
    assert str(caught.value) == f"{option} {value}: must be {expected}"
    with pytest.raises(ConfigurationError) as caught:
        resolve({}, environment={f"PGFLOWC_{name.upper()}": value})
    assert str(caught.value) == f"PGFLOWC_{name.upper()}={value}: must be {expected}"


def test_every_mistake_is_reported_at_once(file: Path) -> None:
    file.write_text("[worker]\nmax_concurency = 3\nlog_polls = 3\nbatch_size = true\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        resolve({"signal": "x"}, environment={"PGFLOWC_POOL_SIZE": "0"}, file=file)
    assert str(caught.value).split("; ") == [
        "pgflowc.toml [worker] max_concurency: there is no such setting",
        "pgflowc.toml [worker] log_polls = 3: must be true or false",
        "pgflowc.toml [worker] batch_size = true: must be a whole number from 1 to 1,000",
        "--signal x: must be one of notify, polling",
        "PGFLOWC_POOL_SIZE=0: must be a whole number from 1 to 100",
    ]
    assert caught.value.help == "did you mean 'max_concurrency'?"


def test_two_settings_that_do_not_go_together_are_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve({"min_poll_interval": "9000"}, environment={"PGFLOWC_MAX_POLL_INTERVAL": "8000"})
    assert str(caught.value) == (
        "--min-poll-interval 9000, PGFLOWC_MAX_POLL_INTERVAL=8000: "
        "min_poll_interval is longer than max_poll_interval"
    )


@pytest.mark.parametrize(("text", "message"), [("worker = 3", "must be a table"), ("[worker", "cannot read")])
def test_a_file_that_is_none(file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message):
        resolve({}, environment={}, file=file)


def test_a_variable_that_is_almost_a_settings_is_told() -> None:
    environment = {
        "PGFLOWC_MAX_CONCURENCY": "3",
        "PGFLOWC_POOL_SIZE": "3",
        "PGFLOWC_OTHER": "",
        "PGFLOWC_DSN": "x",
    }
    assert misspelt(environment) == [
        "PGFLOWC_MAX_CONCURENCY means nothing: did you mean PGFLOWC_MAX_CONCURRENCY?"
    ]


def test_no_file_is_no_mistake(file: Path) -> None:
    assert resolve({}, environment={}, file=file).max_concurrency == 10


def test_the_compiler_accepts_the_workers_table(file: Path) -> None:
    from pgflowc.diagnostics import Report
    from pgflowc.project import load_project

    def faults(text: str) -> list[Any]:
        file.write_text(text, encoding="utf-8")
        report = Report()
        load_project(file.parent, report)
        return [fault.message for fault in report.sorted() if fault.span and "toml" in str(fault.span.path)]

    assert faults('package = "shop"\n[worker]\nmax_concurrency = 3\n') == []
    assert faults("worker = 3\n") == ["'worker' must be a table"]
