"""What the commands over runs share: the database, the client, and errors in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from pgflowc.cli.exit import ENVIRONMENT, FINDINGS, fail
from pgflowc.database.dsn import resolve_dsn
from pgflowc.database.errors import DatabaseError
from pgflowc_runtime.client import Client
from pgflowc_runtime.connection import headline
from pgflowc_runtime.errors import PgflowcError


def resolved_dsn(dsn: str | None, root: Path) -> str:
    """The database of --dsn, the environment, the project, or its embedded server; exits 2 if there is none,
    and 1 if pgflowc.toml has a fault.
    """
    try:
        return resolve_dsn(dsn, root, start_embedded=False).dsn
    except DatabaseError as error:
        fail(error.message, help=error.help, code=FINDINGS if error.finding else ENVIRONMENT)


@contextmanager
def connected(dsn: str | None, root: Path) -> Iterator[Client]:
    """A client of that database; its errors, and those of the block, exit 2 with one line."""
    try:
        with Client(resolved_dsn(dsn, root)) as client:
            yield client
    except PgflowcError as error:
        fail(str(error), help=error.help)
    except psycopg.Error as error:
        fail(f"the database refuses: {headline(error)}")
