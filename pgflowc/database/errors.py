"""The one exception of this package: what is wrong with the world outside, and the command that mends it."""

from __future__ import annotations


class DatabaseError(Exception):
    """Something outside pgflowc is not as it must be.

    `message` is one line without a password in it; `help` is the way out, best a command. `finding`
    tells a fault of the project (an edited migration, one that fails) from one of the environment.
    """

    def __init__(self, message: str, *, help: str = "", finding: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.finding = finding


class NotRunningError(DatabaseError):
    """The embedded server is meant, and does not run."""
