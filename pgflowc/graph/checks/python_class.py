"""Classes that `$python` names are in their modules, as far as that can be read without importing them."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from functools import lru_cache

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.document.referred import Module
from pgflowc.graph.draft import ClassUse, Draft
from pgflowc.spec.example import example
from pgflowc_language.words import near_miss, quote


@dataclass(frozen=True, slots=True)
class _Names:
    """What a module defines at its top: `others` are imported or assigned, and may be classes; `all` says
    that a star import may bring in anything.
    """

    classes: frozenset[str]
    functions: frozenset[str]
    others: frozenset[str]
    all: bool


def check(draft: Draft, report: Report) -> None:
    """Report classes that are missing from modules of the project; other modules are not looked at."""
    for use in draft.classes:
        modules = draft.referred.modules
        if use.module not in modules:
            continue
        module = modules[use.module]
        if module is None:
            _refuse(use, f"there is no module {quote(use.module)}", report, *_near(use.module, modules))
        else:
            _check_class(use, module, report)


def _check_class(use: ClassUse, module: Module, report: Report) -> None:
    try:
        names = _names(module.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f", line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else ""
        _refuse(use, f"{module.path} cannot be read as Python{line}", report, "correct the module")
        return
    if use.name in names.functions:
        _refuse(use, f"'{use.name}' in {module.path} is a function, not a class", report)
    elif not names.all and use.name not in names.classes | names.others:
        _refuse(
            use, f"{module.path} has no class '{use.name}'", report, *_near(use.name, sorted(names.classes))
        )


def _near(word: str, candidates: object) -> tuple[str, ...]:
    known = [name for name in candidates if name != word] if isinstance(candidates, list | dict) else []
    meant = near_miss(word, known)
    return (f"did you mean '{meant}'?",) if meant else ()


def _refuse(use: ClassUse, message: str, report: Report, *help: str) -> None:
    help = help or (f"name a pydantic model: {example(use.span.path, {'$python': 'module:Class'})}",)
    report.add(Diagnostic(codes.NO_SUCH_CLASS, message, use.span, help=help))


@lru_cache(maxsize=256)
def _names(text: str) -> _Names:
    """The names of a module. Raises SyntaxError, ValueError, RecursionError and MemoryError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a compiler would warn of in the user's module is not our news
        tree = ast.parse(text)
    classes: set[str] = set()
    functions: set[str] = set()
    others: set[str] = set()
    star = False
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.ClassDef(name=name):
                classes.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                functions.add(name)
            case ast.ImportFrom(names=names):
                star = star or any(alias.name == "*" for alias in names)
                others.update(alias.asname or alias.name for alias in names)
            case ast.Import(names=names):
                others.update(alias.asname or alias.name.split(".")[0] for alias in names)
            case ast.Assign(targets=targets):
                others.update(
                    name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
                )
            case ast.AnnAssign(target=ast.Name(id=name)):
                others.add(name)
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                inner = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
                handlers = [handler.body for handler in getattr(node, "handlers", [])]
                waiting.extend(statement for body in (*inner, *handlers) for statement in body)
    return _Names(frozenset(classes), frozenset(functions - classes), frozenset(others), star)
