"""Records in their three forms."""

from __future__ import annotations

import io
import json
import logging
from uuid import UUID

import pytest

from pgflowc_runtime.logging import FancyFormatter, JsonFormatter, SimpleFormatter, configure, handler_logger
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


def plain_record(message: str, **attributes: object) -> logging.LogRecord:
    """A record of a message."""
    record = logging.LogRecord("pgflowc.worker", logging.INFO, "", 0, message, None, None)
    record.created = 1769860800.25
    record.__dict__.update(attributes)
    return record


@pytest.mark.parametrize("formatter", [SimpleFormatter(), FancyFormatter()])
def test_a_message_can_neither_look_like_another_record_nor_steer_a_terminal(
    formatter: logging.Formatter,
) -> None:
    record = plain_record(
        "no\n2026-01-31T12:00:00Z ERROR x: forged\x1b[2J\x00", exc_text="Err: \x1b[31m\nline"
    )
    first, *below = formatter.format(record).split("\n")
    assert first.endswith(r"no\n2026-01-31T12:00:00Z ERROR x: forged\x1b[2J\x00")
    assert below == [r"Err: \x1b[31m", "line"]


def test_a_stack_is_below_the_line_and_in_a_field() -> None:
    record = plain_record("blocked", pgflow_stack='  File "x.py", line 1')
    assert SimpleFormatter().format(record).split("\n")[1:] == ['  File "x.py", line 1']
    assert json.loads(JsonFormatter().format(record))["stack"] == '  File "x.py", line 1'


def test_json_holds_whatever_it_is_given() -> None:
    record = plain_record("\ud800 ü", pgflow={"object": object(), "nothing": None})
    text = JsonFormatter().format(record)
    assert "ü" in text
    text.encode()
    assert json.loads(text)["nothing"] is None


def test_every_record_names_its_worker() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure("simple", "WARNING", stream, worker="shop 1")
        logging.getLogger("pgflowc.worker").warning("one", extra={"pgflow": {"flow": "f"}})
        logging.getLogger("elsewhere").warning("two")
        logging.getLogger("elsewhere").info("not shown")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.getLogger("psycopg.pool").setLevel(logging.NOTSET)
    one, two = stream.getvalue().splitlines()
    assert one.endswith('WARNING worker: one worker="shop 1" flow=f')
    assert two.endswith('WARNING elsewhere: two worker="shop 1"')


def test_the_workers_name_is_of_no_interest_on_a_terminal() -> None:
    record = plain_record("one", pgflow={"worker": "shop", "flow": "f"})
    assert "shop" not in FancyFormatter().format(record)
