"""Files of handlers: created once with a stub for each step; later only stubs of new steps are appended.

What a file binds already, in whatever way, gets no stub. A stub that nobody has touched follows its step to
another slug (`was:`); everything else in the file keeps every byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.render.handler_faults import check_handlers
from pgflowc.render.imports import from_import
from pgflowc.render.layout import Group, Prefixed, flat, lay_out
from pgflowc.render.literals import docstring_lines, python_text
from pgflowc.render.names import function_name
from pgflowc.render.payloads import BUILTINS
from pgflowc.render.renamed_stubs import is_untouched_stub, renamed, retyped
from pgflowc.render.signatures import Signature, TypedFlow
from pgflowc.render.templates import fill
from pgflowc.render.written_handlers import WrittenHandlers


def stubs_needed(typed: TypedFlow) -> tuple[Signature, ...]:
    """The handlers that live in the flow's file: those that the spec does not place elsewhere."""
    return tuple(signature for signature in typed.handled if signature.step.handler is None)


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


def continue_handlers(package: str, typed: TypedFlow, written: WrittenHandlers) -> str:
    """The text of `written`, an existing file of handlers, with stubs for the steps that it has no function
    for, and with those renamed that nobody has touched and whose step has another slug now.

    Raises SyntaxError for Python that libcst cannot parse.
    """
    # What a star import brings cannot be known here, and a stub must not hide a function of the user's.
    if written.takes_everything:
        return written.text
    missing = _missing(typed, written)
    moved = [one for one in missing if _former(typed, one, written) is not None]
    followed = [one for one in moved if _follows(typed, one, written)]
    appended = [one for one in missing if one not in moved]
    return _continued(package, typed, written, appended, followed)


def check_written(
    typed: TypedFlow, written: WrittenHandlers, elsewhere: Collection[str], report: Report
) -> None:
    """Report what of a file of handlers does not fit the flow.

    `elsewhere` are functions of it that specs refer to by name.
    """
    names = typed.names.steps
    moved = [one for one in _missing(typed, written) if _former(typed, one, written) is not None]
    for signature in moved:
        if not _follows(typed, signature, written):
            _report_not_renamed(typed, signature, written, report)
    told = {_former(typed, one, written) or "" for one in moved}
    heads = {names[one.step.slug].function: _head(typed, one, broken=False) for one in stubs_needed(typed)}
    check_handlers(typed, written, heads, elsewhere, told, report)


def _missing(typed: TypedFlow, written: WrittenHandlers) -> list[Signature]:
    """The handlers that belong into the file, and for whose name it binds nothing."""
    names = typed.names.steps
    return [one for one in stubs_needed(typed) if names[one.step.slug].function not in written.bound]


def _former(typed: TypedFlow, signature: Signature, written: WrittenHandlers) -> str | None:
    """The function that the step had under its former slug, if it is still there and is no other step's."""
    was = signature.step.was
    if was is None or was in typed.names.steps:
        return None
    return function_name(was) if function_name(was) in written.functions else None


def _follows(typed: TypedFlow, signature: Signature, written: WrittenHandlers) -> bool:
    """Whether the stub can be renamed with its step; otherwise its author has to."""
    former = written.functions[_former(typed, signature, written) or ""]
    return is_untouched_stub(former, _to_write(typed, signature.step.was or ""))


def _report_not_renamed(
    typed: TypedFlow, signature: Signature, written: WrittenHandlers, report: Report
) -> None:
    former = written.functions[_former(typed, signature, written) or ""]
    step = signature.step
    new = typed.names.steps[step.slug].function
    message = f"step '{step.slug}' was '{step.was}' before, and its handler is still called '{former.name}'"
    help = (f"rename it to '{new}', and write it as: {_head(typed, signature, broken=False)}",)
    report.add(Diagnostic(generated.HANDLER_NOT_RENAMED, message, written.name_span(former), help=help))


def _continued(
    package: str,
    typed: TypedFlow,
    written: WrittenHandlers,
    appended: Sequence[Signature],
    followed: Sequence[Signature],
) -> str:
    if not appended and not followed:
        return written.text
    # Slow to import, and needed only when something changes.
    from pgflowc.render.added_imports import add_imports

    source, unused = written.text, set[str]()
    edits = []
    for signature in followed:
        function = written.functions[_former(typed, signature, written) or ""]
        new = typed.names.steps[signature.step.slug].function
        to_write = python_text(_to_write(typed, signature.step.slug))
        edits += renamed(written, function, new, to_write)
        changed, dropped = retyped(written, function, signature, typed.context(signature))
        edits += changed
        unused |= dropped
    for start, end, replacement in sorted(edits, reverse=True):
        source = source[:start] + replacement + source[end:]
    # What a stub imported for itself alone goes with its old name.
    unused = {name for name in unused if name in written.imported and name not in typed.exports}
    bound = written.bound | (typed.exports if written.takes_generated else frozenset())
    needed = _imports(package, typed, (*appended, *followed), bound - unused)
    # Python takes a last line that says it goes on, if it ends in a carriage return, and libcst does not.
    ending = "\r\n" if source.endswith("\\\r\n") else ""
    head, newline = add_imports(source + ending, needed, {written.generated: unused})
    if not appended:
        return head.removesuffix(ending)
    if head and not head.endswith(("\n", "\r")):
        head += newline
    stubs = "".join(f"\n\n{_stub(typed, signature)}\n" for signature in appended)
    return head + stubs.replace("\n", newline)


def _imports(
    package: str, typed: TypedFlow, signatures: Iterable[Signature], bound: Iterable[str] = ()
) -> dict[str, set[str]]:
    """What stubs of these signatures need to import, by module, beyond the names that are bound."""
    generated, contexts = {typed.names.input}, set[str]()
    for signature in signatures:
        generated |= {signature.argument, signature.output, signature.signal or "None"}
        contexts.add(signature.context)
    found = {
        "pgflowc_runtime": contexts,
        f"{package}._generated.{typed.names.module}": generated - BUILTINS,
    }
    return {module: names - {*bound} for module, names in found.items() if names - {*bound}}


def _stub(typed: TypedFlow, signature: Signature) -> str:
    step, flow = signature.step, typed.flow
    description = step.description or (flow.description if flow.kind == "job" else None)
    lines = docstring_lines(description, "    ") if description else []
    to_write = python_text(_to_write(typed, step.slug))
    lines.append(lay_out("    raise ", Group("NotImplementedError", "()", (to_write,)), "", "    "))
    return "\n".join([_head(typed, signature), *lines])


def _head(typed: TypedFlow, signature: Signature, *, broken: bool = True) -> str:
    """The line, or lines, that begin the handler."""
    parameters = (
        f"{signature.parameter}: {signature.argument}",
        Prefixed("ctx: ", typed.context(signature)),
    )
    group = Group(f"async def {typed.names.steps[signature.step.slug].function}", "()", parameters)
    suffix = f" -> {signature.output}:"
    return lay_out("", group, suffix) if broken else flat(group) + suffix


def _to_write(typed: TypedFlow, slug: str) -> str:
    """What the stub of a step says."""
    flow = typed.flow
    return f"write job '{flow.slug}'" if flow.kind == "job" else f"write step '{slug}' of flow '{flow.slug}'"
