"""The definitions of generated modules as text: models, deps classes and aliases."""

from __future__ import annotations

from dataclasses import dataclass

from pgflowc.render.layout import Expression, call, flat, keyword, lay_out, subscript, union
from pgflowc.render.literals import python_text
from pgflowc.render.names import attributes


@dataclass(frozen=True, slots=True)
class Reference:
    """A type as generated code writes it; `names` are those it uses, imported ones and our own."""

    expression: Expression
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field of a model or deps class: `key` is its name in JSON."""

    key: str
    type: Reference
    optional: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A class with `attributes`."""

    name: str
    attributes: tuple[Attribute, ...]

    def references(self) -> frozenset[str]:
        """The names that its annotations use."""
        return frozenset[str]().union(*(attribute.type.names for attribute in self.attributes))


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a type that is no object."""

    name: str
    type: Reference

    def references(self) -> frozenset[str]:
        """The names that it uses."""
        return self.type.names


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition as text; `used` are the names it takes from elsewhere.

    Those of a `group` stand together.
    """

    text: str
    used: frozenset[str]
    is_class: bool
    group: str = "types"


def class_body(
    attributes_: tuple[Attribute, ...], later: frozenset[str], *, model: bool
) -> tuple[list[str], frozenset[str]]:
    """The annotated names of a pydantic `model` or a deps dataclass, and the names that they use.

    `later` are names that are defined only after the class.
    """
    types = {name for attribute in attributes_ for name in attribute.type.names}
    names = attributes((attribute.key for attribute in attributes_), types, model=model)
    used = set(types)
    lines = []
    for attribute in attributes_:
        name, key, type_ = names[attribute.key], attribute.key, attribute.type.expression
        if attribute.optional and type_ != "None":
            type_ = union((type_, "None"))
        if attribute.type.names & later:
            type_ = python_text(flat(type_))
        default = " = None" if attribute.optional else ""
        if name != key and model:
            # `alias` would be the name that type checkers want in calls, and `class` cannot be one.
            default_value = (keyword("default", "None"),) if attribute.optional else ()
            aliases = (keyword(f"{use}_alias", python_text(key)) for use in ("validation", "serialization"))
            field = call("Field", *default_value, *aliases)
            lines.append(lay_out(f"    {name}: {flat(type_)} = ", field, indent="    "))
            used.add("Field")
            continue
        if name != key:
            type_ = subscript("Annotated", type_, call("Field", keyword("alias", python_text(key))))
            used |= {"Annotated", "Field"}
        lines.append(lay_out(f"    {name}: ", type_, default, indent="    "))
    return lines or ["    pass"], frozenset(used)


def model_definition(model: Model, later: frozenset[str]) -> Definition:
    """The class of a model; `later` are names that are defined only after it."""
    lines, used = class_body(model.attributes, later, model=True)
    return Definition("\n".join([f"class {model.name}(Payload):", *lines]), used | {"Payload"}, is_class=True)


def alias_definition(alias: Alias, later: frozenset[str]) -> Definition:
    """The assignment of an alias; `later` are names that are defined only after it."""
    name, expression, used = alias.name, alias.type.expression, alias.type.names
    if used & later:
        value = call("TypeAliasType", python_text(name), python_text(flat(expression)))
        return Definition(lay_out(f"{name} = ", value), used | {"TypeAliasType"}, is_class=False)
    if expression == "None":
        # Without the annotation this would be a variable.
        return Definition(f"{name}: TypeAlias = None", frozenset({"TypeAlias"}), is_class=False)
    return Definition(lay_out(f"{name} = ", expression), used, is_class=False)
