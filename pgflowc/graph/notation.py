"""The payload type notation: nodes and texts such as `map of Item | null` to payload types.

What cannot be read is reported and becomes `any`, which fits everything, so that nothing else complains about
it.
"""

from __future__ import annotations

import re
from typing import NoReturn

from pgflowc.diagnostics import Code, Diagnostic, Fix, Report, Span, replacement
from pgflowc.diagnostics.codes import types as codes
from pgflowc.diagnostics.fixing import respelling, rewording
from pgflowc.document import Mapping, Node, Refused, Scalar, ScalarValue, Sequence
from pgflowc.graph.draft import ClassUse, TypeUse
from pgflowc.graph.json_schema import SchemaReader
from pgflowc.spec.example import Written, example
from pgflowc.spec.model import is_import_path
from pgflowc_language import payload_types as payload
from pgflowc_language import type_names
from pgflowc_language.payload_types import ANY, NULL, SCALAR_NAMES, PayloadType, written_field
from pgflowc_language.words import near_miss, quote

_MAX_DEPTH = 64
_TOKEN = re.compile(r"[A-Za-z_$][A-Za-z0-9_]*|[^ \t\n\r\f\v]")
_NAME = re.compile(type_names.NAME)
_FORMS = "types are names, 'T | U', 'map of T' and '[T]'"
# What other notations write, and what this one has for it.
_INSTEAD_OF = {
    "or": "alternatives are written 'T | U'",
    ",": "alternatives are written 'T | U'",
    "/": "alternatives are written 'T | U'",
    "?": "a type that may be null or absent is written 'T | null'",
    "{": "an object is a mapping, without quotes; give it a name under 'types:' to use it in a text",
    "<": "write [T] for an array and 'map of T' for a mapping with any keys",
    "(": "types have no parentheses; give the inner type a name under 'types:'",
    "[": "an array is written [T], with the element's type inside",
}
_DIRECTIVES = ("$enum", "$ref", "$python")


