"""8xx: the lock, migrations and generated files are not what pgflowc left there."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

CHANGED_DEFINITION = Code(
    "PGF801",
    Severity.ERROR,
    "a flow changes in a way that runs alive would not survive",
    cause="Runs that are alive have the steps, dependencies, kinds and conditions that the flow had when "
    "they started. With `on_change: version`, the default, a change of those makes a new version, and runs "
    "finish on theirs. Here that cannot be: the queue of the version would have more than 47 characters, or "
    "the Python of the former one is not there as it was compiled, so that it cannot be kept for its runs: "
    "a generated file is missing or edited, or a handler was renamed before compiling.",
    example="$ rm shop/_generated/orders.py   # and flows/orders.yaml has another step",
    cure="Do what the first line of help says: restore the generated files from version control and compile "
    "again. Or write `on_change: drain` into the flow: the migration is refused while runs are alive, and "
    "finished runs stay. Or `on_change: recreate`, and run `pgflowc compile --allow-data-loss`: all its runs "
    "are deleted.",
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
    cure="After a merge keep the lock of the branch that is deployed, delete the migrations that it does not "
    "record, and compile again. Otherwise restore the file from version control.",
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
    "a flow has migrations but no spec",
    cause="The spec was removed or renamed. Databases that applied the migrations still have the flow, "
    "and its runs.",
    example="$ git rm flows/orders.yaml && pgflowc compile",
    cure="If the flow shall go: `pgflowc compile --allow-data-loss` writes the migration that deletes it "
    "with its finished runs, and that is refused while runs are alive. If the spec was renamed, restore its "
    "slug.",
)

MIGRATION_UNRECORDED = Code(
    "PGF807",
    Severity.ERROR,
    "a migration that the lock does not record is not what the spec needs",
    cause="The file comes after all other migrations and is about the flow, but pgflowc.lock does not record "
    "it, and the spec has changed since: compiling was killed before it wrote the lock, or the lock was "
    "lost in a merge. A database may have applied the file.",
    example="$ rm pgflowc.lock && sed -i s/60/90/ flows/orders.yaml && pgflowc compile",
    cure="Restore the lock from version control. If no database that matters has applied the file, delete "
    "it, and its .down.sql, and compile again.",
)

DATA_LOSS = Code(
    "PGF808",
    Severity.ERROR,
    "a migration would delete runs, and nobody allowed it",
    cause="The flow has `on_change: recreate`, and its change is one that runs alive would not survive: "
    "the migration would delete the flow with all its runs, alive and finished ones, and create it anew.",
    example="on_change: recreate\nsteps:\n  pay: {}   # its migration says `charge`",
    cure="If the runs may go, run `pgflowc compile --allow-data-loss`. If finished runs shall stay, write "
    "`on_change: drain`.",
)

MANY_HEADS = Code(
    "PGF809",
    Severity.ERROR,
    "the revisions of alembic have several heads",
    cause='With `migrations_format = "alembic"` a new migration is a revision that follows the newest one, '
    "and there are several that none follows: usually two branches were merged.",
    example="$ git merge other-branch && pgflowc compile",
    cure="Run `alembic merge heads`, or delete the newer revision of pgflowc's if no database has applied "
    "it, restore pgflowc.lock, and compile again.",
)

STRAY_MIGRATION = Code(
    "PGF810",
    Severity.WARNING,
    "a migration of pgflowc's is not recorded in the lock",
    cause="The file says that pgflowc wrote it, and pgflowc.lock does not know it: after a merge, the lock "
    "of one branch was kept, and the migrations of both. `pgflowc db up` would apply the file all the"
    " same, and the lock would be wrong about what is in the database.",
    example="$ git checkout --ours pgflowc.lock && pgflowc compile",
    cure="Delete the file, and its .down.sql, and compile again: what the spec still has of its change is "
    "part of the next migration. If a database applied it, restore the lock that records it instead.",
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

HANDLER_UNFIT = Code(
    "PGF815",
    Severity.WARNING,
    "a handler's signature no longer fits its step",
    cause="The step's dependencies or types have changed since the handler was written. The worker calls it "
    "with what the spec says now. Handlers are yours, so pgflowc does not rewrite them.",
    example="async def charge(input: OrdersInput, ctx: Context[OrdersInput]) -> ChargeOutput:\n"
    "    ...   # and the spec now says: depends_on: [validate]",
    cure="Change the parameters and their types as the message says; compiling has written the new types. "
    "A type checker then shows what else has to change.",
)

HANDLER_GONE = Code(
    "PGF816",
    Severity.WARNING,
    "a handler belongs to no step any more",
    cause="The file of handlers has a function with a handler's signature, no step has its name, and nothing "
    "in the file uses it: the step was removed or renamed. If what it imports is gone as well, the "
    "worker cannot import the file.",
    example="async def refund(deps: RefundDeps, ctx: Context[OrdersInput]) -> RefundOutput:\n"
    "    ...   # and the spec has no step refund",
    cure="Delete the function and its imports. If the step was renamed, write `was: refund` at the new step, "
    "or rename the function.",
)

HANDLER_NOT_RENAMED = Code(
    "PGF817",
    Severity.WARNING,
    "a renamed step's handler still has its old name",
    cause="The spec says `was:` at the step. A stub that nobody has touched is renamed with it; this handler "
    "has been written, and handlers are yours.",
    example="async def bill(deps: BillDeps, ctx: Context[OrdersInput]) -> BillOutput:\n"
    "    ...   # and the spec says: charge: {was: bill}",
    cure="Rename the function, and its types, as the message says. The worker cannot start before.",
)

IMPORT_GONE = Code(
    "PGF818",
    Severity.WARNING,
    "a file of handlers imports what is not generated any more",
    cause="The type was removed or renamed in the spec, or the step that it belonged to. The worker cannot "
    "import the file.",
    example="from shop._generated.orders import Address   # and the spec has no such type",
    cure="Remove the import, or import what took the type's place.",
)

VERSION_TAKEN = Code(
    "PGF819",
    Severity.ERROR,
    "a flow has the slug of a version of another flow",
    cause="The second version of flow `orders` is stored as `orders_v2`, and the Python of the first one is "
    "kept as `orders_v1`. A flow of one of these names would have the same queue or the same modules.",
    example="flow: orders_v2   # and flow orders has two versions",
    cure="Give the flow another slug. If it was there first, write `on_change: drain` into the flow that is "
    "to get a version, or retire the version.",
)

FORMER_CODE = Code(
    "PGF822",
    Severity.ERROR,
    "the Python of a former version is missing or was edited",
    cause="pgflowc.lock says that a flow has a former version, which may have runs alive. Its generated "
    "module and its handlers were written once, from those of the flow as it was, and cannot be made again.",
    example="$ rm shop/handlers/orders_v1.py && pgflowc compile",
    cure="Restore the file from version control. If no run of the version is alive any more, "
    "`pgflowc versions retire orders 1` makes an end of it.",
)

SHARED_HANDLER = Code(
    "PGF823",
    Severity.WARNING,
    "a former version calls a handler that the current one may change",
    cause="The spec says `handler: module:function`, so the function is not in the file of handlers that is "
    "kept for the former version. Both versions call it, each with payloads of its own.",
    example="steps:\n  confirm: {handler: shop.mail:confirm, depends_on: [charge]}",
    cure="Let the function take the payloads of both until the former version is retired, or name another "
    "function for the new version.",
)

NO_FORMER_STEP = Code(
    "PGF824",
    Severity.ERROR,
    "a step is said to have been one that never was",
    cause="`was` names the slug that a step had in the last migration, so that the step is renamed. By "
    "pgflowc.lock the flow never had a step of that slug: the migration would delete one step with what "
    "belongs to it, and create another.",
    example="steps:\n  charge: {was: bil}   # and the step was 'bill'",
    cure="Correct the slug, or remove `was` if the step is a new one.",
)
