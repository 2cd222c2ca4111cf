"""How the tasks of one step are executed: by which handler, where, and for how long."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pgflowc_runtime.registry import Binding, Handler
from pgflowc_runtime.rows import StoredStep

Place = Literal["loop", "thread", "process"]


@dataclass(slots=True)
class Plan:
    """How the tasks of one step are executed. `timeout` in seconds."""

    binding: Binding
    place: Place
    timeout: int
    max_attempts: int
    # Bound, for speed.
    argument: Callable[[str], Any]
    handler: Handler

    @classmethod
    def of(cls, binding: Binding, definition: StoredStep) -> Plan:
        """The plan of a step, bound to a handler and defined in the database."""
        return cls(
            binding,
            place_of(binding),
            definition.timeout,
            definition.max_attempts,
            binding.read,
            binding.handler,
        )


def place_of(binding: Binding) -> Place:
    """Where the handler runs."""
    return binding.step.isolation or ("loop" if is_async(binding.handler) else "thread")


def is_async(handler: Handler) -> bool:
    """Whether calling the handler gives a coroutine; looks through partials and callable objects."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
