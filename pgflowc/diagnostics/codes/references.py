"""820-829: functions that a spec names as handlers, `handler: shop.mail:confirm`."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

REFERENCE_MISSING = Code(
    "PGF820",
    Severity.ERROR,
    "a handler that a spec names is not there",
    cause="The project's source directory has the package, but not the module, or the module binds no such "
    "name. The generated registry would import it, and no worker could start. Modules of installed packages, "
    "and modules that make names while they are imported, are believed.",
    example="steps:\n  confirm: {handler: 'shop.mail:confrim'}   # shop/mail.py defines `confirm`",
    cure="Correct the name, or write the function. If it shall have the generated types, begin with a stub "
    "of two parameters: compiling then writes the types.",
)
REFERENCE_UNFIT = Code(
    "PGF821",
    Severity.WARNING,
    "a handler that a spec names does not fit its step",
    cause="The worker calls a handler with two arguments: the run's input, the outputs of dependencies or "
    "an element, and the context. The function takes others, or says that it returns something else than the "
    "step's output. Only its text is read, nothing is imported.",
    example="async def confirm(order_id: int) -> str:\n"
    "    ...   # and the spec says: confirm: {depends_on: [charge]}",
    cure="Change the function, or remove `handler:` and call the function from the stub that is written "
    "then.",
)
