"""Which handler executes which step: flows bound to handlers, checked when they are added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError

from pgflowc_language.words import did_you_mean
from pgflowc_runtime.errors import RegistryError
from pgflowc_runtime.flow import Flow, Step, Undeclared
from pgflowc_runtime.flow_pattern import (
    Declared,
    FlowPattern,
    Isolation,
    check_importable,
    is_glob,
    matches,
    parse_pattern,
)
from pgflowc_runtime.payload import JsonValue, forbidden, type_adapter
from pgflowc_runtime.rows import StoredFlow, StoredStep

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Binding:
    """A step and its handler. `argument` and `output` validate what goes in and what comes out."""

    flow: Flow[Any]
    step: Step
    handler: Handler

    @cached_property
    def argument(self) -> TypeAdapter[Any]:
        """Validates the handler's first parameter."""
        return _adapter(self.step.argument, self, "argument")

    @cached_property
    def output(self) -> TypeAdapter[Any]:
        """Validates and dumps what the handler returns."""
        return _adapter(self.step.output, self, "output")

    @cached_property
    def signal(self) -> TypeAdapter[Any] | None:
        """Validates the payload of a signal; None if the step declares none."""
        return _adapter(self.step.signal, self, "signal") if self.step.declares_signal else None

    def read_signal(self, text: str) -> Any:
        """The payload of a signal, from JSON. Raises ValidationError."""
        if self.signal is None:
            return json.loads(text)
        return self.signal.validate_json(text, extra=forbidden(self.flow.extra_in))

    def read(self, text: str | bytes) -> Any:
        """The handler's first argument, from JSON. Raises ValidationError."""
        return self.argument.validate_json(text, extra=forbidden(self.flow.extra_in))


@dataclass(frozen=True)
class BoundFlow:
    """A flow with one binding per step that has a handler, in the flow's order."""

    flow: Flow[Any]
    bindings: Mapping[str, Binding]
    dependents: Mapping[str, frozenset[str]] = field(repr=False)
    pattern: FlowPattern | None = None

    def improvised(self, step_slug: str) -> tuple[Binding | None, StoredStep | None]:
        """What executes a step of a pattern's flow that has not been bound yet; None if nobody does."""
        if self.pattern is None or step_slug not in self.pattern.handlers:
            return None, None
        step = Step(
            slug=step_slug,
            argument=JsonValue,
            output=JsonValue,
            isolation=self.pattern.isolation.get(step_slug),
            signal=self.pattern.signals.get(step_slug, Undeclared.SIGNAL),
        )
        stored = StoredStep(
            slug=step_slug,
            kind="single",
            depends_on=(),
            max_attempts=self.flow.max_attempts,
            timeout=self.flow.timeout,
        )
        return Binding(self.flow, step, self.pattern.handlers[step_slug]), stored

    @cached_property
    def input(self) -> TypeAdapter[Any]:
        """Validates the run's input."""
        try:
            return type_adapter(self.flow.input)
        except PydanticUserError as error:
            raise RegistryError(
                f"flow '{self.flow.slug}': input type is unusable: {_headline(error)}"
            ) from error


