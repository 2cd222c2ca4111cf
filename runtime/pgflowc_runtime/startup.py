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
from pgflowc_runtime.agreement import agreements
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline, is_transient
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import FlowMismatch, SchemaError
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import Capabilities, StoredStep
from pgflowc_runtime.versions import MIGRATE, check_capabilities, check_served, check_versions

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
    check_served(capabilities)
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
    found = await agreements(database, registry)
    faults = [one.sentence for one in found if one.sentence]
    if faults:
        raise FlowMismatch("; ".join(faults), help=f"{MIGRATE} to apply this project's migrations")
    for one in found:
        for difference in one.differences:
            log.warning("%s; the database decides", difference)
    stored = [(one.flow.slug, one.stored) for one in found if one.stored is not None]
    return {(slug, step.slug): step for slug, flow in stored for step in flow.steps}
