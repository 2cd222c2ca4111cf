"""What of a payload type changed, and whether values of the former type can still be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pgflowc_language.payload_types import (
    Array,
    Enum,
    Field,
    MapOf,
    Named,
    NamedTypes,
    Object,
    OneOf,
    PayloadType,
    Scalar,
    resolved,
    spelled,
)

# Texts in JSON, and numbers that every reader of the other takes.
_READ_AS: Mapping[str, tuple[str, ...]] = {
    "int": ("float", "decimal"),
    "date": ("str",),
    "datetime": ("str",),
    "time": ("str",),
    "uuid": ("str",),
    "bytes": ("str",),
}
_ANYTHING = ("any", "json")
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
}
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PayloadChange:
    """`field` is dotted, "" for the whole payload. `readable`: the new type admits every former value.

    `place` are the keys of the spec that lead to the field, from those of the payload or of a named type on.
    """

    what: Literal["deleted", "new_required", "changed"]
    field: str
    place: Path
    text: str
    readable: bool = False


def payload_changes(
    before: PayloadType | None,
    after: PayloadType | None,
    before_types: NamedTypes,
    after_types: NamedTypes,
    place: Path,
    *,
    closed: bool = False,
) -> Iterator[PayloadChange]:
    """What changed from one type to the other; a payload without a type may be anything.

    `closed`: objects with fields that the new type does not name cannot be read.
    """
    anything = Scalar("any")
    if before is None and after is None:
        return
    yield from _Comparison(before_types, after_types, closed=closed).of(
        before or anything, after or anything, "", place
    )


class _Comparison:
    """Compares types of two specs; pairs of names that were met are not entered again."""

    def __init__(self, before: NamedTypes, after: NamedTypes, *, closed: bool = False) -> None:
        self._before = before
        self._after = after
        self._closed = closed
        self._met: set[tuple[str, str]] = set()

    def of(self, before: PayloadType, after: PayloadType, field: str, place: Path) -> Iterator[PayloadChange]:
        if isinstance(before, Named) and isinstance(after, Named):
            if (before.name, after.name) in self._met:
                return
            self._met.add((before.name, after.name))
        if isinstance(after, Named):
            place = ("types", after.name)
        one, two = resolved(before, self._before), resolved(after, self._after)
        match one, two:
            case Object(), Object():
                yield from self._objects(one, two, field, place)
            case Array(item), Array(new):
                yield from self.of(item, new, f"{field}[]", place)
            case MapOf(value), MapOf(new):
                yield from self.of(value, new, f"{field}.*" if field else "*", place)
            case _:
                same = self._admits(one, two) and self._admitted(one, two)
                if not same:
                    text = f"{_said(before, one)} -> {_said(after, two)}"
                    yield PayloadChange("changed", field, place, text, self._admits(one, two))

    def _objects(self, before: Object, after: Object, field: str, place: Path) -> Iterator[PayloadChange]:
        new = {one.name: one for one in after.fields}
        old = {one.name: one for one in before.fields}
        for name, was in old.items():
            path = f"{field}.{name}" if field else name
            if name not in new:
                yield PayloadChange("deleted", path, place, f"was {spelled(was.type)}", not self._closed)
                continue
            yield from self._field(was, new[name], path, (*place, name))
        for name, now in new.items():
            if name not in old and not now.optional:
                path = f"{field}.{name}" if field else name
                yield PayloadChange("new_required", path, (*place, name), "is new")

    def _field(self, before: Field, after: Field, path: str, place: Path) -> Iterator[PayloadChange]:
        if before.optional and not after.optional:
            yield PayloadChange("new_required", path, place, "was optional")
        found = list(self.of(before.type, after.type, path, place))
        if after.optional and not before.optional and not found:
            text = f"{spelled(before.type)} -> {spelled(after.type)} | null"
            yield PayloadChange("changed", path, place, text, readable=True)
        yield from found

    def _admits(self, before: PayloadType, after: PayloadType, depth: int = 0) -> bool:
        """Whether every value of `before` is one of `after`; for recursive types as far as 20 levels."""
        one, two = resolved(before, self._before), resolved(after, self._after)
        if depth > 20 or (isinstance(two, Scalar) and two.name in _ANYTHING):
            return True
        match one, two:
            case OneOf(members), _:
                return all(self._admits(member, two, depth + 1) for member in members)
            case _, OneOf(members):
                return any(self._admits(one, member, depth + 1) for member in members)
            case Scalar(name), Scalar(other):
                return name == other or other in _READ_AS.get(name, ())
            case Enum(values), Enum(others):
                return all(any(value is other or _same(value, other) for other in others) for value in values)
            case Enum(values), Scalar(name):
                return all(type(value) in _SCALARS.get(name, ()) for value in values)
            case Array(item), Array(other):
                return self._admits(item, other, depth + 1)
            case MapOf(value), MapOf(other):
                return self._admits(value, other, depth + 1)
            case Object(fields), MapOf(value):
                return all(
                    self._admits(field.type, value, depth + 1) and not field.optional for field in fields
                )
            case Object(fields), Object(others):
                old = {field.name: field for field in fields}
                if self._closed and not old.keys() <= {field.name for field in others}:
                    return False
                return all(
                    self._admits(old[field.name].type, field.type, depth + 1)
                    and (field.optional or not old[field.name].optional)
                    if field.name in old
                    else field.optional
                    for field in others
                )
            case _:
                return one == two

    def _admitted(self, before: PayloadType, after: PayloadType) -> bool:
        """The other way round: whether every value of `after` is one of `before`."""
        return _Comparison(self._after, self._before)._admits(after, before)


def _same(one: object, two: object) -> bool:
    return type(one) is type(two) and one == two


def _said(written: PayloadType, type_: PayloadType) -> str:
    if isinstance(type_, Enum):
        values = ", ".join("null" if value is None else str(value) for value in type_.values)
        return f"one of {values}"
    return spelled(written)
