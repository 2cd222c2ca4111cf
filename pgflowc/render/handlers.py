"""Files of handlers: created once with a stub for each step; later only stubs of new steps are appended.

Through libcst, which keeps every byte of what it does not change. What a file binds already, in whatever way,
gets no stub.
"""

from __future__ import annotations

from collections.abc import Iterable

from pgflowc.render.bound_names import bound_names
from pgflowc.render.imports import from_import
from pgflowc.render.layout import Group, Prefixed, lay_out
from pgflowc.render.literals import docstring_lines, python_text
from pgflowc.render.payloads import BUILTINS
from pgflowc.render.python import parse_python
from pgflowc.render.signatures import Signature, TypedFlow
from pgflowc.render.templates import fill


def stubs_needed(typed: TypedFlow) -> tuple[Signature, ...]:
    """The handlers that live in the flow's file: those that the spec does not place elsewhere."""
    return tuple(signature for signature in typed.signatures if signature.step.handler is None)


def render_handlers(package: str, typed: TypedFlow) -> str:
    """The text of a new `handlers/<flow>.py`."""
    signatures = stubs_needed(typed)
    flow = typed.flow
    what = "Handler of job" if flow.kind == "job" else "Handlers of flow"
    return fill(
        "handlers.py.jinja",
        title=f"{what} `{flow.slug}`.",
        imports=[from_import(*needed) for needed in _imports(package, typed, signatures).items()],
        stubs=[_stub(typed, signature) for signature in signatures],
    )


def append_handlers(package: str, typed: TypedFlow, text: str) -> str:
    """`text`, an existing file of handlers, with stubs for the steps that it has no function for.

    Raises SyntaxError, ValueError or RecursionError if it is not Python.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    source = text.removeprefix(mark)
    bound = bound_names(parse_python(source))
    names = typed.names.steps
    missing = [one for one in stubs_needed(typed) if names[one.step.slug].function not in bound]
    # What a star import brings cannot be known here, and a stub must not hide a function of the user's.
    if not missing or "*" in bound:
        return text
    # Slow to import, and needed only when there is something to append.
    from pgflowc.render.added_imports import add_imports

    head, newline = add_imports(source, _imports(package, typed, missing, bound))
    if head and not head.endswith(("\n", "\r")):
        head += newline
    stubs = "".join(f"\n\n{_stub(typed, signature)}\n" for signature in missing)
    return mark + head + stubs.replace("\n", newline)


def _imports(
    package: str, typed: TypedFlow, signatures: Iterable[Signature], bound: Iterable[str] = ()
) -> dict[str, set[str]]:
    """What stubs of these signatures need to import, by module, beyond the names that are bound."""
    generated = {typed.names.input}
    for signature in signatures:
        generated |= {signature.argument, signature.output}
    found = {
        "pgflowc_runtime": {"Context"},
        f"{package}._generated.{typed.names.module}": generated - BUILTINS,
    }
    return {module: names - {*bound} for module, names in found.items() if names - {*bound}}


def _stub(typed: TypedFlow, signature: Signature) -> str:
    step, flow = signature.step, typed.flow
    parameters = (
        f"{signature.parameter}: {signature.argument}",
        Prefixed("ctx: ", typed.context()),
    )
    name = typed.names.steps[step.slug].function
    head = lay_out("", Group(f"async def {name}", "()", parameters), f" -> {signature.output}:")
    description = step.description or (flow.description if flow.kind == "job" else None)
    lines = docstring_lines(description, "    ") if description else []
    todo = (
        f"write job '{flow.slug}'"
        if flow.kind == "job"
        else f"write step '{step.slug}' of flow '{flow.slug}'"
    )
    lines.append(lay_out("    raise ", Group("NotImplementedError", "()", (python_text(todo),)), "", "    "))
    return "\n".join([head, *lines])
