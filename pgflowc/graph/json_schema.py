"""`{$ref: file.json#/...}`: JSON Schema to payload types.

Objects that are referred to become named types, so that each is one class however often it is used and may
contain itself; everything else is written in place. What a payload type cannot say is refused, by name; what
it could only check (lengths, bounds, patterns) is left unchecked, with a warning.
"""

from __future__ import annotations

import json
import re
from collections import deque
from functools import lru_cache
from typing import Any, NoReturn

from pgflowc.diagnostics import Code, Diagnostic, Report, Span
from pgflowc.diagnostics.codes import types as codes
from pgflowc.document.referred import Referred, beside, is_url, split
from pgflowc_language import payload_types as payload
from pgflowc_language.payload_types import ANY, NULL, SCALAR_NAMES, PayloadType
from pgflowc_language.type_names import RESERVED
from pgflowc_language.words import near_miss, one_of, quote

_PUT = "correct the path, or put the schema there"
_MAX_DEPTH = 64
# References to anything but objects are written in place, which can double at every level.
_MAX_SIZE = 20_000
_JSON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "null"}
_FORMATS = {
    "date": "date",
    "date-time": "datetime",
    "time": "time",
    "uuid": "uuid",
    "decimal": "decimal",
    "byte": "bytes",
}
_READ = (
    "$ref", "type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf",
    "oneOf", "allOf", "format", "contentEncoding",
)  # fmt: skip
_NOTES = frozenset(
    (
        "$schema", "$id", "$comment", "$anchor", "$vocabulary", "$defs", "definitions", "title",
        "description", "default", "examples", "example", "deprecated", "readOnly",
        "writeOnly", "contentMediaType",
        "discriminator",
    )
)  # fmt: skip
_UNCHECKED = frozenset(
    (
        "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
        "propertyNames",
    )
)  # fmt: skip
_SHAPES = frozenset(("properties", "items", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"))

Place = tuple[str, str]
"""A file's path, and a JSON pointer in it."""


class SchemaReader:
    """Reads the JSON Schemas that one flow refers to.

    `named` collects the types of objects under new names, none of `taken`; `spans` says where each was first
    needed.
    """

    def __init__(self, referred: Referred, taken: frozenset[str], report: Report) -> None:
        self.named: dict[str, PayloadType] = {}
        self.spans: dict[str, Span] = {}
        self._referred = referred
        self._taken = {*taken, *RESERVED}
        self._report = report
        self._names: dict[Place, str] = {}
        self._waiting: deque[tuple[str, Place, Any]] = deque()
        self._open: list[Place] = []
        self._unchecked: dict[str, set[str]] = {}
        self._warned: dict[str, set[str]] = {}
        self._size = 0

    def read(self, written: str, path: str, span: Span) -> PayloadType:
        """The type that the `$ref` of the spec `path` leads to; `any`, and a diagnostic, where it cannot."""
        self._span = span
        self._unchecked.clear()
        target, _ = split(written)
        try:
            if not target:
                self._refuse(
                    codes.BAD_REFERENCE,
                    f"'$ref' names a file, and {quote(written)} names none",
                    "types of the same spec are used by their name under 'types:'",
                )
            type_ = self._refer(written, (path, ""), 0)
            while self._waiting:
                name, place, schema = self._waiting.popleft()
                self.named[name] = self._body(schema, place, 0)
        except _RefusedError:
            self._open.clear()
            self._waiting.clear()
            return ANY
        self._warn()
        return type_

    def _refer(self, written: str, at: Place, depth: int) -> PayloadType:
        """The type behind a `$ref` that stands `at` a place."""
        if is_url(written):
            self._refuse(
                codes.BAD_REFERENCE,
                f"{quote(written)} is no file of the project{self._where(at)}",
                "save the schema beside the spec and name the file: nothing is fetched when specs compile",
            )
        path = beside(at[0], written)
        place = (path, split(written)[1].rstrip("/"))
        if place in self._open:
            self._refuse(
                codes.BAD_REFERENCE,
                f"{quote(written)} leads back to itself without an object between{self._where(at)}",
                "let it refer to a schema with 'properties', or write the type out",
            )
        if place in self._names:
            return payload.Named(self._names[place])
        schema = self._find(written, at, place)
        if isinstance(schema, dict) and "properties" in schema and "$ref" not in schema:
            name = self._names[place] = self._name(place)
            self.spans[name] = self._span
            self._waiting.append((name, place, schema))
            return payload.Named(name)
        self._open.append(place)
        type_ = self._body(schema, place, depth + 1)
        self._open.pop()
        return type_

    def _find(self, written: str, at: Place, place: Place) -> Any:
        path, pointer = place
        text = self._referred.files.get(path)
        if text is None:
            fault = self._referred.faults.get(path, "does not exist")
            self._refuse(codes.BAD_REFERENCE, f"{path} {fault}{self._where(at)}", _PUT)
        found, problem = _parsed(text)
        if problem:
            self._refuse(codes.BAD_REFERENCE, f"{path} {problem}", "correct the file, or name another one")
        if pointer and not pointer.startswith("/"):
            self._refuse(
                codes.BAD_REFERENCE,
                f"{quote('#' + pointer)} is no JSON pointer{self._where(at)}",
                "write the way to the schema, such as #/$defs/Item; anchors are not followed",
            )
        for step in pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isascii() and key.isdecimal() and int(key[:9]) < len(found):
                found = found[int(key[:9])]
            else:
                meant = near_miss(key, found) if isinstance(found, dict) else None
                self._refuse(
                    codes.BAD_REFERENCE,
                    f"{path} has no {quote('#' + pointer)}{self._where(at)}",
                    f"did you mean '{meant}' for '{key}'?" if meant else _held(found),
                )
        return found

    def _body(self, schema: Any, at: Place, depth: int) -> PayloadType:
        """The type that a schema describes; objects in place."""
        self._size += 1
        if self._size > _MAX_SIZE:
            self._unsupported(at, f"the types of one flow have more than {_MAX_SIZE} parts")
        if schema is True or schema == {}:
            return ANY
        if not isinstance(schema, dict):
            self._unsupported(
                at, "a schema is an object" if schema is not False else "'false' admits no value"
            )
        if depth > _MAX_DEPTH:
            self._unsupported(at, f"schemas are nested more than {_MAX_DEPTH} levels deep")
        self._check_keywords(schema, at)
        if "$ref" in schema:
            written = schema["$ref"]
            if not isinstance(written, str):
                self._unsupported(at, "'$ref' is no text")
            return self._refer(written, at, depth)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._union(schema[keyword], (at[0], f"{at[1]}/{keyword}"), depth)
        if "allOf" in schema:
            parts = schema["allOf"]
            if not isinstance(parts, list) or len(parts) != 1:
                self._unsupported(at, "'allOf' of several schemas has no payload type")
            return self._body(parts[0], (at[0], f"{at[1]}/allOf/0"), depth + 1)
        if "enum" in schema or "const" in schema:
            return self._enum(schema["enum"] if "enum" in schema else [schema["const"]], at)
        kinds = schema.get("type")
        if kinds is None:
            inferred = (
                "object"
                if schema.keys() & {"properties", "required", "additionalProperties"}
                else "array"
                if "items" in schema
                else None
            )
            return self._kind(inferred, schema, at, depth) if inferred else ANY
        if not isinstance(kinds, list):
            return self._kind(kinds, schema, at, depth)
        return _union([self._kind(kind, schema, at, depth) for kind in kinds])

    def _kind(self, kind: object, schema: dict[str, Any], at: Place, depth: int) -> PayloadType:
        """The type for one word of `type`."""
        if kind == "array":
            item = schema.get("items", True)
            if isinstance(item, list):
                self._unsupported(at, "'items' is a list, but arrays have one type of element")
            return payload.Array(self._body(item, (at[0], f"{at[1]}/items"), depth + 1))
        if kind == "object":
            return self._object(schema, at, depth)
        if not isinstance(kind, str) or kind not in _JSON:
            self._unsupported(at, f"{quote(str(kind))} is no type of JSON Schema")
        name = _JSON[kind]
        if kind == "string":
            name = _FORMATS.get(str(schema.get("format")), name)
            name = "bytes" if schema.get("contentEncoding") == "base64" else name
        return payload.Scalar(SCALAR_NAMES[name])

    def _object(self, schema: dict[str, Any], at: Place, depth: int) -> PayloadType:
        fields, others = schema.get("properties"), schema.get("additionalProperties", True)
        if fields is None and others is not False:
            value = ANY if others is True else others
            if value is ANY:
                return payload.MapOf(ANY)
            return payload.MapOf(self._body(value, (at[0], f"{at[1]}/additionalProperties"), depth + 1))
        if isinstance(others, dict) and others:
            self._unsupported(at, "'additionalProperties' holds a schema beside 'properties'")
        fields, required = fields or {}, schema.get("required", [])
        if not isinstance(fields, dict) or not isinstance(required, list) or "" in fields:
            self._unsupported(at, "'properties' maps names to schemas, and 'required' lists names")
        return payload.Object(
            tuple(
                _field(
                    name,
                    self._body(inner, (at[0], f"{at[1]}/properties/{_escaped(name)}"), depth + 1),
                    optional=name not in required,
                )
                for name, inner in fields.items()
            )
        )

    def _union(self, members: Any, at: Place, depth: int) -> PayloadType:
        if not isinstance(members, list) or not members:
            self._unsupported(at, "a union is a list of schemas")
        return _union(
            [
                self._body(inner, (at[0], f"{at[1]}/{number}"), depth + 1)
                for number, inner in enumerate(members)
            ]
        )

    def _enum(self, values: Any, at: Place) -> PayloadType:
        if not isinstance(values, list) or not values:
            self._unsupported(at, "'enum' is a list of values")
        distinct = {(type(value), value): value for value in values if isinstance(value, str | int | None)}
        if len([value for value in values if not isinstance(value, str | int | None)]):
            self._unsupported(at, "a value of an enum must be a text, an integer, true, false or null")
        found = tuple(distinct.values())
        return NULL if found == (None,) else payload.Enum(found)

    def _check_keywords(self, schema: dict[str, Any], at: Place) -> None:
        shapes = [word for word in schema if word in _SHAPES]
        for word in schema:
            if word in _UNCHECKED:
                self._unchecked.setdefault(at[0], set()).add(word)
            elif word not in _READ and word not in _NOTES and not word.startswith("x-"):
                meant = near_miss(word, (*_READ, *_NOTES))
                known = f"did you mean '{meant}'?" if meant else f"read are {one_of(_READ, 'and')}"
                self._unsupported(at, f"the keyword {quote(word)} is not supported", known)
        if len(shapes) > 1 and not set(shapes) <= {"enum", "const"}:
            self._unsupported(at, f"{quote(shapes[0])} beside {quote(shapes[1])} is not supported")

    def _name(self, place: Place) -> str:
        """A new name after the end of the pointer, or the file."""
        path, pointer = place
        words = re.findall(
            r"[A-Za-z0-9]+", pointer.rpartition("/")[2] or path.rpartition("/")[2].split(".")[0]
        )
        base = "".join(word[0].upper() + word[1:] for word in words)[:100] or "Schema"
        base = base if not base[0].isdigit() else f"Schema{base}"
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}{number}", number + 1
        self._taken.add(name)
        return name

    def _warn(self) -> None:
        for path, words in self._unchecked.items():
            told = self._warned.setdefault(path, set())
            new = sorted(words - told)
            told |= words
            if new:
                self._report.add(
                    Diagnostic(
                        codes.UNCHECKED,
                        f"{path}: payloads are not checked for {one_of(map(quote, new), 'and')}",
                        self._span,
                        help=("check them in the handler",),
                    )
                )

    def _where(self, at: Place) -> str:
        """The place in a schema file, for the end of a message; nothing in a spec, which is pointed at."""
        return f" ({at[0]}#{at[1]})" if at[0] in self._referred.files else ""

    def _unsupported(
        self, at: Place, what: str, help: str = "write this part out under 'types:'"
    ) -> NoReturn:
        self._refuse(codes.UNSUPPORTED_SCHEMA, f"{at[0]}#{at[1]}: {what}", help)

    def _refuse(self, code: Code, message: str, *help: str) -> NoReturn:
        self._report.add(Diagnostic(code, message, self._span, help=help))
        raise _RefusedError


class _RefusedError(Exception):
    """The reference was reported and means nothing."""


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Any, str]:
    """The JSON value of a file and "", or None and what is wrong with it, after the file's name."""
    try:
        return json.loads(text), ""
    except json.JSONDecodeError as error:
        return None, f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg.lower()}"
    except (ValueError, RecursionError):
        return None, "is not JSON that can be read: it is nested too deeply, or holds an endless number"