class Reader:
    """Reads the types of one flow; `uses` collects the names met, `classes` those of Python."""

    def __init__(self, report: Report, schemas: SchemaReader) -> None:
        self._report = report
        self._schemas = schemas
        self._within: str | None = None
        self.uses: list[TypeUse] = []
        self.classes: list[ClassUse] = []

    def read(self, node: Node, *, within: str | None = None) -> PayloadType:
        """The type that `node` writes; `within` is the entry of `types` that it stands in."""
        self._within = within
        return self._read(node)

    def _read(self, node: Node) -> PayloadType:
        if isinstance(node, Mapping):
            return self._object(node)
        if isinstance(node, Sequence):
            return self._array(node)
        if isinstance(node, Refused):
            return ANY
        if node.value is None:
            return NULL
        if isinstance(node.value, str):
            return _TextReader(self, node, node.value).read()
        return self.refuse(
            codes.MALFORMED,
            f"{node.text} is a value, not a type",
            node.span,
            f"a single value is {example(node.source.path, {'$enum': [Written(node.text)]})}",
        )

    def _array(self, node: Sequence) -> PayloadType:
        if len(node.items) == 1:
            return payload.Array(self._read(node.items[0]))
        if not node.items:
            return self.refuse(
                codes.BAD_ARRAY,
                "this array has no element type",
                node.span,
                f"write {example(node.source.path, ['T'])}, or {example(node.source.path, ['any'])}",
            )
        return self.refuse(
            codes.BAD_ARRAY,
            f"an array has one element type, not {len(node.items)}",
            node.items[1].span,
            f"write {example(node.source.path, ['T | U'])} for mixed elements, or {_choice(node)} for a "
            "choice of values",
        )

    def _object(self, node: Mapping) -> PayloadType:
        directive = next((entry for entry in node.entries.values() if entry.key.startswith("$")), None)
        if directive is None:
            fields = []
            for entry in node.entries.values():
                if not entry.key:
                    self.refuse(codes.MALFORMED, "a field needs a name", entry.key_place.span)
                fields.append(written_field(entry.key, self._read(entry.value)))
            return payload.Object(tuple(fields))
        span = directive.key_place.span
        if directive.key not in _DIRECTIVES:
            meant = near_miss(directive.key, _DIRECTIVES)
            return self.refuse(
                codes.UNKNOWN_DIRECTIVE,
                f"{quote(directive.key)} means nothing in a payload type",
                span,
                f"did you mean '{meant}'?" if meant else f"a choice of values is {_choice(node)}",
                fix=respelling(span, directive.key, _DIRECTIVES),
            )
        if len(node.entries) > 1:
            other = next(entry for entry in node.entries.values() if entry is not directive)
            return self.refuse(
                codes.UNKNOWN_DIRECTIVE,
                f"'{directive.key}' must stand alone in its mapping",
                other.key_place.span,
                "move this field to an object of its own",
            )
        if directive.key == "$python":
            return self._python(directive.value, span)
        if directive.key == "$ref":
            return self._reference(directive.value, span)
        return self._enum(directive.value, span)

    def _enum(self, node: Node, key_span: Span) -> PayloadType:
        if isinstance(node, Refused):
            return ANY
        if not isinstance(node, Sequence) or not node.items:
            return self.refuse(
                codes.BAD_ENUM, "'$enum' takes a list of values", key_span, f"write {_choice(node)}"
            )
        values: dict[tuple[type, ScalarValue], None] = {}
        for item in node.items:
            if isinstance(item, Refused):
                return ANY
            if not isinstance(item, Scalar) or isinstance(item.value, float):
                return self.refuse(
                    codes.BAD_ENUM,
                    "a value of '$enum' must be a text, an integer, true, false or null",
                    item.span,
                )
            key = (type(item.value), item.value)
            if key in values:
                return self.refuse(
                    codes.BAD_ENUM,
                    f"{quote(str(item.value))} occurs twice in '$enum'",
                    item.span,
                    "remove it",
                )
            values[key] = None
        return payload.Enum(tuple(value for _, value in values))

    def _reference(self, node: Node, key_span: Span) -> PayloadType:
        if isinstance(node, Refused):
            return ANY
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return self._schemas.read(node.value, node.source.path, node.span)
        return self.refuse(
            codes.BAD_REFERENCE,
            "'$ref' takes the path of a file",
            key_span,
            f"write {example(key_span.path, {'$ref': 'schemas/order.json'})}",
        )

    def _python(self, node: Node, key_span: Span) -> PayloadType:
        if isinstance(node, Refused):
            return ANY
        written = node.value if isinstance(node, Scalar) else None
        if not isinstance(written, str):
            return self.refuse(
                codes.BAD_PYTHON,
                "'$python' takes module:Class",
                key_span,
                f"write {example(key_span.path, {'$python': 'shop.models:Report'})}",
            )
        module, _, name = written.partition(":")
        if is_import_path(written):
            self.classes.append(ClassUse(module, name, node.span))
            return payload.Python(module, name)
        module, _, name = written.rpartition(".")
        dotted = is_import_path(f"{module}:{name}")
        return self.refuse(
            codes.BAD_PYTHON,
            f"{quote(written)} is not module:Class",
            node.span,
            f"did you mean {quote(f'{module}:{name}')}?"
            if dotted
            else f"write {example(key_span.path, {'$python': 'shop.models:Report'})}",
        )

    def refuse(self, code: Code, message: str, span: Span, *help: str, fix: Fix | None = None) -> PayloadType:
        """Report a fault; the type is `any` from here on."""
        self._report.add(Diagnostic(code, message, span, help=help, fix=fix))
        return ANY

    def use(self, name: str, span: Span) -> PayloadType:
        """A name: a built-in type, or one that the flow must define."""
        if name in SCALAR_NAMES:
            return payload.Scalar(SCALAR_NAMES[name])
        self.uses.append(TypeUse(name, span, self._within))
        return payload.Named(name)


