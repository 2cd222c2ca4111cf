"""Records in their three forms."""

from __future__ import annotations

import json
import logging
from uuid import UUID

import pytest

from pgflowc_runtime.logging import FancyFormatter, JsonFormatter, SimpleFormatter, handler_logger
from pgflowc_runtime.rows import ClaimedTask

TASK = ClaimedTask(
    flow_slug="orders",
    run_id=UUID(int=1),
    step_slug="charge",
    task_index=3,
    argument="{}",
    message_id=9,
    attempt=2,
    worker_id=UUID(int=2),
)


@pytest.fixture
def record(caplog) -> logging.LogRecord:
    """What a handler logs, with an exception."""
    with caplog.at_level(logging.INFO):
        try:
            raise ValueError("no")
        except ValueError:
            handler_logger(TASK).info("charged %d", 5, exc_info=True, extra={"pgflow": {"card": "a b"}})
    [found] = caplog.records
    found.created = 1769860800.25
    return found


def test_simple(record: logging.LogRecord) -> None:
    first, *trace = SimpleFormatter().format(record).splitlines()
    assert first == (
        "2026-01-31T12:00:00.250Z INFO handlers.orders.charge: charged 5 flow=orders step=charge "
        'run=00000000-0000-0000-0000-000000000001 index=3 attempt=2 card="a b"'
    )
    assert trace[-1] == "ValueError: no"


def test_json(record: logging.LogRecord) -> None:
    entry = json.loads(JsonFormatter().format(record))
    assert entry.pop("exception").endswith("ValueError: no")
    assert entry == {
        "time": "2026-01-31T12:00:00.250Z",
        "level": "info",
        "logger": "pgflowc.handlers.orders.charge",
        "message": "charged 5",
        "flow": "orders",
        "step": "charge",
        "run": "00000000-0000-0000-0000-000000000001",
        "index": 3,
        "attempt": 2,
        "card": "a b",
    }


def test_fancy(record: logging.LogRecord) -> None:
    text = FancyFormatter().format(record)
    assert "\x1b[32minfo" in text
    assert "charged 5" in text
    assert "ValueError: no" in text


def test_a_field_cannot_break_the_line() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "text", None, None)
    record.pgflow = {"key": "two\nlines"}
    assert SimpleFormatter().format(record).endswith('text key="two\\nlines"')
