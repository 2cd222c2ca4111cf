"""Payload types that are written as texts, such as `map of Item | null`: what each text says, and where.

Places are offsets in the text; who reads a spec makes spans and fixes of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from pgflowc_language.payload_types import ANY, SCALAR_NAMES, Array, MapOf, Named, OneOf, PayloadType, Scalar
from pgflowc_language.type_names import NAME, Medium
from pgflowc_language.words import quote

MAX_DEPTH = 64
_TOKEN = re.compile(r"[A-Za-z_$][A-Za-z0-9_]*|[^ \t\n\r\f\v]")
_NAME = re.compile(NAME)
_FORMS = "types are names, 'T | U', 'map of T' and '[T]'"

Range = tuple[int, int]
"""Where a part of a text begins, and where it ends."""


@dataclass(frozen=True, slots=True)
class Use:
    """A name that `types` must have."""

    name: str
    at: Range


@dataclass(frozen=True, slots=True)
class Repeated:
    """A member of a union that was in it before; `removed` has the `|` before it, too."""

    message: str
    help: str
    at: Range
    removed: Range


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the text is no type. `at` is None if there is nothing in it, `instead` what must have been meant by
    the word there, if that is certain.
    """

    message: str
    help: str
    at: Range | None
    instead: str = ""


@dataclass(frozen=True, slots=True)
class TypeText:
    """What a text says. The type is `any` if it is refused; what was read before counts all the same."""

    type: PayloadType
    uses: tuple[Use, ...]
    repeated: tuple[Repeated, ...]
    refusal: Refusal | None


def read_type_text(text: str, medium: Medium) -> TypeText:
    """What the text says of types; `medium` is where it stands."""
    descent = _Descent(text, medium)
    type_: PayloadType = ANY
    refusal = None
    try:
        type_ = descent.whole()
    except _RefusedError as refused:
        refusal = refused.refusal
    return TypeText(type_, tuple(descent.uses), tuple(descent.repeated), refusal)


def too_deep(medium: Medium) -> tuple[str, str]:
    """The message and the help for types within types within types."""
    return (
        f"types are nested more than {MAX_DEPTH} levels deep",
        f"give the inner parts names under '{medium.types}'",
    )


def _instead_of(word: str, medium: Medium) -> str:
    """What this notation has for what others write."""
    match word:
        case "or" | "," | "/":
            return "alternatives are written 'T | U'"
        case "?":
            return "a type that may be null or absent is written 'T | null'"
        case "{":
            return (
                f"an object is a mapping, {medium.unlike_text}; "
                f"give it a name under '{medium.types}' to use it in a text"
            )
        case "<":
            return "write [T] for an array and 'map of T' for a mapping with any keys"
        case "(":
            return f"types have no parentheses; give the inner type a name under '{medium.types}'"
        case "[":
            return "an array is written [T], with the element's type inside"
    return _FORMS


class _Descent:
    """Recursive descent: a text is a union of atoms, where an atom is a name, `map of` an atom, or `[` union
    `]`.
    """

    def __init__(self, text: str, medium: Medium) -> None:
        self.uses: list[Use] = []
        self.repeated: list[Repeated] = []
        self._text = text
        self._medium = medium
        self._tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]
        self._at = 0

    def whole(self) -> PayloadType:
        """The type of the text."""
        type_ = self._union(0)
        if self._at < len(self._tokens):
            self._fail_at_token()
        return type_

    def _union(self, depth: int) -> PayloadType:
        first = self._at
        members = {self._atom(depth): None}
        repeated: Range | None = None
        while self._peek() == "|":
            self._at += 1
            start = self._at
            member = self._atom(depth)
            if member in members and member != ANY:
                repeated = repeated or (start, self._at - 1)
            members[member] = None
        if repeated:
            self._repeats(*repeated, first)
        return next(iter(members)) if len(members) == 1 else OneOf(tuple(members))

    def _repeats(self, start: int, end: int, first: int) -> None:
        """The tokens `start` to `end` are a member of the union since `first` once more."""
        at, union = self._range(start, end), self._range(first, self._at - 1)
        self.repeated.append(
            Repeated(
                f"{quote(self._text[slice(*at)])} occurs twice in {quote(self._text[slice(*union)])}",
                "remove it, or write the type that was meant",
                at,
                (self._tokens[start - 2][2], at[1]),
            )
        )

    def _atom(self, depth: int) -> PayloadType:
        if depth > MAX_DEPTH:
            self._fail(*too_deep(self._medium))
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
        if not _NAME.fullmatch(word):
            self._fail_at_token()
        self._at += 1
        if word in SCALAR_NAMES:
            return Scalar(SCALAR_NAMES[word])
        self.uses.append(Use(word, self._range(self._at - 1, self._at - 1)))
        return Named(word)

    def _peek(self, ahead: int = 0) -> str | None:
        index = self._at + ahead
        return self._tokens[index][0] if index < len(self._tokens) else None

    def _range(self, first: int, last: int) -> Range:
        """Where the tokens `first` to `last` are."""
        return self._tokens[first][1], self._tokens[last][2]

    def _fail_at_token(self) -> NoReturn:
        word = self._tokens[self._at][0]
        is_last = self._at == len(self._tokens) - 1
        instead = ""
        if word == "or" and not is_last:
            instead = "|"
        elif word == "?" and is_last and self._at == 1:
            instead = " | null"
        self._fail(f"{quote(word)} cannot stand here", _instead_of(word, self._medium), instead)

    def _fail(self, message: str, help: str = _FORMS, instead: str = "") -> NoReturn:
        last = min(self._at, len(self._tokens) - 1)
        at = self._range(last, last) if self._tokens else None
        raise _RefusedError(Refusal(message, help, at, instead))


class _RefusedError(Exception):
    """The text is no type."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