class _TextReader:
    """Recursive descent over one text: a union of atoms, where an atom is a name, `map of` an atom, or `[`
    union `]`.
    """

    def __init__(self, reader: Reader, node: Scalar, text: str) -> None:
        self._reader = reader
        self._node = node
        self._tokens = [(match[0], match.start(), match.end()) for match in _TOKEN.finditer(text)]
        self._at = 0
        self._text = text
        # Offsets in the value are offsets in the source unless escapes or folding are between.
        written = node.text
        self._offset = node.start if written == text else node.start + 1 if written[1:-1] == text else None

    def read(self) -> PayloadType:
        try:
            type_ = self._union(0)
            if self._at < len(self._tokens):
                self._fail_at_token()
        except _RefusedError as refused:
            return self._reader.refuse(
                codes.MALFORMED, refused.message, refused.span, refused.help, fix=refused.fix
            )
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
                codes.REPEATED_MEMBER,
                f"{quote(twice)} occurs twice in {quote(union)}",
                self._span(*repeated),
                "remove it, or write the type that was meant",
                fix=self._without(*repeated),
            )
        return next(iter(members)) if len(members) == 1 else payload.OneOf(tuple(members))

    def _atom(self, depth: int) -> PayloadType:
        if depth > _MAX_DEPTH:
            self._fail(
                f"types are nested more than {_MAX_DEPTH} levels deep",
                "give the inner parts names under 'types:'",
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
            return payload.Array(item)
        if word == "map" and self._peek(1) == "of":
            self._at += 2
            return payload.MapOf(self._atom(depth + 1))
        if not _NAME.fullmatch(word):
            self._fail_at_token()
        span = self._span(self._at, self._at)
        self._at += 1
        return self._reader.use(word, span)

    def _peek(self, ahead: int = 0) -> str | None:
        index = self._at + ahead
        return self._tokens[index][0] if index < len(self._tokens) else None

    def _written(self, first: int, last: int) -> str:
        """What the tokens `first` to `last` look like in the text."""
        return self._text[self._tokens[first][1] : self._tokens[last][2]]

    def _span(self, first: int, last: int) -> Span:
        """The place of the tokens `first` to `last`; of the whole text if they cannot be told apart."""
        if self._offset is None or not self._tokens:
            return self._node.span
        last = min(last, len(self._tokens) - 1)
        start = self._tokens[min(first, last)][1]
        return self._node.source.span(self._offset + start, self._offset + self._tokens[last][2])

    def _without(self, first: int, last: int) -> Fix | None:
        """The fix that removes a member of a union and the `|` before it."""
        if self._offset is None:
            return None
        start, end = self._tokens[first - 2][2], self._tokens[last][2]
        return replacement(self._node.source.span(self._offset + start, self._offset + end), "")

    def _fail_at_token(self) -> NoReturn:
        word = self._tokens[self._at][0]
        span = self._span(self._at, self._at)
        is_last = self._at == len(self._tokens) - 1
        fix = None
        if word == "or" and not is_last:
            fix = rewording(span, word, "|")
        elif word == "?" and is_last and self._at == 1:
            fix = rewording(span, word, " | null")
        self._fail(f"{quote(word)} cannot stand here", _INSTEAD_OF.get(word, _FORMS), fix)

    def _fail(self, message: str, help: str = _FORMS, fix: Fix | None = None) -> NoReturn:
        raise _RefusedError(message, self._span(self._at, self._at), help, fix)


class _RefusedError(Exception):
    """The text is no type; what to report about it."""

    def __init__(self, message: str, span: Span, help: str, fix: Fix | None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.help = help
        self.fix = fix


def _choice(node: Node) -> str:
    return example(node.source.path, {"$enum": ["a", "b"]})
