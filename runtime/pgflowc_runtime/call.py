"""What a method of a client does, without saying how it reaches the database.

A `Call` is a generator: it yields what it wants, statements, pauses and transactions, and is sent the
answers. `Client` and `AsyncClient` drive the same calls, on connections of their own or on the caller's. A
statement that failed is raised in the call as `Refused`, whichever driver said so; a call that lets it out
leaves the translation to `run_faults`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from pgflowc_runtime.connection import headline, is_hopeless, is_transient
from pgflowc_runtime.queries import Query

T = TypeVar("T")

_DATA_EXCEPTION = "22000"


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Whole:
    """Carry out the call that `make` makes in one transaction; the answer is its result."""

    make: Callable[[], Call[Any]]


Call = Generator[Query[Any] | Pause | Whole, Any, T]
Execute = Callable[[Query[Any]], Any]
ExecuteAsync = Callable[[Query[Any]], Awaitable[Any]]


class Refused(Exception):  # noqa: N818 - it says what happened to a statement
    """A statement that failed; never leaves a client.

    `sqlstate` is None if the server was not reached. `transient`: it may succeed when it is tried again.
    `error` is the driver's or framework's own exception.
    """

    def __init__(self, error: Exception, *, sqlstate: str | None, message: str, transient: bool) -> None:
        super().__init__(message)
        self.error = error
        self.sqlstate = sqlstate
        self.message = message
        self.transient = transient


def refused(error: psycopg.Error) -> Refused:
    """What psycopg raised."""
    hopeless = error.sqlstate is None and is_hopeless(error)
    transient = isinstance(error, PoolTimeout) or (is_transient(error) and not hopeless)
    # What psycopg itself refuses to send has no code.
    state = (
        _DATA_EXCEPTION if error.sqlstate is None and isinstance(error, psycopg.DataError) else error.sqlstate
    )
    return Refused(error, sqlstate=state, message=headline(error), transient=transient)


def ask(query: Query[T]) -> Call[T]:
    """The answer to one statement."""
    answer: T = yield query
    return answer


def pause(seconds: float) -> Call[None]:
    """Wait."""
    yield Pause(seconds)


def whole(make: Callable[[], Call[T]]) -> Call[T]:
    """The result of a call that is carried out in one transaction."""
    result: T = yield Whole(make)
    return result


def drive(call: Call[T], execute: Execute, transaction: Callable[[Whole], Any] | None = None) -> T:
    """Carry out a call; raises what it raises. Without `transaction` there is one already."""
    try:
        wish = next(call)
        while True:
            answer: Any = None
            try:
                match wish:
                    case Query():
                        answer = execute(wish)
                    case Pause():
                        time.sleep(wish.seconds)
                    case Whole():
                        answer = transaction(wish) if transaction else drive(wish.make(), execute)
            except Refused as error:
                wish = call.throw(error)
            else:
                wish = call.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def drive_async(
    call: Call[T], execute: ExecuteAsync, transaction: Callable[[Whole], Awaitable[Any]] | None = None
) -> T:
    """`drive` in an event loop."""
    try:
        wish = next(call)
        while True:
            answer: Any = None
            try:
                match wish:
                    case Query():
                        answer = await execute(wish)
                    case Pause():
                        await asyncio.sleep(wish.seconds)
                    case Whole():
                        nested = transaction(wish) if transaction else drive_async(wish.make(), execute)
                        answer = await nested
            except Refused as error:
                wish = call.throw(error)
            else:
                wish = call.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
