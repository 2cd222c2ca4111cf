"""The notation of payload types in data: texts such as `map of Item | null`, lists and mappings.

What cannot be read is a fault, in the words of the compiler (`pgflowc.graph.notation`), and becomes `any`,
which fits everything, so that nothing else complains about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from pgflowc_language.payload_types import (
    ANY,
    NULL,
    SCALAR_NAMES,
    Array,
    Enum,
    MapOf,
    Named,
    Object,
    OneOf,
    PayloadType,
    Scalar,
    written_field,
)
from pgflowc_language.words import did_you_mean, quote
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.words import got

_MAX_DEPTH = 64
_TOKEN = re.compile(r"[A-Za-z_$][A-Za-z0-9_]*|[^ \t\n\r\f\v]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a type may be called, and what a word of the notation is."""
_FORMS = "types are names, 'T | U', 'map of T' and '[T]'"
_INSTEAD_OF = {
    **dict.fromkeys(("or", ",", "/"), "alternatives are written 'T | U'"),
    "?": "a type that may be null or absent is written 'T | null'",
    "{": "an object is a mapping, not a text; give it a name under 'types' to use it in a text",
    "<": "write [T] for an array and 'map of T' for a mapping with any keys",
    "(": "types have no parentheses; give the inner type a name under 'types'",
    "[": "an array is written [T], with the element's type inside",
}
_DIRECTIVES = ("$enum", "$ref", "$python")
_CHOICE = 'a choice of values is {"$enum": ["a", "b"]}'


class Reader:
    """Reads the types of one definition. `uses` collects the names met, with the first place of each, and
    `faults` what was wrong.
    """

    def __init__(self) -> None:
        self.uses: dict[str, Path] = {}
        self.faults: list[Fault] = []

    def read(self, written: Any, at: Path) -> PayloadType:
        """The type that stands at that place."""
        return self._read(written, at, 0)

    def _read(self, written: Any, at: Path, depth: int) -> PayloadType:
        if depth > _MAX_DEPTH:
            message = f"types are nested more than {_MAX_DEPTH} levels deep"
            return self.refuse("PGF301", message, at, "give the inner parts names under 'types'")
        if isinstance(written, Mapping):
            return self._object(written, at, depth)
        if isinstance(written, list):
            return self._array(written, at, depth)
        if written is None:
            return NULL
        if isinstance(written, str):
            return _TextReader(self, written, at).read()
        return self.refuse("PGF301", f"{got(written)} is a value, not a type", at, _CHOICE)

    def _array(self, written: list[Any], at: Path, depth: int) -> PayloadType:
        if len(written) == 1:
            return Array(self._read(written[0], (*at, 0), depth + 1))
        if not written:
            message, help = "this array has no element type", 'write ["T"], or ["any"]'
        else:
            message = f"an array has one element type, not {len(written)}"
            help = f'write ["T | U"] for mixed elements; {_CHOICE}'
        return self.refuse("PGF307", message, at, help)

    def _object(self, written: Mapping[Any, Any], at: Path, depth: int) -> PayloadType:
        directive = next((str(key) for key in written if str(key).startswith("$")), None)
        if directive is None:
            fields = []
            for key, inner in written.items():
                if not isinstance(key, str) or not key:
                    self.refuse("PGF301", "a field needs a name", (*at, str(key)))
                    continue
                fields.append(written_field(key, self._read(inner, (*at, key), depth + 1)))
            return Object(tuple(fields))
        place = (*at, directive)
        if directive not in _DIRECTIVES:
            help = did_you_mean(directive, _DIRECTIVES) or _CHOICE
            return self.refuse("PGF308", f"{quote(directive)} means nothing in a payload type", place, help)
        if len(written) > 1:
            message = f"'{directive}' must stand alone in its mapping"
            return self.refuse("PGF308", message, place, "move the other fields to an object of their own")
        if directive == "$enum":
            return self._enum(written["$enum"], place)
        code = "PGF312" if directive == "$ref" else "PGF311"
        message = f"'{directive}' has no place in a definition at run time"
        return self.refuse(code, message, place, "it is for specs: write the type out, under 'types' maybe")

    def _enum(self, written: Any, at: Path) -> PayloadType:
        if not isinstance(written, list) or not written:
            return self.refuse("PGF306", "'$enum' takes a list of values", at, _CHOICE)
        values: dict[tuple[type, Any], None] = {}
        for number, value in enumerate(written):
            if not isinstance(value, str | int | bool | None):
                message = "a value of '$enum' must be a text, an integer, true, false or null"
                return self.refuse("PGF306", message, (*at, number))
            key = (type(value), value)
            if key in values:
                message = f"{quote(str(value))} occurs twice in '$enum'"
                return self.refuse("PGF306", message, (*at, number), "remove it")
            values[key] = None
        return Enum(tuple(value for _, value in values))

    def refuse(self, code: str, message: str, at: Path, help: str = "") -> PayloadType:
        """Add a fault; the type is `any` from here on."""
        self.faults.append(Fault(code, message, at, help))
        return ANY

    def use(self, name: str, at: Path) -> PayloadType:
        """A name: a built-in type, or one that the definition must have."""
        if name in SCALAR_NAMES:
            return Scalar(SCALAR_NAMES[name])
        self.uses.setdefault(name, at)
        return Named(name)


