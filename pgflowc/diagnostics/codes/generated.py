"""8xx: the lock, migrations and generated files are not what pgflowc left there."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

CHANGED_DEFINITION = Code(
    "PGF801",
    Severity.ERROR,
    "a flow differs from what its migration establishes",
    cause="The flow has a migration already, and migrations are never written over: databases may have "
    "applied it. Migrations that change an existing flow are not part of pgflowc yet.",
    example="steps:\n  charge: {timeout: 60}   # its migration says 30",
    cure="Undo the change, or give the changed flow a new name. If no database that matters has "
    "applied the migration: delete the flow's migration files and its entry in pgflowc.lock, run "
    "`pgflowc db down --delete` and compile again.",
)

MIGRATION_MISSING = Code(
    "PGF802",
    Severity.ERROR,
    "a migration that the lock records is missing",
    cause="pgflowc.lock says that a file establishes a flow, and the file is not in the migrations "
    "directory.",
    example="$ rm migrations/0001_create_orders.sql && pgflowc compile",
    cure="Restore the file from version control. If no database that matters has applied it, delete "
    "the flow's entry in pgflowc.lock instead, and compile again.",
)

MIGRATION_EDITED = Code(
    "PGF803",
    Severity.ERROR,
    "a migration was changed after it was written",
    cause="The file's checksum is not the one in pgflowc.lock. Databases that applied the old text "
    "would differ from those that apply the new one.",
    example="$ sed -i s/60/90/ migrations/0001_create_orders.sql && pgflowc compile",
    cure="Restore the file from version control. Put statements of your own into a migration of their own.",
)

BROKEN_LOCK = Code(
    "PGF804",
    Severity.ERROR,
    "pgflowc.lock cannot be used",
    cause="The lock is not the JSON that pgflowc writes: a merge left conflict markers, or it was "
    "edited by hand.",
    example="<<<<<<< HEAD",
    cure="After a merge keep the entries of both sides; otherwise restore the file from version control.",
)

LOCK_VERSION = Code(
    "PGF805",
    Severity.ERROR,
    "pgflowc.lock was written by another version of pgflowc",
    cause="The lock's format has a version, and this pgflowc does not know it.",
    example='{"version": 7, "flows": {}}',
    cure="Install the version of pgflowc that the project uses.",
)

SPEC_GONE = Code(
    "PGF806",
    Severity.WARNING,
    "a flow has a migration but no spec",
    cause="The spec was removed or renamed. Databases that applied the migration still have the flow, "
    "and its runs.",
    example="$ git rm flows/orders.yaml && pgflowc compile",
    cure="If the flow shall go, write a migration with: SELECT pgflow.delete_flow_and_data('orders'); "
    "it deletes its runs too. Then delete the flow's entry in pgflowc.lock. If the spec was "
    "renamed, restore its slug.",
)

MIGRATION_UNRECORDED = Code(
    "PGF807",
    Severity.ERROR,
    "a migration that the lock does not record creates another flow than the spec",
    cause="The file comes after all other migrations and creates the flow, but pgflowc.lock has no entry "
    "for it, and the spec has changed since: compiling was killed before it wrote the lock, or the lock was "
    "lost in a merge. A database may have applied the file.",
    example="$ rm pgflowc.lock && sed -i s/60/90/ flows/orders.yaml && pgflowc compile",
    cure="Restore the lock from version control. If no database that matters has applied the file, delete "
    "it, and its .down.sql, and compile again.",
)

EDITED = Code(
    "PGF811",
    Severity.ERROR,
    "a generated file was edited by hand",
    cause="The file's content does not match the hash in its header, so compiling would lose somebody's"
    " change.",
    example="$ echo 'DEBUG = True' >> shop/_generated/orders.py && pgflowc compile",
    cure="Move the change to the spec or to your own modules, then run `pgflowc compile --force`, "
    "which writes the file anew.",
)

NOT_GENERATED = Code(
    "PGF812",
    Severity.ERROR,
    "a file of yours stands where a generated one belongs",
    cause="The file has no header of pgflowc, so it is not written over.",
    example="$ ls shop/registry.py   # written by hand",
    cure="Rename your file, or compile into another package. `pgflowc compile --force` replaces it.",
)

ORPHANED_HANDLERS = Code(
    "PGF814",
    Severity.WARNING,
    "a file of handlers belongs to no flow any more",
    cause="The spec was removed or renamed. Handlers are yours, so pgflowc leaves them, but the "
    "generated module that they import is removed.",
    example="$ git rm flows/orders.yaml && pgflowc compile",
    cure="Delete the file, or move its functions to the handlers of the renamed flow.",
)

UNPARSABLE_HANDLERS = Code(
    "PGF813",
    Severity.ERROR,
    "a file of handlers is not valid Python",
    cause="New steps need stubs in the file, and pgflowc adds nothing to a file that it cannot parse.",
    example="async def charge(deps: ChargeDeps, ctx -> ChargeOutput:",
    cure="Correct the file and compile again.",
)
