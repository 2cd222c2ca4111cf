"""Whether the migrations that are there are those that the lock records, as they were written."""

from __future__ import annotations

from collections.abc import Mapping, Set
from hashlib import sha256

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.plan.lock import LOCK, Lock
from pgflowc.plan.names import is_ours


def checksum(content: bytes) -> str:
    """The checksum of a migration file as the lock records it: SHA-256 in hex."""
    return sha256(content).hexdigest()


def check_integrity(lock: Lock, directory: str, present: Mapping[str, bytes], report: Report) -> None:
    """Report recorded migrations that are missing or edited; `directory` is how messages call their place."""
    for migration in lock.migrations:
        path = f"{directory}/{migration.name}"
        content = present.get(migration.name)
        if content is None:
            message = f"{path} is missing; {LOCK} says that it is a migration of '{migration.flow}'"
            report.add(Diagnostic(generated.MIGRATION_MISSING, message, help=(f"git checkout -- {path}",)))
        elif checksum(content) != migration.checksum:
            message = f"{path} was changed after it was written; {LOCK} has another checksum"
            report.add(Diagnostic(generated.MIGRATION_EDITED, message, help=(f"git checkout -- {path}",)))


def check_strays(
    lock: Lock, planned: Set[str], directory: str, present: Mapping[str, bytes], report: Report
) -> None:
    """Report migrations of ours that the lock does not record, and that are not those `planned` (by name
    without suffix) from an earlier try.
    """
    recorded = {migration.name for migration in lock.migrations}
    for name, content in sorted(present.items()):
        if name not in recorded and is_ours(name, content) and name.rpartition(".")[0] not in planned:
            message = f"{directory}/{name} was written by pgflowc, and {LOCK} does not record it"
            help = "if it came with another branch's lock, delete it, and its .down.sql, and compile again"
            report.add(Diagnostic(generated.STRAY_MIGRATION, message, help=(help,)))
