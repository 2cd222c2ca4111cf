"""The generated registry: the function of each step; type checkers hold it against the flow's table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from pgflowc.plan import LockedVersion
from pgflowc.render.header import origin, seal
from pgflowc.render.imports import import_sections
from pgflowc.render.layout import Expression, Group, Prefixed, call, lay_out
from pgflowc.render.literals import docstring_lines, python_text
from pgflowc.render.names import Scope
from pgflowc.render.signatures import TypedFlow
from pgflowc.render.templates import fill

NOTHING: Mapping[str, Sequence[LockedVersion]] = MappingProxyType({})


def render_registry(
    package: str,
    own: Collection[str],
    flows: Sequence[TypedFlow],
    former: Mapping[str, Sequence[LockedVersion]] = NOTHING,
) -> str:
    """The text of `registry.py` for flows in the order of their slugs, each behind its `former` versions;
    `own` are the project's packages.
    """
    imports = _Imports()
    additions = []
    for typed in flows:
        # The current version has the plain names, whatever stands first.
        current = _addition(package, typed, imports)
        versions = [_former(package, one, imports) for one in former.get(typed.flow.slug, ())]
        additions += [*versions, current]
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
    for signature in typed.handled:
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


def _former(package: str, former: LockedVersion, imports: _Imports) -> str:
    """A former version; functions elsewhere have the types of the current one, and are taken on trust."""
    code, suffix = former.code, f"V{former.version}"
    generated = f"{package}._generated.{code.module}"
    flow, table = (imports.name(generated, name, f"{name}{suffix}") for name in (code.flow, code.handlers))
    items: list[Expression] = []
    for slug, function in (
        (step.slug, code.functions[step.slug]) for step in former.steps if not step.is_approval
    ):
        module, colon, name = function.rpartition(":")
        if colon:
            first, dot, rest = name.partition(".")
            imports.name("typing", "Any")
            found = call(imports.name("typing", "cast"), "Any", imports.name(module, first) + dot + rest)
            items.append(Prefixed(f"{python_text(slug)}: ", found))
        else:
            items.append(
                f"{python_text(slug)}: {imports.name(f'{package}.handlers', code.module)}.{function}"
            )
    return lay_out("registry.", call("add", flow, call(table, Group("", "{}", tuple(items)))))


class _Imports:
    """Collects imports and gives each imported thing a name of its own in the registry."""

    def __init__(self) -> None:
        self._scope = Scope({"Registry", "registry", "Any", "cast"})
        self._found: dict[tuple[str, str], str] = {}

    def name(self, module: str, name: str, wanted: str | None = None) -> str:
        """The name under which the registry knows `name` of `module`: that, or `wanted`, if it is free."""
        key = (module, name)
        if key not in self._found:
            self._found[key] = name if module == "typing" else self._scope.claim(wanted or name)
        return self._found[key]

    def sections(self, own: Collection[str]) -> list[list[str]]:
        """The import statements."""
        return import_sections({("pgflowc_runtime", "Registry"): "Registry", **self._found}, own)
