"""The operating system's account that a PostgreSQL server of ours runs as: PostgreSQL refuses root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgflowc.database.errors import DatabaseError

# No account is made for the server: the first is there where PostgreSQL is installed, the second everywhere.
_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account, by its numbers."""

    uid: int
    gid: int

    def sees(self, path: Path) -> bool:
        """Whether the account can enter the directory or run the file `path`."""
        return subprocess.run(["test", "-x", str(path)], check=False, **run_as(self)).returncode == 0


def server_account(data: Path) -> Account | None:
    """Who runs the server on `data`: its owner, else an unprivileged account; None is the current user.

    Raises DatabaseError when this user may not run a server on that directory.
    """
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise DatabaseError(
                f"the embedded server's data in {data} belongs to user {_name(data.stat().st_uid)}",
                help="run the command as that user (or as root), or name a database with --dsn",
            )
        return None
    if data.exists():
        owner = data.stat()
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    for account in _unprivileged():
        return account
    raise DatabaseError(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody' to run it as",
        help="run pgflowc as an ordinary user, or name a database with --dsn",
    )


def make_reachable(directory: Path) -> None:
    """Make a directory, and those above it, that root's server can pass through whatever the umask is."""
    for missing in reversed([place for place in (directory, *directory.parents) if not place.exists()]):
        missing.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            missing.chmod(0o755)


def run_as(account: Account | None) -> dict[str, Any]:
    """Arguments of `subprocess.run` that make a command run as `account`."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _unprivileged() -> Iterator[Account]:
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield Account(entry.pw_uid, entry.pw_gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