def _field(name: str, type_: PayloadType, *, optional: bool) -> payload.Field:
    """A field; as in the notation of specs, one that may be null may also be absent."""
    if isinstance(type_, payload.OneOf) and NULL in type_.members:
        return payload.Field(
            name, _union([member for member in type_.members if member != NULL]), optional=True
        )
    return payload.Field(name, _without_null(type_) if optional else type_, optional=optional)


def _union(members: list[PayloadType]) -> PayloadType:
    """The union of the members, those of unions among them one by one; null is in it once."""
    flat = [
        part
        for member in members
        for part in (member.members if isinstance(member, payload.OneOf) else (member,))
    ]
    distinct = tuple(dict.fromkeys(map(_without_null, flat) if NULL in flat else flat))
    return distinct[0] if len(distinct) == 1 else payload.OneOf(distinct)


def _without_null(type_: PayloadType) -> PayloadType:
    """A choice of values without null; other types as they are."""
    if not isinstance(type_, payload.Enum) or None not in type_.values:
        return type_
    return payload.Enum(tuple(value for value in type_.values if value is not None))


def _held(found: Any) -> str:
    keys = list(found)[:8] if isinstance(found, dict) else []
    return f"there is {one_of(map(quote, keys), 'and')}" if keys else "nothing is below the part before it"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