class Registry:
    """The flows and jobs that a worker can execute, in the order added."""

    def __init__(self) -> None:
        self._flows: dict[str, BoundFlow] = {}
        self._patterns: dict[str, FlowPattern] = {}
        self._only: tuple[str, ...] = ()

    def add(self, flow: Flow[Any], handlers: Mapping[str, Any]) -> None:
        """Bind `handlers` (step slug -> function of two parameters) to `flow`.

        Raises RegistryError if the flow was added before, a step has no handler, a handler has no step,
        something is not callable, or a type of the flow is not one that pydantic can validate.
        """
        if flow.slug in self._flows:
            raise RegistryError(f"flow '{flow.slug}' is registered twice")
        slugs = [step.slug for step in flow.steps if not step.approval]
        for slug in handlers:
            if any(step.slug == slug and step.approval for step in flow.steps):
                raise RegistryError(
                    f"flow '{flow.slug}': step '{slug}' is an approval and takes no handler",
                    help="only a signal completes it",
                )
            if slug not in slugs:
                raise RegistryError(
                    f"flow '{flow.slug}' has no step '{slug}' for the handler given",
                    help=did_you_mean(slug, slugs)
                    or "`pgflowc compile` writes a registry that fits the spec",
                )
        missing = [slug for slug in slugs if slug not in handlers]
        if missing:
            raise RegistryError(
                f"flow '{flow.slug}' has no handler for {_quoted(missing)}",
                help="`pgflowc compile` adds a stub and registers it",
            )
        for slug, handler in handlers.items():
            if not callable(handler):
                raise RegistryError(
                    f"flow '{flow.slug}', step '{slug}': the handler is not callable, "
                    f"it is of type {type(handler).__name__}"
                )
        executed = [step for step in flow.steps if not step.approval]
        for step in executed:
            if step.isolation == "process":
                check_importable(f"flow '{flow.slug}', step '{step.slug}'", handlers[step.slug])
        bindings = {step.slug: Binding(flow, step, handlers[step.slug]) for step in executed}
        bound = BoundFlow(flow, bindings, _dependents(flow))
        _ = bound.input
        for binding in bindings.values():
            _ = binding.argument, binding.output, binding.signal
        self._flows[flow.slug] = bound

    def serve_pattern(
        self,
        glob: str,
        handlers: Mapping[str, Any],
        *,
        isolation: Mapping[str, Isolation] | None = None,
        signals: Mapping[str, Any] | None = None,
    ) -> None:
        """Serve the flows of the database whose slugs match `glob` (`acct_*_sync`), also those that are
        defined while the worker runs; `handlers` are chosen by step slug. Flows that were added go first,
        then patterns in the order given. `isolation` (`thread` or `process`) and `signals`, the types of what
        signals bring, are by step slug as well; without a type it is plain JSON.

        Raises RegistryError if the glob is none, was given before, a handler is not callable or cannot be
        imported by a process, or a type is not one that pydantic can validate.
        """
        pattern = FlowPattern(glob, dict(handlers), dict(isolation or {}), dict(signals or {}))
        for slug, annotation in pattern.signals.items():
            try:
                type_adapter(annotation)
            except PydanticUserError as error:
                raise RegistryError(
                    f"pattern '{glob}', step '{slug}': signal type is unusable: {_headline(error)}"
                ) from error
        self._add_pattern(pattern)

    def serve_patterns(self, texts: Iterable[str]) -> Registry:
        """A registry that serves these as well, each written as `GLOB=MODULE`. Raises RegistryError."""
        widened = self.copy()
        for text in texts:
            widened._add_pattern(parse_pattern(text))
        return widened

    def _add_pattern(self, pattern: FlowPattern) -> None:
        if pattern.glob in self._patterns:
            raise RegistryError(f"pattern '{pattern.glob}' is registered twice")
        self._patterns[pattern.glob] = pattern

    @property
    def patterns(self) -> tuple[FlowPattern, ...]:
        """The patterns, in the order added."""
        return tuple(self._patterns.values())

    def pattern_of(self, slug: str) -> FlowPattern | None:
        """The pattern that serves that flow: the first that matches; None if it has been added by itself."""
        if slug in self._flows and self._flows[slug].pattern is None:
            return None
        if self._only and not any(matches(one, slug) for one in self._only):
            return None
        return next((pattern for pattern in self.patterns if pattern.matches(slug)), None)

    def bind(self, pattern: FlowPattern, slug: str, stored: StoredFlow, declared: Declared) -> BoundFlow:
        """Bind a stored flow to the handlers of a pattern; the flow is in the registry from now on.

        `declared` are the signals of its steps; no handler is called for an approval.
        """
        flow = pattern.flow(slug, stored, declared)
        executed = [step for step in flow.steps if not step.approval]
        bindings = {step.slug: Binding(flow, step, pattern.handlers[step.slug]) for step in executed}
        self._flows[slug] = bound = BoundFlow(flow, bindings, _dependents(flow), pattern)
        return bound

    def copy(self) -> Registry:
        """One that can be changed without changing this one."""
        copied = Registry()
        copied._flows, copied._patterns, copied._only = dict(self._flows), dict(self._patterns), self._only
        return copied

    def only(self, slugs: tuple[str, ...]) -> Registry:
        """A registry of these flows alone, of a name with all its versions, and of what patterns serve those
        that fit one of them (`acct_*_sync`); RegistryError names the first one that is unknown.
        """
        chosen = Registry()
        for slug in slugs:
            found = [
                bound for bound in self if matches(slug, bound.flow.slug) or matches(slug, bound.flow.called)
            ]
            by_pattern = is_glob(slug) or any(pattern.matches(slug) for pattern in self.patterns)
            if by_pattern and self._patterns:
                chosen._patterns = dict(self._patterns)
                chosen._only = (*chosen._only, slug)
            elif not found:
                raise RegistryError(
                    f"no flow '{slug}' in this registry",
                    help=did_you_mean(slug, list(self._flows)) or f"it has {_quoted(sorted(self._flows))}",
                )
            chosen._flows |= {bound.flow.slug: bound for bound in found}
        return chosen

    def newest(self, name: str) -> BoundFlow | None:
        """The newest version of a flow, or the one stored under that slug; None if there is neither."""
        versions = [bound for bound in self if bound.flow.called == name]
        return max(versions, key=lambda bound: bound.flow.version, default=self._flows.get(name))

    def __getitem__(self, slug: str) -> BoundFlow:
        return self._flows[slug]

    def __contains__(self, slug: object) -> bool:
        return slug in self._flows

    def __iter__(self) -> Iterator[BoundFlow]:
        return iter(self._flows.values())

    def __len__(self) -> int:
        return len(self._flows)


def _adapter(annotation: Any, binding: Binding, role: str) -> TypeAdapter[Any]:
    try:
        return type_adapter(annotation)
    except PydanticUserError as error:
        raise RegistryError(
            f"flow '{binding.flow.slug}', step '{binding.step.slug}': "
            f"{role} type is unusable: {_headline(error)}"
        ) from error


def _dependents(flow: Flow[Any]) -> dict[str, frozenset[str]]:
    return {
        step.slug: frozenset(other.slug for other in flow.steps if step.slug in other.depends_on)
        for step in flow.steps
    }


def _headline(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _quoted(slugs: list[str]) -> str:
    return ", ".join(f"'{slug}'" for slug in slugs)
