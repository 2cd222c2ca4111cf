"""A type that nothing needs is probably a slip."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.graph.draft import Draft


def check(draft: Draft, report: Report) -> None:
    """Warn of types that neither the input nor an output reaches; silent when a fault may hide where they are
    used.
    """
    if draft.spec.damaged or report.has_errors:
        return
    used_by: dict[str | None, set[str]] = {}
    for use in draft.type_uses:
        used_by.setdefault(use.within, set()).add(use.name)
    reached: set[str] = set()
    waiting = list(used_by.get(None, ()))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(used_by.get(name, ()))
    unused = [name for name in draft.types if name not in reached and name not in draft.derived]
    # What only an unused type uses is a consequence; of types that use each other the first is named.
    needed = {inner for name in unused for inner in used_by.get(name, ()) if inner != name}
    for name in [name for name in unused if name not in needed] or unused[:1]:
        report.add(
            Diagnostic(
                codes.UNUSED,
                f"the type '{name}' is not used",
                draft.spec.key_span("types", name),
                help=("use it in 'input' or an 'output', or remove it",),
            )
        )
