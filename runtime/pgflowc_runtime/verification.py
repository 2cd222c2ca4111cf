"""Whether handlers, generated code and a database go together, without taking a task: `pgflowc verify`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Verification:
    """`flows` in the order of the registry; `others` are those of the database that it lacks, sorted."""

    flows: tuple[Agreement, ...]
    others: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether every flow is in the database as it was compiled."""
        return all(one.state == "same" for one in self.flows)


def check_handlers(package: str, directories: Sequence[Path] = ()) -> Registry | tuple[RegistryError, ...]:
    """The registry of `package`, its handlers imported; or everything that stands in the way, each module of
    handlers tried.
    """
    try:
        return load_registry(package, directories)
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
        await startup.check_schema(database)
        found = await agreements(database, registry)
        stored = await database.run(queries.flows())
    finally:
        await database.close()
    here = {one.flow.slug for one in registry}
    return Verification(found, tuple(flow.slug for flow in stored if flow.slug not in here))


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
