"""What a worker checks before it takes the first task: the core, its version, and that each flow is as
compiled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg

from pgflowc_runtime import queries
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import FlowMismatch, SchemaError
from pgflowc_runtime.flow import Flow, Step
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import Capabilities, StoredStep
from pgflowc_runtime.versions import MIGRATE, check_capabilities, check_versions

log = logging.getLogger("pgflowc.worker")
T = TypeVar("T")


async def persist(begin: Callable[[float], Awaitable[T]], patience: float) -> T:
    """What `begin(patience)` returns. If the database goes away in the midst of it, it is called again with
    what is left of the `patience` seconds; raises its error when nothing is left.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + patience
    backoff = Backoff(0.1, 3.0)
    while True:
        try:
            return await begin(deadline - now())
        except (psycopg.Error, OSError) as error:
            delay = backoff.next()
            if not is_transient(error) or now() + delay >= deadline:
                raise
            log.warning("the database went away at the start: %s; beginning again", headline(error))
            await asyncio.sleep(delay)


async def check_schema(database: Database) -> Capabilities:
    """What is installed; raises SchemaError if this runtime cannot work with it."""
    capabilities = await database.run(queries.capabilities())
    check_capabilities(capabilities)
    try:
        versions = (
            await database.run(queries.installed_components()) if capabilities.versions_recorded else {}
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise SchemaError(headline(error), help="grant this role what docs/worker.md lists") from None
    check_versions(versions)
    return capabilities


async def check_flows(database: Database, registry: Registry) -> dict[tuple[str, str], StoredStep]:
    """Each step as stored, by flow and step; raises FlowMismatch that names every flow that does not fit."""
    definitions: dict[tuple[str, str], StoredStep] = {}
    faults: list[str] = []
    for bound in registry:
        flow = bound.flow
        stored = await database.run(queries.stored_steps(flow.slug))
        if stored is None:
            faults.append(f"flow '{flow.slug}' is not in the database")
            continue
        differences = compare(flow, stored)
        if differences:
            faults.append(
                f"flow '{flow.slug}' in the database is not what was compiled: {'; '.join(differences)}"
            )
        definitions.update(((flow.slug, step.slug), step) for step in stored)
    if faults:
        raise FlowMismatch("; ".join(faults), help=f"{MIGRATE} to apply this project's migrations")
    _tell_option_differences(registry, definitions)
    return definitions


def compare(flow: Flow[object], stored: tuple[StoredStep, ...]) -> list[str]:
    """How the stored steps differ from the compiled ones in name, kind or dependencies."""
    there = {step.slug: step for step in stored}
    differences = [
        f"it has a step '{slug}' that the registry lacks" for slug in there if slug not in _slugs(flow)
    ]
    for step in flow.steps:
        if step.slug not in there:
            differences.append(f"it lacks step '{step.slug}'")
            continue
        found = there[step.slug]
        if found.kind != step.kind:
            differences.append(f"step '{step.slug}' is a {found.kind} step there and a {step.kind} step here")
        if set(found.depends_on) != set(step.depends_on):
            differences.append(
                f"step '{step.slug}' depends on {_names(found.depends_on)} there "
                f"and on {_names(step.depends_on)} here"
            )
    return differences


def _tell_option_differences(registry: Registry, definitions: dict[tuple[str, str], StoredStep]) -> None:
    for bound in registry:
        for step in bound.flow.steps:
            stored = definitions[bound.flow.slug, step.slug]
            compiled = _options(bound.flow, step)
            if (stored.max_attempts, stored.timeout) != compiled:
                log.warning(
                    "step '%s' of flow '%s': the database says max_attempts %d and timeout %d s, "
                    "the registry %d and %d s; the database decides",
                    step.slug,
                    bound.flow.slug,
                    stored.max_attempts,
                    stored.timeout,
                    *compiled,
                )


def _options(flow: Flow[object], step: Step) -> tuple[int, int]:
    attempts = flow.max_attempts if step.max_attempts is None else step.max_attempts
    return attempts, flow.timeout if step.timeout is None else step.timeout


def _slugs(flow: Flow[object]) -> frozenset[str]:
    return frozenset(step.slug for step in flow.steps)


def _names(slugs: tuple[str, ...]) -> str:
    return ", ".join(f"'{slug}'" for slug in sorted(slugs)) or "nothing"
