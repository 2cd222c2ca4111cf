"""What stands in for handlers in a test."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pgflowc_language.words import did_you_mean
from pgflowc_runtime.errors import RegistryError
from pgflowc_runtime.flow import Flow, Step
from pgflowc_runtime.registry import Handler, Registry
from pgflowc_runtime.step_plan import is_async

Stub = Any
"""A value: every call returns it. An exception, or a class of exceptions: every call raises it. A function of
no parameter, of the handler's first one, or of both: it is called, and awaited if it is async.
"""

Stubs = Mapping[str, Stub]
"""Stubs by the slug of their step."""


Signals = Mapping[str, Any]
"""Payloads of signals by the slug of the step that waits. Each task of a map step is sent the same, unless
they are given by the index of the task, a dict of integers: then those without one are sent none.
"""


def payloads_of(signal: Any, step: Step, task_index: int) -> list[Any]:
    """The payload that this task is sent, if it is sent one."""
    by_index = step.kind == "map" and isinstance(signal, dict) and signal
    if by_index and all(type(key) is int for key in signal):
        return [signal[task_index]] if task_index in signal else []
    return [signal]


def bind(flow: Flow[Any], registry: Registry | None, stubs: Stubs, signals: Signals) -> Registry:
    """A registry of this flow alone, with the stubs in place of its handlers.

    Processes of their own would not see what a test has patched, so a step with `isolation: process` runs in
    a thread. Raises RegistryError for a stub or signal without a step, a stub of an approval, and another
    step with neither stub nor handler.
    """
    slugs = [step.slug for step in flow.steps]
    approvals = [step.slug for step in flow.steps if step.approval]
    for slug in (*stubs, *signals):
        what = "stub" if slug in stubs else "signal"
        if slug in approvals and slug in stubs:
            raise RegistryError(
                f"flow '{flow.slug}': step '{slug}' is an approval, which no stub can stand in for",
                help=f"send it a signal: signals={{'{slug}': ...}}",
            )
        if slug not in slugs:
            raise RegistryError(
                f"flow '{flow.slug}' has no step '{slug}' for the {what} given",
                help=did_you_mean(slug, slugs) or f"it has {', '.join(slugs)}",
            )
    handlers = _handlers(flow, registry) | {slug: as_handler(stub) for slug, stub in stubs.items()}
    missing = [slug for slug in slugs if slug not in handlers and slug not in approvals]
    if missing:
        raise RegistryError(
            f"flow '{flow.slug}': {', '.join(missing)} has neither a stub nor a handler",
            help="give a stub for each, or a registry (the fixture pgflowc_registry) that has the flow",
        )
    bound = Registry()
    steps = tuple(_in_process(step, stubbed=step.slug in stubs) for step in flow.steps)
    bound.add(dataclasses.replace(flow, steps=steps), handlers)
    return bound


def as_handler(stub: Stub) -> Handler:
    """A function of two parameters that does what the stub says."""
    if isinstance(stub, BaseException) or (isinstance(stub, type) and issubclass(stub, BaseException)):
        return _raising(stub)
    if not callable(stub):
        return _returning(stub)
    count = _parameters(stub)
    if not is_async(stub):
        # In a thread, as a handler: it may block, and what it returns is awaited if it can be.
        return lambda argument, context: stub(*(argument, context)[:count])

    async def handler(argument: Any, context: Any) -> Any:
        return await stub(*(argument, context)[:count])

    return handler


def _returning(value: Any) -> Handler:
    async def handler(argument: Any, context: Any) -> Any:
        return value

    return handler


def _raising(error: BaseException | type[BaseException]) -> Handler:
    async def handler(argument: Any, context: Any) -> Any:
        raise error

    return handler


def _parameters(stub: Callable[..., Any]) -> int:
    """How many of a handler's two arguments the stub takes."""
    try:
        signature = inspect.signature(stub)
    except ValueError:  # some builtins have none
        return 1
    for count in (2, 1):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    return 0


def _handlers(flow: Flow[Any], registry: Registry | None) -> dict[str, Handler]:
    if registry is None:
        return {}
    if (pattern := registry.pattern_of(flow.slug)) is not None:
        executed = {step.slug for step in flow.steps if not step.approval}
        return {slug: handler for slug, handler in pattern.handlers.items() if slug in executed}
    if flow.slug not in registry:
        return {}
    return {slug: binding.handler for slug, binding in registry[flow.slug].bindings.items()}


def _in_process(step: Step, *, stubbed: bool) -> Step:
    if stubbed:
        return dataclasses.replace(step, isolation=None)
    return dataclasses.replace(step, isolation="thread") if step.isolation == "process" else step
