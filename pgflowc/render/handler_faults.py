"""Compares a user's file of handlers with the flow: signatures that cannot fit, handlers whose step is gone,
imports of what is no longer generated.

Only what is certain from the text is reported: a decorator, a type of the user's or a name from elsewhere may
make anything right. All of it are warnings: an error would keep the compiler from writing the very types that
the corrected handler has to import.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.render.bound_names import bound_names
from pgflowc.render.imports import ORIGINS
from pgflowc.render.payloads import BUILTINS
from pgflowc.render.signatures import Signature, TypedFlow
from pgflowc.render.written_handlers import Definition, Function, WrittenHandlers

# Python's numeric tower: an annotation of the second kind takes a value of the first.
_WIDER = {("int", "float"), ("bool", "int"), ("bool", "float")}


@dataclass(frozen=True, slots=True)
class _Type:
    """What an annotation certainly means: a class of the generated module, a builtin, or something that was
    generated once (`gone`).
    """

    name: str
    gone: bool = False


def check_handlers(
    typed: TypedFlow,
    written: WrittenHandlers,
    heads: dict[str, str],
    elsewhere: Collection[str],
    renamed: Collection[str],
    report: Report,
) -> None:
    """Report what in `written` does not fit.

    `heads` are the stubs' heads by function name, `elsewhere` functions of the file that specs refer to as
    `module:function`, and `renamed` those whose step has another slug now, which is taken care of.
    """
    told = {name for function in renamed for name in _names(written.functions[function])}
    for name, definition, signature in _handlers(typed, written):
        problem = unfit(typed, written, definition, signature)
        if problem is not None:
            told |= _names(definition)
            message = f"handler '{name}' no longer fits step '{signature.step.slug}': {problem}"
            report.add(
                Diagnostic(
                    generated.HANDLER_UNFIT,
                    message,
                    written.definition_span(definition),
                    help=(f"write it as: {heads[name]}",),
                )
            )
    approvals = {
        typed.names.steps[signature.step.slug].function: signature.step.slug
        for signature in typed.signatures
        if signature.is_approval
    }
    for function in _gone(typed, written, {*elsewhere, *renamed}):
        told |= _names(function)
        message = f"handler '{function.name}' belongs to no step of {typed.flow.kind} '{typed.flow.slug}'"
        advice = (
            "delete it, or, if the step was renamed, say so in the spec at the new step: "
            f"was: {function.name.rstrip('_')}"
        )
        if function.name in approvals:
            message = (
                f"handler '{function.name}' is never called: step '{approvals[function.name]}' is an approval"
            )
            advice = "delete it: only a signal completes the step"
        labels = tuple(_lost_imports(typed, written, _names(function)))
        span = written.name_span(function)
        report.add(Diagnostic(generated.HANDLER_GONE, message, span, labels=labels, help=(advice,)))
    for name, alias in written.imported.items():
        if _is_gone(typed, alias.name) and name not in told:
            message = f"{written.generated} has no '{alias.name}' any more, so the file cannot be imported"
            help = ("remove the import, or import what took its place",)
            report.add(Diagnostic(generated.IMPORT_GONE, message, written.node_span(alias), help=help))


def _handlers(typed: TypedFlow, written: WrittenHandlers) -> Iterator[tuple[str, Definition, Signature]]:
    """What certainly are the handlers of this flow, with their names."""
    for signature in typed.handled:
        name = typed.names.steps[signature.step.slug].function
        definition = written.certain.get(name)
        if (
            signature.step.handler is None
            and definition is not None
            and not isinstance(definition, ast.alias)
        ):
            yield name, definition, signature


def unfit(
    typed: TypedFlow, written: WrittenHandlers, definition: Definition, signature: Signature
) -> str | None:
    """Why what is defined certainly cannot be the handler of that signature; None when it may be."""
    if not isinstance(definition, ast.Lambda) and definition.decorator_list:
        return None
    if isinstance(definition, ast.ClassDef):
        if definition.keywords or "__new__" in bound_names(ast.Module(definition.body, [])):
            return None
        return "it is a class, and calling it gives an instance of that class"
    problem = _unfit_parameters(definition)
    if problem is None and _yields(definition):
        problem = "it is a generator, and calling it does not run it"
    if problem is None and not isinstance(definition, ast.Lambda):
        problem = _unfit_types(typed, written, definition, signature)
    return problem


def _unfit_parameters(function: Function | ast.Lambda) -> str | None:
    parameters = [*function.args.posonlyargs, *function.args.args]
    needed = len(parameters) - len(function.args.defaults)
    if needed > 2 or (len(parameters) < 2 and function.args.vararg is None):
        number = len(parameters)
        return f"it is called with two arguments, and takes {number}"
    required = [
        argument.arg
        for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if default is None
    ]
    if required:
        return f"it is called with two arguments, and needs '{required[0]}' too"
    return None


def _yields(function: Function | ast.Lambda) -> bool:
    """Whether the function is a generator: `yield` in its own body, not in that of a function inside."""
    waiting: list[ast.AST] = [*function.body] if isinstance(function.body, list) else [function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return False


def _unfit_types(
    typed: TypedFlow, written: WrittenHandlers, function: Function, signature: Signature
) -> str | None:
    parameters = [*function.args.posonlyargs, *function.args.args]
    first = parameters[0].annotation if parameters else None
    found, expected = _meaning(typed, written, first), _generated(typed, signature.argument)
    if found is not None and _differs(expected, found):
        return f"it gets {signature.argument}, not {_said(first)}"
    found, expected = _meaning(typed, written, function.returns), _generated(typed, signature.output)
    if found is not None and _differs(found, expected):
        return f"it has to return {signature.output}, not {_said(function.returns)}"
    return None


def _differs(given: _Type | None, wanted: _Type | None) -> bool:
    """Whether a value of the type `given` is certainly none of `wanted`."""
    if given is None or wanted is None:
        return (given is not None and given.gone) or (wanted is not None and wanted.gone)
    return given != wanted and (given.name, wanted.name) not in _WIDER


def _meaning(typed: TypedFlow, written: WrittenHandlers, node: ast.expr | None) -> _Type | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        node = ast.Name(node.value)
    if isinstance(node, ast.Constant) and node.value is None:
        return _Type("None")
    if not isinstance(node, ast.Name):
        return None
    alias = written.certain.get(node.id)
    if isinstance(alias, ast.alias):
        gone = _is_gone(typed, alias.name)
        return _Type(alias.name, gone=True) if gone else _generated(typed, alias.name)
    if node.id in written.bound or written.takes_everything:
        return None
    if written.takes_generated and node.id in typed.exports:
        return _generated(typed, node.id)
    return _Type(node.id) if node.id in BUILTINS else None


def _generated(typed: TypedFlow, name: str) -> _Type | None:
    """What a generated name or a builtin means; None for what is neither class nor builtin."""
    if name in BUILTINS:
        return _Type(name)
    found = name if name in typed.deps_classes else typed.payloads.aliased(name)
    return None if found is None else _Type(found)


def _gone(typed: TypedFlow, written: WrittenHandlers, elsewhere: Collection[str]) -> Iterator[Function]:
    """Functions that look like handlers, are those of no step, and that nothing in the file uses."""
    known = {typed.names.steps[signature.step.slug].function for signature in typed.handled}
    for name, function in written.functions.items():
        if name in known or name in elsewhere or written.uses[name]:
            continue
        parameters = [*function.args.posonlyargs, *function.args.args]
        if len(parameters) != 2 or not _is_context(parameters[1].annotation):
            continue
        lost = any(
            alias is not None and _is_gone(typed, alias.name)
            for alias in map(written.imported.get, _names(function))
        )
        if lost or not function.decorator_list:
            yield function


def _is_context(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Subscript):
        node = node.value
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
    return name in ("Context", "SignalContext")


def _lost_imports(typed: TypedFlow, written: WrittenHandlers, names: set[str]) -> Iterator[Label]:
    for name, alias in written.imported.items():
        if name in names and _is_gone(typed, alias.name):
            yield Label(written.node_span(alias), "no longer generated, so the file cannot be imported")


def _is_gone(typed: TypedFlow, name: str) -> bool:
    return name != "*" and name not in typed.exports and name not in ORIGINS


def _names(function: Definition) -> set[str]:
    """The names in a function's annotations."""
    if isinstance(function, ast.ClassDef | ast.Lambda):
        return set()
    arguments = function.args
    annotated = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    nodes = [*(argument.annotation for argument in annotated), function.returns]
    found = set()
    for node in nodes:
        for part in ast.walk(node) if node is not None else ():
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                found.add(part.value)
    return found


def _said(node: ast.expr | None) -> str:
    return "None" if node is None else ast.unparse(node).strip("'")
