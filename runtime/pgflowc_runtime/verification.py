"""Whether handlers, generated code and a database go together, without taking a task: `pgflowc verify`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from pgflowc_runtime import queries, startup
from pgflowc_runtime.agreement import Agreement, agreements
from pgflowc_runtime.database import Database
from pgflowc_runtime.errors import RegistryError
from pgflowc_runtime.loading import failed_import, load_registry
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import SignalKind


@dataclass(frozen=True, slots=True)
class Verification:
    """`flows` in the order of the registry, those that a pattern serves last; `others` are those of the
    database that nobody here serves, by slug, each with the reason.
    """

    flows: tuple[Agreement, ...]
    others: dict[str, str]

    @property
    def same(self) -> bool:
        """Whether every flow is in the database as it was compiled."""
        return all(one.state == "same" for one in self.flows)


def check_handlers(
    package: str, directories: Sequence[Path] = (), *, required: bool = True
) -> Registry | tuple[RegistryError, ...]:
    """The registry of `package` as `load_registry` finds it, its handlers imported; or everything that stands
    in the way, each module of handlers tried.
    """
    try:
        return load_registry(package, directories, required=required)
    except RegistryError as error:
        others = tuple(one for one in _broken_handlers(package) if str(one) != str(error))
        return (error, *others)


async def verify(registry: Registry, dsn: str, *, patience: float) -> Verification:
    """What a worker of that registry would find in the database.

    Raises DatabaseUnavailable after `patience` seconds, SchemaError, ConfigurationError and psycopg.Error.
    """
    database = Database(dsn, application_name="pgflowc verify", size=1)
    try:
        await database.open(patience=patience)
        capabilities = await startup.check_schema(database)
        found = await agreements(database, registry)
        here = {one.flow.slug for one in registry}
        others = [flow.slug for flow in await database.run(queries.flows()) if flow.slug not in here]
        declared = await database.run(queries.declared_signals()) if capabilities.has_signals else {}
        looks = [(slug, await _by_pattern(database, registry, slug, declared)) for slug in others]
    finally:
        await database.close()
    served = tuple(one for _, one in looks if isinstance(one, Agreement))
    return Verification((*found, *served), {slug: why for slug, why in looks if isinstance(why, str)})


async def _by_pattern(
    database: Database, registry: Registry, slug: str, declared: Mapping[tuple[str, str], SignalKind]
) -> Agreement | str:
    """A flow that was defined at run time, or why it is not served."""
    pattern = registry.pattern_of(slug)
    stored = None if pattern is None else await database.run(queries.stored_flow(slug))
    if pattern is None or stored is None:
        return "in the database, but not in this registry"
    if missing := pattern.missing(stored, declared):
        steps = ", ".join(f"'{step}'" for step in missing)
        return f"pattern '{pattern.glob}' has no handler for {steps}"
    return Agreement(pattern.flow(slug, stored, declared), stored)


def _broken_handlers(package: str) -> list[RegistryError]:
    try:
        handlers = import_module(f"{package}.handlers")
    except (Exception, SystemExit):
        return []  # the registry said so already
    found = []
    for module in sorted(walk_packages(handlers.__path__, f"{handlers.__name__}."), key=lambda one: one.name):
        if module.name in sys.modules:
            continue
        try:
            import_module(module.name)
        except (Exception, SystemExit) as error:
            found.append(failed_import(error, package))
    return found