class _TextReader:
    """Recursive descent over one text: a union of atoms, where an atom is a name, `map of` an atom, or `[`
    union `]`.
    """

    def __init__(self, reader: Reader, text: str, path: Path) -> None:
        self._reader = reader
        self._path = path
        self._tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]
        self._at = 0
        self._text = text

    def read(self) -> PayloadType:
        try:
            type_ = self._union(0)
            if self._at < len(self._tokens):
                self._fail_at_token()
        except _RefusedError as refused:
            return self._reader.refuse("PGF301", str(refused), self._path, refused.help)
        return type_

    def _union(self, depth: int) -> PayloadType:
        first = self._at
        members = {self._atom(depth): None}
        repeated: tuple[int, int] | None = None
        while self._peek() == "|":
            self._at += 1
            start = self._at
            member = self._atom(depth)
            if member in members and member != ANY:
                repeated = repeated or (start, self._at - 1)
            members[member] = None
        if repeated:
            twice, union = self._written(*repeated), self._written(first, self._at - 1)
            self._reader.refuse(
                "PGF305",
                f"{quote(twice)} occurs twice in {quote(union)}",
                self._path,
                "remove it, or write the type that was meant",
            )
        return next(iter(members)) if len(members) == 1 else OneOf(tuple(members))

    def _atom(self, depth: int) -> PayloadType:
        if depth > _MAX_DEPTH:
            self._fail(
                f"types are nested more than {_MAX_DEPTH} levels deep",
                "give the inner parts names under 'types'",
            )
        word = self._peek()
        if word is None:
            self._fail("a type is missing at the end" if self._tokens else "a type cannot be an empty text")
        if word == "[":
            self._at += 1
            item = self._union(depth + 1)
            if self._peek() != "]":
                self._fail("a ']' is missing")
            self._at += 1
            return Array(item)
        if word == "map" and self._peek(1) == "of":
            self._at += 2
            return MapOf(self._atom(depth + 1))
        if not NAME.fullmatch(word):
            self._fail_at_token()
        self._at += 1
        return self._reader.use(word, self._path)

    def _peek(self, ahead: int = 0) -> str | None:
        index = self._at + ahead
        return self._tokens[index][0] if index < len(self._tokens) else None

    def _written(self, first: int, last: int) -> str:
        """What the tokens `first` to `last` look like in the text."""
        return self._text[self._tokens[first][1] : self._tokens[last][2]]

    def _fail_at_token(self) -> NoReturn:
        word = self._tokens[self._at][0]
        self._fail(f"{quote(word)} cannot stand here", _INSTEAD_OF.get(word, _FORMS))

    def _fail(self, message: str, help: str = _FORMS) -> NoReturn:
        raise _RefusedError(message, help)


class _RefusedError(Exception):
    """The text is no type."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help
