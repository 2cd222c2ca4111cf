"""A stub that nobody has touched follows its step to another slug: name, types and message change, nothing
else.
"""

from __future__ import annotations

import ast

from pgflowc.render.layout import Expression, flat
from pgflowc.render.signatures import Signature
from pgflowc.render.written_handlers import Function, WrittenHandlers

Edit = tuple[int, int, str]
"""Where a stretch of the text begins and ends, and what takes its place."""


def is_untouched_stub(function: Function, to_write: str) -> bool:
    """Whether a function is as it was appended: undecorated, and its body only raises that `to_write`."""
    if function.decorator_list or len(function.args.args) != 2 or function.args.defaults:
        return False
    return _message(function) == to_write


def renamed(written: WrittenHandlers, function: Function, name: str, to_write: str) -> list[Edit]:
    """The edits that give an untouched stub another name and message (a Python literal)."""
    start = written.name_offset(function)
    raised = _raised(function)
    assert raised is not None
    return [(start, start + len(function.name), name), (*written.offsets(raised), to_write)]


def retyped(
    written: WrittenHandlers, function: Function, signature: Signature, context: Expression
) -> tuple[list[Edit], set[str]]:
    """The edits that make an untouched stub fit, and the names that only its old annotations used."""
    parameters = function.args.args
    wanted = (signature.argument, flat(context), signature.output)
    annotations = (parameters[0].annotation, parameters[1].annotation, function.returns)
    edits: list[Edit] = []
    for annotation, new in zip(annotations, wanted, strict=True):
        if annotation is not None and ast.unparse(annotation) != new:
            edits.append((*written.offsets(annotation), new))
    names = [
        node.id for found in annotations if found for node in ast.walk(found) if isinstance(node, ast.Name)
    ]
    if parameters[0].arg != signature.parameter:
        start, _ = written.offsets(parameters[0])
        edits.append((start, start + len(parameters[0].arg), signature.parameter))
    return edits, {name for name in names if written.uses[name] == names.count(name)}


def _message(function: Function) -> str | None:
    raised = _raised(function)
    return raised.value if raised is not None and isinstance(raised.value, str) else None


def _raised(function: Function) -> ast.Constant | None:
    """The text in `raise NotImplementedError("...")`, if that is all that the body does."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    match body:
        case [ast.Raise(exc=ast.Call(func=ast.Name("NotImplementedError"), args=[ast.Constant() as text]))]:
            return text
    return None
