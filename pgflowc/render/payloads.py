"""Payload types to Python: pydantic models for objects, aliases for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pgflowc.render.definitions import (
    Alias,
    Attribute,
    Definition,
    Model,
    Reference,
    alias_definition,
    model_definition,
)
from pgflowc.render.imports import Imported
from pgflowc.render.layout import flat, subscript, union
from pgflowc.render.literals import python_value
from pgflowc.render.names import Scope, pascal_case
from pgflowc_language.payload_types import (
    Array,
    Enum,
    MapOf,
    Named,
    NamedTypes,
    Object,
    OneOf,
    PayloadType,
    Python,
    Scalar,
)

_SCALARS = {
    "str": "str",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "decimal": "ExactDecimal",
    "date": "dt.date",
    "datetime": "dt.datetime",
    "time": "dt.time",
    "uuid": "UUID",
    "bytes": "Base64",
    "json": "JsonValue",
    "any": "JsonValue",
    "null": "None",
}

# Type names that need no import.
BUILTINS = frozenset({"str", "int", "float", "bool", "None"})


class Payloads:
    """The payload types of one flow.

    Types are added with a name of their own; `definitions` renders them all.
    """

    def __init__(self, types: NamedTypes, names: Mapping[str, str], scope: Scope) -> None:
        """`names` gives the Python names of `types`; inline objects claim theirs in `scope`."""
        self._scope = scope
        self._types = types
        self._names = names
        self._found: dict[str, Model | Alias] = {}
        self._elements: dict[str, Reference] = {}
        self._imports: dict[tuple[str, str], str] = {}
        for name, type_ in self._types.items():
            # A class that an entry calls by its own name needs no second one.
            if isinstance(type_, Python) and self._names[name] == type_.name:
                self._imports[type_.module, type_.name] = type_.name
        for name, type_ in self._types.items():
            if self._names[name] not in self._imports.values():
                self.add(self._names[name], type_)

    @property
    def imports(self) -> Imported:
        """The users' classes that types are made of, by module and name."""
        return self._imports

    def add(self, name: str, type_: PayloadType | None) -> Reference:
        """Define `name` (claimed already) as a type; None is a type that was not declared, any JSON value."""
        if isinstance(type_, Object):
            self._add_model(name, type_)
        else:
            type_ = Scalar("json") if type_ is None else type_
            self._found[name] = Alias(name, self._express(type_, name, named=True))
        return Reference(name, frozenset({name}))

    def alias(self, name: str, type_: Reference) -> Reference:
        """Define `name` (claimed already) as another name of a type."""
        self._found[name] = Alias(name, type_)
        return Reference(name, frozenset({name}))

    def element(self, name: str, type_: PayloadType | None) -> Reference:
        """The type of the elements of an array type that was added as `name`."""
        while isinstance(type_, Named):
            name, type_ = self._names[type_.name], self._types[type_.name]
        return self._elements.get(name, _builtin("JsonValue"))

    def can_be_imported(self, type_: Reference) -> bool:
        """Whether a handwritten module can use the type: a builtin, or a name that the generated module
        defines.
        """
        return type_.expression in BUILTINS or type_.expression in self._found

    def names(self) -> Iterable[str]:
        """What `definitions` will define."""
        return self._found.keys()

    def aliased(self, name: str) -> str | None:
        """The class or builtin that a name stands for, through aliases; None for other types."""
        while name in self._found:
            found = self._found[name]
            if isinstance(found, Model):
                return name
            if not isinstance(found.type.expression, str):
                return None
            name = found.type.expression
        return name if name in BUILTINS or name in self._imports.values() else None

    def is_null(self, type_: PayloadType | None) -> bool:
        """Whether null is the only value; `None | None` would be an error in Python."""
        while isinstance(type_, Named):
            type_ = self._types[type_.name]
        return type_ in (Scalar("null"), Enum((None,)))

    def definitions(self) -> Iterator[Definition]:
        """All types, each after those it uses; references within a circle of types are quoted."""
        done: set[str] = set()
        visiting: set[str] = set()

        def visit(name: str) -> Iterator[Definition]:
            visiting.add(name)
            found = self._found[name]
            used = found.references() & self._found.keys()
            for name_used in sorted(used - done, key=order.__getitem__):
                if name_used not in done and name_used not in visiting:
                    yield from visit(name_used)
            later = frozenset(used - done)
            yield (
                model_definition(found, later) if isinstance(found, Model) else alias_definition(found, later)
            )
            done.add(name)

        order = {name: place for place, name in enumerate(self._found)}
        for name in order:
            if name not in done:
                yield from visit(name)

    def _add_model(self, name: str, type_: Object) -> None:
        # The place is taken before the fields are, so that a class comes before the classes of its fields
        # unless it
        # uses them, and definitions keep the order of the spec.
        self._found[name] = Model(name, ())
        fields = tuple(
            Attribute(
                field.name, self._express(field.type, f"{name}{pascal_case(field.name)}"), field.optional
            )
            for field in type_.fields
        )
        self._found[name] = Model(name, fields)

    def _express(self, type_: PayloadType, name: str, *, named: bool = False) -> Reference:
        """The type as an expression.

        Objects in it are defined with `name`, or names that begin so if it is `named`.
        """
        match type_:
            case Scalar(scalar):
                return _builtin(_SCALARS[scalar])
            case Named(referred):
                return _builtin("None" if self.is_null(type_) else self._names[referred])
            case Enum(values):
                return _literal(values)
            case Object():
                name = self._scope.claim(name)
                self._add_model(name, type_)
                return _builtin(name)
            case Array(item):
                element = self._express(item, f"{name}Item" if named else name)
                if named:
                    self._elements[name] = element
                return Reference(subscript("list", element.expression), element.names | {"list"})
            case MapOf(value):
                inner = self._express(value, f"{name}Value" if named else name)
                return Reference(subscript("dict", "str", inner.expression), inner.names | {"dict", "str"})
            case OneOf(members):
                return self._union(members, name, named=named)
            case Python():
                return self._import(type_)

    def _import(self, type_: Python) -> Reference:
        key = (type_.module, type_.name)
        if key not in self._imports:
            self._imports[key] = self._scope.claim(type_.name)
        return _builtin(self._imports[key])

    def _union(self, members: tuple[PayloadType, ...], name: str, *, named: bool) -> Reference:
        numbered = (
            named or sum(not isinstance(member, Scalar | Named | Enum | Python) for member in members) > 1
        )
        found = [
            self._express(member, f"{name}Variant{number}" if numbered else name)
            for number, member in enumerate(members, 1)
        ]
        # The same type twice, which two scalars of the spec can be in Python, counts once; None comes last.
        distinct = {flat(reference.expression): reference for reference in found}
        ordered = sorted(distinct.values(), key=lambda reference: reference.expression == "None")
        names = frozenset[str]().union(*(reference.names for reference in ordered))
        return Reference(union(reference.expression for reference in ordered), names)


def _builtin(name: str) -> Reference:
    return Reference(name, frozenset({name.split(".")[0]}))


def _literal(values: tuple[str | int | float | bool | None, ...]) -> Reference:
    texts = [python_value(value) for value in values if value is not None]
    if not texts:
        return _builtin("None")
    literal = subscript("Literal", *texts)
    return Reference(union((literal, "None")) if None in values else literal, frozenset({"Literal"}))
