"""Logs of the runtime on stdlib logging, in one of three forms, to stderr.

Records carry what they are about in `record.pgflow`, a dict of fields: flow, step, run, attempt and so on.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TextIO
from uuid import UUID

LogFormat = Literal["simple", "json", "fancy"]

# Where a record keeps the stack of something else than its own caller.
STACK = "pgflow_stack"

_COLORS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


class _Task(Protocol):
    """A claimed task, or a handler's context."""

    @property
    def flow_slug(self) -> str: ...
    @property
    def step_slug(self) -> str: ...
    @property
    def run_id(self) -> UUID: ...
    @property
    def task_index(self) -> int: ...
    @property
    def attempt(self) -> int: ...


class _FieldsAdapter(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = dict(kwargs.get("extra") or {})
        extra["pgflow"] = {**(self.extra or {}), **extra.get("pgflow", {})}
        kwargs["extra"] = extra
        return msg, kwargs


def handler_logger(task: _Task) -> logging.LoggerAdapter[logging.Logger]:
    """The logger that a handler finds in its context."""
    return _FieldsAdapter(
        logging.getLogger(f"pgflowc.handlers.{task.flow_slug}.{task.step_slug}"), task_fields(task)
    )


def task_fields(task: _Task, **more: Any) -> dict[str, Any]:
    """The fields that say which task a record is about."""
    fields: dict[str, Any] = {"flow": task.flow_slug, "step": task.step_slug, "run": str(task.run_id)}
    if task.task_index:
        fields["index"] = task.task_index
    return {**fields, "attempt": task.attempt, **more}


def configure(
    form: LogFormat, level: str = "INFO", stream: TextIO | None = None, *, worker: str | None = None
) -> None:
    """Send all logs to stderr in this form, each with the worker's name if one is given. For processes that
    are nothing but a worker; libraries leave it alone.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    formatters = {"simple": SimpleFormatter, "json": JsonFormatter, "fancy": FancyFormatter}
    handler.setFormatter(formatters[form]())
    if worker is not None:
        handler.addFilter(_WorkerName(worker))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Its own warnings repeat what the worker says about the same failure, once per attempt.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class _WorkerName(logging.Filter):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def filter(self, record: logging.LogRecord) -> bool:
        record.pgflow = {"worker": self._name, **_fields(record)}
        return True


class SimpleFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO worker: message flow=orders step=charge`, one line a record (tracebacks
    and stacks aside). Control characters are escaped: a message cannot look like another record, nor steer
    the terminal of whoever reads the file.
    """

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_timestamp(record)} {record.levelname} {_source(record)}: {_escaped(record.getMessage())}"
        fields = " ".join(f"{key}={_plain(value)}" for key, value in _fields(record).items())
        return _with_traceback(f"{text} {fields}".rstrip(), record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields, `exception` or `stack` if there is
    one.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if exception := _exception(record):
            entry["exception"] = exception
        if stack := getattr(record, STACK, None):
            entry["stack"] = stack
        text = json.dumps(entry, default=str, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace").decode()


class FancyFormatter(logging.Formatter):
    """Coloured, without the date and the worker's name: for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = f"\x1b[{_COLORS.get(record.levelname, '0')}m{record.levelname.lower():<7}\x1b[0m"
        fields = " ".join(
            f"\x1b[2m{key}=\x1b[0m{_plain(value)}"
            for key, value in _fields(record).items()
            if key != "worker"
        )
        message = _escaped(record.getMessage())
        return _with_traceback(f"\x1b[2m{time}\x1b[0m {level} {message} {fields}".rstrip(), record)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "pgflow", {})
    return fields


def _source(record: logging.LogRecord) -> str:
    return record.name.removeprefix("pgflowc.")


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _plain(value: Any) -> str:
    text = str(value)
    if not text or not text.isprintable() or set(text) & set(' "='):
        text = json.dumps(text, ensure_ascii=False)
    return _escaped(text)


def _exception(record: logging.LogRecord) -> str | None:
    """The traceback; as text already if the record comes from another process."""
    if record.exc_info:
        return logging.Formatter().formatException(record.exc_info)
    return record.exc_text


def _with_traceback(text: str, record: logging.LogRecord) -> str:
    below = [_exception(record), getattr(record, STACK, None)]
    return "\n".join([text, *(_escaped(part, keep="\n\t") for part in below if part)])


def _escaped(text: str, *, keep: str = "") -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )
