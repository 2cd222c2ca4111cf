"""Handlers that a spec names, `handler: shop.mail:confirm`: are they there, and do they fit their steps?

The modules are read, never imported. What is not below the project's source directory belongs to an installed
package and is left to the type checker, which knows all of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from glob import escape
from pathlib import PurePosixPath

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import references as codes
from pgflowc.render.handler_faults import unfit
from pgflowc.render.signatures import Signature, TypedFlow
from pgflowc.render.written_handlers import WrittenHandlers, read_handlers
from pgflowc_language.words import near_miss

_REFERENCE = re.compile(r"\bhandler\b[\"']?\s*[:=]\s*[\"']?(?P<module>[A-Za-z_][\w.]*):[A-Za-z_]", re.ASCII)


# Modules that are no text.
_COMPILED = ("so", "pyd", "pyc")
# A module or package with one of these may have names, or modules, that its text does not show.
_MAGIC = re.compile(r"__getattr__|__path__|\bglobals\s*\(|\bvars\s*\(|\bexec\s*\(|\bsetattr\s*\(|__dict__")


_WRITE = "correct the name, or write the function first, if only as a stub: it is called with {signature}"


def module_patterns(source_dir: str, specs: Iterable[str]) -> tuple[str, ...]:
    """Patterns of the files, relative to the project, that may hold the handlers that specs name."""
    modules = {found["module"].rstrip(".") for text in specs for found in _REFERENCE.finditer(text)}
    paths = {path for module in modules for path in (*_places(source_dir, module), _top(source_dir, module))}
    compiled = {
        f"{escape(_stem(source_dir, module))}.*{suffix}" for module in modules for suffix in _COMPILED
    }
    return (*(escape(path) for path in sorted(paths)), *sorted(compiled))


def check_references(
    package: str, flows: Sequence[TypedFlow], source_dir: str, present: Mapping[str, bytes], report: Report
) -> None:
    """Report handlers named in specs that are certainly not there, or certainly do not fit.

    One that is not there is an error: the registry would import it, and no worker could start.
    """

    @cache
    def read(path: str) -> WrittenHandlers | None:
        try:
            return read_handlers(path, present[path].decode("utf-8").removeprefix("\ufeff"), "")
        except (SyntaxError, ValueError, RecursionError):
            return None  # Python says this better than we can.

    for typed in flows:
        generated = f"{package}._generated.{typed.names.module}"
        for signature in typed.signatures:
            reference = signature.step.handler
            if reference is None:
                continue
            module, _, name = reference.partition(":")
            path = next((path for path in _places(source_dir, module) if path in present), None)
            if path is not None:
                written = read(path)
                if written is not None:
                    ours = WrittenHandlers(path, written.text, written.tree, generated)
                    _check(typed, signature, ours, name, report)
            elif _is_certainly_missing(source_dir, module, present):
                _report_missing(signature, reference, f"there is no module '{module}'", "", report)


def _is_certainly_missing(source_dir: str, module: str, present: Mapping[str, bytes]) -> bool:
    """Whether the project has the package around a module, and not the module itself in any form."""
    top = present.get(_top(source_dir, module))
    stem = f"{_stem(source_dir, module)}."
    if top is None or _MAGIC.search(top.decode("utf-8", "replace")):
        return False
    return not any(path.startswith(stem) and path.endswith(_COMPILED) for path in present)


def _check(
    typed: TypedFlow, signature: Signature, written: WrittenHandlers, name: str, report: Report
) -> None:
    if name not in written.bound:
        if not written.takes_everything and not _MAGIC.search(written.text):
            meant = near_miss(name, sorted(written.functions))
            lack = f"{written.path} has no '{name}'"
            _report_missing(signature, signature.step.handler or "", lack, meant or "", report)
        return
    definition = written.certain.get(name)
    if definition is None or isinstance(definition, ast.alias):
        return
    problem = unfit(typed, written, definition, signature)
    if problem is not None:
        step = signature.step
        report.add(
            Diagnostic(
                codes.REFERENCE_UNFIT,
                f"'{name}' does not fit step '{step.slug}': {problem}",
                written.definition_span(definition),
                labels=(Label(step.handler_span or step.span, "the step whose handler it is"),),
                help=(f"it is called with {_called(signature)}",),
            )
        )


def _report_missing(signature: Signature, reference: str, problem: str, meant: str, report: Report) -> None:
    report.add(
        Diagnostic(
            codes.REFERENCE_MISSING,
            f"the handler of step '{signature.step.slug}' is {reference}, but {problem}",
            signature.step.handler_span or signature.step.span,
            help=(f"did you mean '{meant}'?",) if meant else (_WRITE.format(signature=_called(signature)),),
        )
    )


def _called(signature: Signature) -> str:
    return f"({signature.parameter}: {signature.argument}, ctx), and returns {signature.output}"


def _places(source_dir: str, module: str) -> tuple[str, str]:
    """Where a module is: a file, or a package."""
    path = PurePosixPath(source_dir, *module.split("."))
    return f"{path}.py", str(path / "__init__.py")


def _stem(source_dir: str, module: str) -> str:
    return str(PurePosixPath(source_dir, *module.split(".")))


def _top(source_dir: str, module: str) -> str:
    """The file that says that the source directory has the package around a module."""
    return str(PurePosixPath(source_dir, module.partition(".")[0], "__init__.py"))
