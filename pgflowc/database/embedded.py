"""The project's own PostgreSQL: where its data is, and starting and stopping it.

The data is in `<project>/.pgflowc/postgres`. Where the server cannot use that directory (root's project in a
closed directory, a file system without permissions) it is in a state directory, under a name made from the
project's path. The server outlives the command that starts it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pgflowc.database.account import make_reachable, server_account
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.errors import DatabaseError


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """The embedded server of one project (its directory, absolute)."""

    project: Path

    @classmethod
    def of(cls, project_root: Path) -> EmbeddedServer:
        """The server of the project in `project_root`. Raises DatabaseError when there is no project."""
        root = project_root.resolve()
        if not (root / "pgflowc.toml").is_file():
            raise DatabaseError(
                f"no database is named, and {root} holds no pgflowc.toml to keep an embedded one for",
                help="run the command in a project (or with --project DIR), or name a database with --dsn",
            )
        return cls(root)

    def start(self) -> str:
        """Start the server, its data made first if need be; its DSN. Does nothing when it runs already."""
        with self._alone():
            data = self._existing_data() or self._choose_data()
            cluster = self._cluster(data)
            if not cluster.exists():
                cluster.create()
            cluster.start()
            return cluster.dsn()

    def running_dsn(self) -> str | None:
        """The DSN of the running server; None when it does not run."""
        data = self._existing_data()
        if data is None:
            return None
        server_account(data)  # refuses another user's server
        # Programs and account matter only to start it.
        cluster = Cluster(data, data)
        return cluster.dsn() if cluster.pid() is not None else None

    def stop(self, *, delete: bool = False) -> bool:
        """Stop the server; with `delete` remove its data too. Whether there was anything to do."""
        data = self._existing_data()
        if data is None:
            return False
        with self._alone():
            server_account(data)  # refuses another user's server
            cluster = Cluster(data, data)
            stopped = cluster.stop()
            if delete:
                cluster.delete()
                if data != self._places()[0]:
                    with suppress(OSError):  # only this project's own directory, and only if it is empty
                        data.parent.rmdir()
            return stopped or delete

    @property
    def data(self) -> Path | None:
        """The data directory; None while there is none."""
        return self._existing_data()

    def _cluster(self, data: Path) -> Cluster:
        account = server_account(data)
        return Cluster(data, usable_binaries(embedded_binaries(), account, _state_directory()), account)

    def _places(self) -> tuple[Path, Path]:
        key = hashlib.sha256(os.fsencode(self.project)).hexdigest()[:16]
        return self.project / ".pgflowc" / "postgres", _state_directory() / key / "postgres"

    def _existing_data(self) -> Path | None:
        return next((place for place in self._places() if _exists(place / "PG_VERSION")), None)

    def _choose_data(self) -> Path:
        inside, outside = self._places()
        chosen = inside if self._serves_from(inside.parent) else outside
        try:
            make_reachable(chosen.parent)
        except OSError as error:
            raise DatabaseError(
                f"the embedded server has no place for its data: {chosen.parent}: {error.strerror}",
                help="name a database with --dsn, or set XDG_STATE_HOME to a writable directory",
            ) from error
        return chosen

    def _serves_from(self, directory: Path) -> bool:
        account = server_account(directory / "postgres")
        probe = directory / f"probe.{os.getpid()}"
        try:
            probe.mkdir(mode=0o700)
        except OSError:
            return False
        try:
            if account is not None:
                os.chown(probe, account.uid, account.gid)
            # PostgreSQL insists on a private directory; some mounts give every file the same mode.
            private = probe.stat().st_mode & 0o077 == 0
            return private and (account is None or account.sees(probe))
        except OSError:
            return False
        finally:
            shutil.rmtree(probe, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # Two commands at once would both make the data directory, or one start what the other stops.
        directory = self.project / ".pgflowc"
        try:
            make_reachable(directory)
            ignore = directory / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            lock = (directory / "lock").open("w")
        except OSError as error:
            raise DatabaseError(
                f"cannot write in {directory}: {error.strerror}",
                help="make the project writable, or name a database with --dsn",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True  # another user's data directory, closed to us
    except OSError:
        return False
    return True


def _state_directory() -> Path:
    base = os.environ.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "pgflowc"
    if os.geteuid() == 0:
        return Path("/var/lib/pgflowc")  # root's home is closed to the account that the server runs as
    try:
        return Path.home() / ".local" / "state" / "pgflowc"
    except RuntimeError:
        raise DatabaseError(
            f"user {os.geteuid()} has no account on this machine, which PostgreSQL needs to start",
            help="run pgflowc as a user with an account, or name a database with --dsn",
        ) from None
