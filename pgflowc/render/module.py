"""The generated module of one flow: payload types, deps classes, the table of handlers and the definition."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields

from pgflowc.graph.model import StepOptions
from pgflowc.plan import definition_hash, shape_of
from pgflowc.plan.versions import stored_slug
from pgflowc.render.definitions import Definition, class_body
from pgflowc.render.header import origin, seal
from pgflowc.render.imports import import_sections, standard_imports
from pgflowc.render.layout import Expression, Group, call, keyword, lay_out, subscript, union
from pgflowc.render.literals import docstring_lines, python_text
from pgflowc.render.names import is_class_key
from pgflowc.render.signatures import Signature, TypedFlow
from pgflowc.render.templates import fill


@dataclass(frozen=True, slots=True)
class Block:
    """A definition and the number of empty lines before it."""

    gap: int
    text: str


def render_module(own: Collection[str], typed: TypedFlow, version: int = 1) -> str:
    """The text of `_generated/<flow>.py` with that current version; `own` are the top-level packages of the
    project.
    """
    definitions = list(_definitions(typed, version))
    used = frozenset({"Final"}).union(*(definition.used for definition in definitions))
    statements, imported = standard_imports(used)
    return seal(
        fill(
            "flow.py.jinja",
            origin=origin(typed.flow.source),
            docstring=docstring_lines(_summary(typed)),
            imports=import_sections({**imported, **typed.payloads.imports}, own, statements),
            constants=list(_constants(typed)),
            blocks=list(_spaced(definitions)),
        )
    )


def _summary(typed: TypedFlow) -> str:
    flow = typed.flow
    version = f", version {flow.version}" if flow.version else ""
    title = f"{flow.kind.capitalize()} `{flow.slug}`{version}"
    return f"{title}: {flow.description}" if flow.description else f"{title}."


def _constants(typed: TypedFlow) -> Iterator[str]:
    for step in typed.flow.steps:
        yield lay_out(f"{typed.names.steps[step.slug].constant}: Final = ", python_text(step.slug))
        # Editors show what stands below an assignment as its documentation.
        yield from docstring_lines(step.description) if step.description else ()


def _spaced(definitions: list[Definition]) -> Iterator[Block]:
    previous: Definition | None = None
    for definition in definitions:
        beside_class = definition.is_class or (previous is not None and previous.is_class)
        together = previous is not None and previous.group == definition.group
        yield Block(2 if beside_class else 0 if together else 1, definition.text)
        previous = definition


def _definitions(typed: TypedFlow, version: int) -> Iterator[Definition]:
    yield from typed.payloads.definitions()
    for signature in typed.signatures:
        if signature.deps is not None:
            yield _deps_class(signature)
    for signature in typed.handled:
        yield _handler_type(typed, signature)
    yield _handlers_table(typed)
    yield _flow(typed, version)


def _deps_class(signature: Signature) -> Definition:
    lines, used = class_body(signature.deps or (), frozenset(), model=False)
    head = ["@dataclass(frozen=True, slots=True, kw_only=True)", f"class {signature.argument}:"]
    if any(attribute.optional for attribute in signature.deps or ()):
        head += ['    """A dependency that is None was skipped."""', ""]
    return Definition("\n".join([*head, *lines]), used | {"dataclass"}, is_class=True)


def _handler_type(typed: TypedFlow, signature: Signature) -> Definition:
    name, output = typed.names.steps[signature.step.slug].handler, signature.output
    parameters = Group("", "[]", (signature.argument, typed.context(signature)))
    value = subscript("Callable", parameters, union((output, subscript("Awaitable", output))))
    used = frozenset({"Callable", "Awaitable", signature.context})
    return Definition(lay_out(f"{name} = ", value), used, is_class=False, group="handlers")


def _handlers_table(typed: TypedFlow) -> Definition:
    name, steps = typed.names.handlers, typed.names.steps
    used = frozenset({"TypedDict"})
    slugs = [signature.step.slug for signature in typed.handled]
    if all(map(is_class_key, slugs)):
        keys = [f"    {slug}: {steps[slug].handler}" for slug in slugs] or ["    pass"]
        return Definition("\n".join([f"class {name}(TypedDict):", *keys]), used, is_class=True)
    items = (f"{python_text(slug)}: {steps[slug].handler}" for slug in slugs)
    value = call("TypedDict", python_text(name), Group("", "{}", tuple(items), exploded=True))
    return Definition(lay_out(f"{name} = ", value), used, is_class=False, group="table")


def _flow(typed: TypedFlow, version: int) -> Definition:
    flow, names = typed.flow, typed.names
    stored = stored_slug(flow.slug, version)
    versioned = (keyword("name", python_text(flow.slug)), keyword("version", str(version)))
    steps = tuple(_step(signature) for signature in typed.signatures)
    extra = (("extra_in", flow.extra.incoming, "ignore"), ("extra_out", flow.extra.outgoing, "forbid"))
    value = call(
        "Flow",
        keyword("slug", python_text(stored)),
        *(versioned if version > 1 else ()),
        keyword("kind", python_text(flow.kind)),
        keyword("input", names.input),
        keyword("max_attempts", str(flow.options.max_attempts)),
        keyword("base_delay", str(flow.options.base_delay)),
        keyword("timeout", str(flow.options.timeout)),
        *(keyword(name, python_text(mode)) for name, mode, default in extra if mode != default),
        keyword("definition_hash", python_text(definition_hash(stored, shape_of(flow)))),
        keyword("steps", Group("", "()", steps, lone_comma=True, exploded=len(steps) > 1)),
        exploded=True,
    )
    annotated = subscript(f"{names.flow}: Final", subscript("Flow", names.input))
    # Formatters count the head of the call, up to its bracket.
    prefix = lay_out("", annotated, " = Flow(").removesuffix("Flow(")
    text = "# Delays and timeouts are in seconds.\n" + lay_out(prefix, value)
    return Definition(text, frozenset({"Flow", "Step"}), is_class=False, group="flow")


def _step(signature: Signature) -> Expression:
    step = signature.step
    arguments: list[Expression] = [keyword("slug", python_text(step.slug))]
    if step.kind != "single":
        arguments.append(keyword("kind", python_text(step.kind)))
    if step.depends_on:
        slugs = tuple(map(python_text, step.depends_on))
        arguments.append(keyword("depends_on", Group("", "()", slugs, lone_comma=True)))
    arguments += [keyword("argument", signature.argument), keyword("output", signature.output)]
    for option in fields(StepOptions):
        value = getattr(step.options, option.name)
        if value is not None:
            arguments.append(keyword(option.name, str(value)))
    if step.isolation is not None:
        arguments.append(keyword("isolation", python_text(step.isolation)))
    if signature.signal is not None:
        arguments.append(keyword("signal", signature.signal))
    if signature.is_approval:
        arguments.append(keyword("approval", "True"))
    return call("Step", *arguments)
