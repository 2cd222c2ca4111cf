"""What became of one attempt at a task, decided from the handler's result or exception. Pure: no database, no
clock.
"""

from __future__ import annotations

import json
import math
import re
import sys
import traceback
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from pgflowc_runtime.errors import SignalTimeout

# Errors are read by people and kept with every failed attempt: enough for a traceback, not for a dumped
# payload.
HEADLINE_LIMIT = 1_000
TRACEBACK_LIMIT = 6_000
# More than these say nothing new about what is wrong with a payload.
PROBLEMS_SHOWN = 8

# Longer delays are mistakes, and PostgreSQL's integers end somewhere, too.
LONGEST_RETRY_DELAY = timedelta(days=366)

_MIB = 1024 * 1024

# Digits that Python reads as one integer. Whoever looked at a longer one would get a ValueError.
_LONGEST_INTEGER = sys.int_info.default_max_str_digits
_LONG_INTEGER = re.compile(rb"\d{%d}" % (_LONGEST_INTEGER + 1))
_OUR_MODULES = re.compile(r"^pgflowc_runtime(?:\.[a-z_]+)*\.")
_RUNTIME_DIRECTORY = str(Path(__file__).parent)


class PermanentFailure(Exception):  # noqa: N818 (a handler says what it is: `raise PermanentFailure(...)`)
    """Raised by a handler: this attempt failed, and every other one would. The task fails at once."""


class RetryAfter(Exception):  # noqa: N818
    """Raised by a handler: this attempt failed, try again after so long instead of the step's backoff.

    The attempt counts; if it was the last one the task fails. `seconds` may be a float (rounded up) or a
    timedelta. ValueError if it is negative, longer than LONGEST_RETRY_DELAY, or no number.
    """

    def __init__(self, seconds: float | timedelta, message: str = "") -> None:
        length = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
        if not 0 <= length <= LONGEST_RETRY_DELAY.total_seconds():
            raise ValueError(
                f"cannot try again after {seconds} s: from 0 s to {LONGEST_RETRY_DELAY.days} days"
            )
        super().__init__(message or f"try again after {length:g} s")
        self.seconds = math.ceil(length)

    def __reduce__(self) -> tuple[type[RetryAfter], tuple[int, str]]:
        # It may come out of another process.
        return type(self), (self.seconds, str(self))


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned; `output` is the JSON text to store."""

    output: str


@dataclass(frozen=True, slots=True)
class Failed:
    """This attempt failed, for the reason that `error` tells. Whether there is another one is the database's
    decision, except that a `permanent` failure has none. `retry_delay` is in seconds; None is the step's
    backoff.
    """

    error: str
    permanent: bool = False
    retry_delay: int | None = None

    @property
    def is_decided(self) -> bool:
        """Whether the handler, or its payload, has said how to go on."""
        return self.permanent or self.retry_delay is not None


@dataclass(frozen=True, slots=True)
class Parked:
    """The handler waits for a signal; its task is to wait without a worker. The attempt does not count."""


Outcome = Completed | Failed | Parked


def from_result(
    output: TypeAdapter[Any],
    result: Any,
    *,
    limit: int | None = None,
    extra: Literal["forbid"] | None = None,
) -> Outcome:
    """Completed if `result` is valid, JSON can hold it and it has at most `limit` bytes then; else Failed for
    good, with each problem's place.
    """
    try:
        text = _json(output, output.validate_python(result, extra=extra))
    except ValidationError as error:
        return Failed(_invalid("output", error), permanent=True)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        return Failed(_storable(_cut(f"invalid output: {_one_line(error)}", HEADLINE_LIMIT)), permanent=True)
    if limit is not None and len(text) > limit:
        return Failed(
            f"invalid output: {mebibytes(len(text))} of JSON, more than output_limit_size "
            f"({mebibytes(limit)}); store it elsewhere and return where it is",
            permanent=True,
        )
    return Completed(text.decode())


def _json(output: TypeAdapter[Any], valid: Any) -> bytes:
    """UTF-8 JSON of a valid output. Raises what pydantic and json raise for what JSON cannot hold."""
    text = output.dump_json(valid, by_alias=True, warnings="error")
    if len(text) > _LONGEST_INTEGER and _LONG_INTEGER.search(text):
        json.loads(text)  # raises ValueError if it is no part of a string
    if b"null" in text:
        # pydantic writes null for NaN and infinity. json tells them from None.
        dumped = output.dump_python(valid, mode="json", by_alias=True, warnings="error")
        return json.dumps(dumped, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return text


def mebibytes(size: int) -> str:
    """A number of bytes for people: `1 MiB`, `70.1 MiB`."""
    return f"{round(size / _MIB, 1):g} MiB" if size >= _MIB / 10 else f"{size} bytes"


def invalid_input(error: ValidationError) -> Failed:
    """The payload does not fit the handler's parameter, and will not on another attempt."""
    return Failed(_invalid("input", error), permanent=True)


