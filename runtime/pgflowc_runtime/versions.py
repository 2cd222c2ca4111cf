"""Which servers and versions of the SQL this runtime works with. Pure."""

from __future__ import annotations

from pgflowc_runtime.errors import SchemaError
from pgflowc_runtime.rows import Capabilities

# component -> (oldest version that this runtime works with, newest that it knows).
SUPPORTED: dict[str, tuple[int, int]] = {"core": (1, 1), "helpers": (1, 1), "pgflowc": (1, 1)}
OLDEST_SERVER = 140000

MIGRATE = "run `pgflowc db up`"
UPGRADE = "upgrade it: `pip install --upgrade pgflowc`"


def check_capabilities(capabilities: Capabilities) -> None:
    """Raise SchemaError if the server is too old or has no core."""
    if capabilities.server_version < OLDEST_SERVER:
        raise SchemaError(
            f"PostgreSQL {capabilities.server_version // 10000} is too old: pgflowc needs 14 or later"
        )
    if not capabilities.core_installed:
        raise SchemaError("the pgflow core is not installed in this database", help=MIGRATE)


def check_served(capabilities: Capabilities) -> None:
    """Raise SchemaError if no worker can serve this core."""
    if missing := " and no ".join(capabilities.lacking):
        raise SchemaError(
            f"the core of this database is too old for pgflowc's workers: it has no {missing}",
            help="upgrade schema pgflow as it was installed; `pgflowc db check` names what it looks like",
        )


def check_versions(versions: dict[str, int]) -> None:
    """Raise SchemaError if a recorded version is not supported. Components without a record are somebody
    else's.
    """
    for component, (oldest, newest) in SUPPORTED.items():
        version = versions.get(component)
        if version is None:
            continue
        if version < oldest:
            raise SchemaError(
                f"the database has version {version} of '{component}', this pgflowc needs {oldest}",
                help=MIGRATE,
            )
        if version > newest:
            raise SchemaError(
                f"the database has version {version} of '{component}', newer than {newest}, "
                "the latest that this pgflowc knows",
                help=UPGRADE,
            )
