"""The generated registry: the function of each step; type checkers hold it against the flow's table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pgflowc.render.header import origin, seal
from pgflowc.render.imports import import_sections
from pgflowc.render.layout import Group, call, lay_out
from pgflowc.render.literals import docstring_lines, python_text
from pgflowc.render.names import Scope
from pgflowc.render.signatures import TypedFlow
from pgflowc.render.templates import fill


def render_registry(package: str, own: Collection[str], flows: Sequence[TypedFlow]) -> str:
    """The text of `registry.py` for flows in the order of their slugs; `own` are the project's packages."""
    imports = _Imports()
    additions = [_addition(package, typed, imports) for typed in flows]
    return seal(
        fill(
            "registry.py.jinja",
            origin=origin(None),
            docstring=docstring_lines(f"Handlers of every flow and job of `{package}`."),
            imports=imports.sections(own),
            additions=additions,
        )
    )


def _addition(package: str, typed: TypedFlow, imports: _Imports) -> str:
    names = typed.names
    generated = f"{package}._generated.{names.module}"
    flow, table = (imports.name(generated, name) for name in (names.flow, names.handlers))
    items = []
    for signature in typed.signatures:
        step = signature.step
        if step.handler is not None:
            module, _, function = step.handler.partition(":")
            first, dot, rest = function.partition(".")
            handler = imports.name(module, first) + dot + rest
        else:
            module_name = imports.name(f"{package}.handlers", names.module)
            handler = f"{module_name}.{names.steps[step.slug].function}"
        items.append(f"{python_text(step.slug)}: {handler}")
    return lay_out("registry.", call("add", flow, call(table, Group("", "{}", tuple(items)))))


class _Imports:
    """Collects imports and gives each imported thing a name of its own in the registry."""

    def __init__(self) -> None:
        self._scope = Scope({"Registry", "registry"})
        self._found: dict[tuple[str, str], str] = {}

    def name(self, module: str, name: str) -> str:
        """The name under which the registry knows `name` of `module`."""
        key = (module, name)
        if key not in self._found:
            self._found[key] = self._scope.claim(name)
        return self._found[key]

    def sections(self, own: Collection[str]) -> list[list[str]]:
        """The import statements."""
        return import_sections({("pgflowc_runtime", "Registry"): "Registry", **self._found}, own)