def invalid_signal(error: ValidationError) -> PermanentFailure:
    """The signal does not fit the step's declaration, and another attempt would get the same one."""
    return PermanentFailure(_invalid("signal", error))


def from_exception(error: BaseException) -> Failed:
    """`Type: message`, then the traceback without the runtime's own frames.

    PermanentFailure and RetryAfter are obeyed, within exception groups, too: one permanent failure in a group
    decides, else the longest delay. A SignalTimeout is permanent: its deadline stays passed.
    """
    text = _storable(f"{_headline(error)}\n\n{_traceback(error)}")
    permanent, delays = False, []
    for leaf in _leaves(error):
        permanent = permanent or isinstance(leaf, PermanentFailure | SignalTimeout)
        if isinstance(leaf, RetryAfter):
            delays.append(leaf.seconds)
    return Failed(text, permanent=permanent, retry_delay=None if permanent or not delays else max(delays))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in _leaves(each)]
    return [error]


def unknown_step() -> Failed:
    """The step has come into the database since the worker has started."""
    return Failed("this worker's code does not have that step: deploy the code that the migration came with")


def timed_out(seconds: float, *, abandoned: bool) -> Failed:
    """The handler did not end in time. `abandoned`: it could not be stopped and may still be running."""
    text = f"timed out after {seconds:g} s"
    return Failed(f"{text} (the handler could not be stopped and was abandoned)" if abandoned else text)


def refused(reason: str) -> Failed:
    """PostgreSQL does not take the output."""
    text = _storable(_cut(f"invalid output: PostgreSQL refuses it: {reason}", HEADLINE_LIMIT))
    return Failed(text, permanent=True)


def _invalid(role: str, error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = []
    for problem in problems[:PROBLEMS_SHOWN]:
        place = ".".join(str(part) for part in problem["loc"])
        lines.append(f"{place}: {problem['msg']}" if place else problem["msg"])
    if len(problems) > PROBLEMS_SHOWN:
        lines.append(f"and {len(problems) - PROBLEMS_SHOWN} more")
    return _storable(_cut(f"invalid {role}: " + "; ".join(lines), HEADLINE_LIMIT))


def _headline(error: BaseException) -> str:
    last = traceback.format_exception_only(error)[0] if not isinstance(error, SyntaxError) else str(error)
    # For handlers ours come from the package; where they are defined is of no interest.
    return _cut(_OUR_MODULES.sub("", last.strip()), HEADLINE_LIMIT)


def _traceback(error: BaseException) -> str:
    first = _user_part(error.__traceback__)
    lines = traceback.format_exception(type(error), error, first)
    text = "".join(lines).rstrip()
    if len(text) <= TRACEBACK_LIMIT:
        return text
    # The end says where it happened; the beginning is where we called in.
    return "[...]\n" + text[-TRACEBACK_LIMIT:]


def _user_part(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_RUNTIME_DIRECTORY):
        trace = trace.tb_next
    return trace


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 5] + "[...]"


def _storable(text: str) -> str:
    # PostgreSQL's text holds neither NUL nor lone surrogates.
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
