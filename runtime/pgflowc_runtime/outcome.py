"""What became of one attempt at a task, decided from the handler's result or exception. Pure: no database, no
clock.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

# Errors are read by people and kept with every failed attempt: enough for a traceback, not for a dumped
# payload.
HEADLINE_LIMIT = 1_000
TRACEBACK_LIMIT = 6_000
# More than these say nothing new about what is wrong with a payload.
PROBLEMS_SHOWN = 8

_RUNTIME_DIRECTORY = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Completed:
    """The handler returned; `output` is the JSON text to store."""

    output: str


@dataclass(frozen=True, slots=True)
class Failed:
    """This attempt failed, for the reason that `error` tells. Whether there is another one is the database's
    decision.
    """

    error: str


Outcome = Completed | Failed


def from_result(output: TypeAdapter[Any], result: Any) -> Outcome:
    """Completed if `result` is valid and JSON can hold it, else Failed with each problem's place."""
    try:
        valid = output.validate_python(result)
        dumped = output.dump_python(valid, mode="json", by_alias=True, warnings="error")
        text = json.dumps(dumped, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()  # a lone surrogate is a str, but no text
        return Completed(text)
    except ValidationError as error:
        return Failed(_invalid("output", error))
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        return Failed(_cut(f"invalid output: {_one_line(error)}", HEADLINE_LIMIT))


def invalid_input(error: ValidationError) -> Failed:
    """The payload does not fit the handler's parameter."""
    return Failed(_invalid("input", error))


def from_exception(error: BaseException) -> Failed:
    """`Type: message`, then the traceback without the runtime's own frames."""
    return Failed(_storable(f"{_headline(error)}\n\n{_traceback(error)}"))


def unknown_step() -> Failed:
    """The step has come into the database since the worker has started."""
    return Failed("this worker's code does not have that step: deploy the code that the migration came with")


def timed_out(seconds: float, *, abandoned: bool) -> Failed:
    """The handler did not end in time. `abandoned`: it could not be stopped and may still be running."""
    text = f"timed out after {seconds:g} s"
    return Failed(f"{text} (the handler could not be stopped and was abandoned)" if abandoned else text)


def refused(reason: str) -> Failed:
    """PostgreSQL does not take the output."""
    return Failed(_storable(_cut(f"invalid output: PostgreSQL refuses it: {reason}", HEADLINE_LIMIT)))


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
    return _cut(last.strip(), HEADLINE_LIMIT)


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
