"""Flows that are defined at run time, served by a pattern of their slugs: handlers are chosen by step.

    async def fetch(input, ctx): ...
    async def store(deps, ctx): ...

    registry.serve_pattern("acct_*_sync", {"fetch": fetch, "store": store})

Payloads are plain JSON, since there is no spec that could have typed them; what signals bring can be given a
type. Approvals need no handler.
"""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, Literal

from pgflowc_runtime.errors import RegistryError
from pgflowc_runtime.flow import Flow, Step, Undeclared
from pgflowc_runtime.payload import JsonValue
from pgflowc_runtime.rows import SignalKind, StoredFlow

Handler = Callable[..., Any]
Isolation = Literal["thread", "process"]
Declared = Mapping[tuple[str, str], SignalKind]
"""The signals that steps declare in the database, by flow and step."""

_GLOB = re.compile(r"[a-zA-Z0-9_*?]{1,128}")


def is_glob(text: str) -> bool:
    """Whether this is a pattern and not a slug: it has a `*` (any characters) or a `?` (one)."""
    return "*" in text or "?" in text


def expression(glob: str) -> str:
    """The glob as a regular expression that means the same to Python and to PostgreSQL."""
    return f"^{glob.replace('*', '.*').replace('?', '.')}$"


def matches(glob: str, slug: str) -> bool:
    """Whether the slug fits; letters count as they are written."""
    return re.match(expression(glob), slug) is not None


@dataclass(frozen=True)
class FlowPattern:
    """Flows whose slugs match `glob`, and who executes which step of them; by step also where handlers run,
    if not where they would by themselves, and the types of what signals bring.
    """

    glob: str
    handlers: Mapping[str, Handler]
    isolation: Mapping[str, Isolation] = field(default_factory=dict)
    signals: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """RegistryError if the glob is none, a handler is not callable or cannot be where it should, or
        something is said of a step that has no handler.
        """
        if not _GLOB.fullmatch(self.glob) or not is_glob(self.glob):
            raise RegistryError(
                f"'{self.glob}' is no pattern of flow slugs",
                help="it is a slug with a * in it, for any characters, or a ? for one: acct_*_sync",
            )
        if not self.handlers:
            raise RegistryError(f"pattern '{self.glob}' has no handler", help="give one for each step's slug")
        for slug, handler in self.handlers.items():
            if not callable(handler):
                raise RegistryError(
                    f"pattern '{self.glob}', step '{slug}': the handler is not callable, "
                    f"it is of type {type(handler).__name__}"
                )

        for what, said in (("isolation", self.isolation), ("signals", self.signals)):
            for slug in said:
                if slug not in self.handlers:
                    raise RegistryError(
                        f"pattern '{self.glob}': {what} names step '{slug}', which has no handler"
                    )
        for slug, place in self.isolation.items():
            if place not in ("thread", "process"):
                raise RegistryError(
                    f"pattern '{self.glob}', step '{slug}': isolation is 'thread' or 'process', not {place!r}"
                )
            if place == "process" and slug in self.signals:
                raise RegistryError(
                    f"pattern '{self.glob}', step '{slug}': a handler with isolation 'process' cannot wait "
                    "for a signal",
                    help="say 'thread', or let a step before it wait: an approval needs no handler",
                )
            if place == "process":
                check_importable(f"pattern '{self.glob}', step '{slug}'", self.handlers[slug])

    @cached_property
    def expression(self) -> str:
        """For PostgreSQL's operator `~`."""
        return expression(self.glob)

    def matches(self, slug: str) -> bool:
        """Whether the flow of that slug is one of these."""
        return matches(self.glob, slug)

    def in_processes(self) -> list[Handler]:
        """The handlers that run in processes."""
        return [self.handlers[slug] for slug, place in self.isolation.items() if place == "process"]

    def missing(self, stored: StoredFlow, declared: Declared) -> list[str]:
        """The steps of the flow that need a handler and have none here."""
        flow = stored.row["flow_slug"]
        return [
            step.slug
            for step in stored.steps
            if step.slug not in self.handlers and declared.get((flow, step.slug)) != "approval"
        ]

    def flow(self, slug: str, stored: StoredFlow, declared: Declared) -> Flow[Any]:
        """The stored flow as generated code would state it, with JSON for all types."""
        row = stored.row
        kinds = {step.slug: declared.get((slug, step.slug)) for step in stored.steps}
        return Flow(
            slug=slug,
            kind="job" if row.get("flow_type") == "job" else "flow",
            input=JsonValue,
            max_attempts=row["opt_max_attempts"],
            base_delay=row["opt_base_delay"],
            timeout=row["opt_timeout"],
            definition_hash="",
            steps=tuple(
                Step(
                    slug=step.slug,
                    kind=step.kind,
                    depends_on=step.depends_on,
                    argument=JsonValue,
                    output=JsonValue,
                    isolation=self.isolation.get(step.slug),
                    signal=self.signals.get(step.slug, JsonValue if kinds[step.slug] else Undeclared.SIGNAL),
                    approval=kinds[step.slug] == "approval",
                )
                for step in stored.steps
            ),
        )


def check_importable(what: str, handler: Handler) -> None:
    """Another process gets the handler by its name; RegistryError, which begins with `what`, if it cannot."""
    try:
        pickle.dumps(handler)
    except Exception as error:
        raise RegistryError(
            f"{what}: isolation is 'process', and the handler cannot be imported by its name: "
            f"{str(error).strip().splitlines()[0]}",
            help="define it with `def` or `async def` at the top level of a module",
        ) from None


def parse_pattern(text: str) -> FlowPattern:
    """The pattern that `GLOB=MODULE` or `GLOB=MODULE:NAME` means.

    Handlers are the functions that MODULE defines, by their names, or those of its mapping NAME. Raises
    RegistryError if it is written otherwise, or cannot be imported.
    """
    glob, equals, place = text.partition("=")
    module_name, colon, name = place.partition(":")
    if not equals or not all(part.isidentifier() for part in module_name.split(".")):
        raise RegistryError(
            f"'{text}' is no pattern with its handlers", help="write GLOB=MODULE: 'acct_*_sync=shop.accounts'"
        )
    try:
        module = import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise RegistryError(
                f"there is no module '{missing}' for pattern '{glob}'", help="name it as Python imports it"
            ) from None
        from pgflowc_runtime.loading import failed_import  # which needs patterns for its registries

        raise failed_import(error, module_name.partition(".")[0]) from error
    if colon:
        handlers = getattr(module, name, None)
        if not isinstance(handlers, Mapping):
            raise RegistryError(
                f"{module_name} has no mapping '{name}' for pattern '{glob}'",
                help=f'write {name} = {{"step": function}}',
            )
        return FlowPattern(glob, handlers)
    functions = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return FlowPattern(glob, functions)
