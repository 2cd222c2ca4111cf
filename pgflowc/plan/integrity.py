"""Whether what the lock records is still there: migrations as they were written, and specs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.plan.lock import LOCK, Lock, LockedMigration


def checksum(content: bytes) -> str:
    """The checksum of a migration file as the lock records it: SHA-256 in hex."""
    return sha256(content).hexdigest()


def check_integrity(
    lock: Lock, slugs: Collection[str], directory: str, present: Mapping[str, bytes], report: Report
) -> None:
    """Report recorded migrations that are missing or edited, and recorded flows that are not in `slugs`."""
    for slug, flow in sorted(lock.flows.items()):
        for migration in flow.migrations:
            _check_migration(slug, migration, directory, present, report)
        if slug not in slugs:
            report.add(
                Diagnostic(
                    generated.SPEC_GONE,
                    f"{flow.kind} '{slug}' is in {LOCK} but has no spec",
                    help=(
                        f"to remove it, write a migration with: SELECT "
                        f"pgflow.delete_flow_and_data('{slug}'); "
                        f"and delete its entry in {LOCK}; if its spec was renamed, restore the slug",
                    ),
                )
            )


def _check_migration(
    slug: str, migration: LockedMigration, directory: str, present: Mapping[str, bytes], report: Report
) -> None:
    path = f"{directory}/{migration.name}"
    content = present.get(migration.name)
    if content is None:
        report.add(
            Diagnostic(
                generated.MIGRATION_MISSING,
                f"{path} is missing; {LOCK} says that it creates '{slug}'",
                help=(f"git checkout -- {path}",),
            )
        )
    elif checksum(content) != migration.checksum:
        report.add(
            Diagnostic(
                generated.MIGRATION_EDITED,
                f"{path} was changed after it was written; {LOCK} has another checksum",
                help=(f"git checkout -- {path}",),
            )
        )
