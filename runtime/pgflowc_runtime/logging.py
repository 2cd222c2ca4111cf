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


def configure(form: LogFormat, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs to stderr in this form. For processes that are nothing but a worker; libraries leave it
    alone.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    formatters = {"simple": SimpleFormatter, "json": JsonFormatter, "fancy": FancyFormatter}
    handler.setFormatter(formatters[form]())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Its own warnings repeat what the worker says about the same failure, once per attempt.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class SimpleFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO worker: message flow=orders step=charge`, one line a record (tracebacks
    aside).
    """

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_timestamp(record)} {record.levelname} {_source(record)}: {record.getMessage()}"
        fields = " ".join(f"{key}={_plain(value)}" for key, value in _fields(record).items())
        return _with_traceback(self, f"{text} {fields}".rstrip(), record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields, and `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


class FancyFormatter(logging.Formatter):
    """Coloured, without the date: for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        level = f"\x1b[{_COLORS.get(record.levelname, '0')}m{record.levelname.lower():<7}\x1b[0m"
        fields = " ".join(f"\x1b[2m{key}=\x1b[0m{_plain(value)}" for key, value in _fields(record).items())
        return _with_traceback(
            self, f"\x1b[2m{time}\x1b[0m {level} {record.getMessage()} {fields}".rstrip(), record
        )


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
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=\n\t') else text


def _with_traceback(formatter: logging.Formatter, text: str, record: logging.LogRecord) -> str:
    return f"{text}\n{formatter.formatException(record.exc_info)}" if record.exc_info else text
