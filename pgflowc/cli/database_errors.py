"""How trouble with a database ends a command: one line, and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pgflowc.cli.exit import ENVIRONMENT, FINDINGS, fail
from pgflowc.database.errors import DatabaseError


@contextmanager
def database_errors() -> Iterator[None]:
    """Exit with what a DatabaseError in the block says: 1 for a fault of the project, else 2."""
    try:
        yield
    except DatabaseError as error:
        fail(error.message, help=error.help, code=FINDINGS if error.finding else ENVIRONMENT)
