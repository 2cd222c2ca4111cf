"""The payload type notation: nodes and texts such as `map of Item | null` to payload types.

What cannot be read is reported and becomes `any`, which fits everything, so that nothing else complains about
it.
"""

from __future__ import annotations

from itertools import takewhile

from pgflowc.diagnostics import Code, Diagnostic, Fix, Report, Span, replacement
from pgflowc.diagnostics.codes import types as codes
from pgflowc.diagnostics.fixing import respelling, rewording
from pgflowc.document import Mapping, Node, Refused, Scalar, Sequence
from pgflowc.graph.draft import ClassUse, TypeUse
from pgflowc.graph.json_schema import SchemaReader
from pgflowc.spec.example import Written, example
from pgflowc.spec.model import is_import_path
from pgflowc_language import payload_types as payload
from pgflowc_language.enum_values import BadValue, enum_of
from pgflowc_language.payload_types import ANY, NULL, PayloadType, written_field
from pgflowc_language.type_names import SPEC
from pgflowc_language.type_text import Range, read_type_text
from pgflowc_language.words import near_miss, quote

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
            return self._text(node, node.value)
        return self._refuse(
            codes.MALFORMED,
            f"{node.text} is a value, not a type",
            node.span,
            f"a single value is {example(node.source.path, {'$enum': [Written(node.text)]})}",
        )

    def _array(self, node: Sequence) -> PayloadType:
        if len(node.items) == 1:
            return payload.Array(self._read(node.items[0]))
        if not node.items:
            return self._refuse(
                codes.BAD_ARRAY,
                "this array has no element type",
                node.span,
                f"write {example(node.source.path, ['T'])}, or {example(node.source.path, ['any'])}",
            )
        return self._refuse(
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
                    self._refuse(codes.MALFORMED, "a field needs a name", entry.key_place.span)
                fields.append(written_field(entry.key, self._read(entry.value)))
            return payload.Object(tuple(fields))
        span = directive.key_place.span
        if directive.key not in _DIRECTIVES:
            meant = near_miss(directive.key, _DIRECTIVES)
            return self._refuse(
                codes.UNKNOWN_DIRECTIVE,
                f"{quote(directive.key)} means nothing in a payload type",
                span,
                f"did you mean '{meant}'?" if meant else f"a choice of values is {_choice(node)}",
                fix=respelling(span, directive.key, _DIRECTIVES),
            )
        if len(node.entries) > 1:
            other = next(entry for entry in node.entries.values() if entry is not directive)
            return self._refuse(
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
            return self._refuse(
                codes.BAD_ENUM, "'$enum' takes a list of values", key_span, f"write {_choice(node)}"
            )
        # What was refused may be any value, so that nothing is known of those after it.
        items = list(takewhile(lambda item: not isinstance(item, Refused), node.items))
        found = enum_of(item.value if isinstance(item, Scalar) else item for item in items)
        if isinstance(found, BadValue):
            return self._refuse(codes.BAD_ENUM, found.message, items[found.number].span, found.help)
        return found if len(items) == len(node.items) else ANY

    def _reference(self, node: Node, key_span: Span) -> PayloadType:
        if isinstance(node, Refused):
            return ANY
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return self._schemas.read(node.value, node.source.path, node.span)
        return self._refuse(
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
            return self._refuse(
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
        return self._refuse(
            codes.BAD_PYTHON,
            f"{quote(written)} is not module:Class",
            node.span,
            f"did you mean {quote(f'{module}:{name}')}?"
            if dotted
            else f"write {example(key_span.path, {'$python': 'shop.models:Report'})}",
        )

    def _text(self, node: Scalar, written: str) -> PayloadType:
        found = read_type_text(written, SPEC)
        spans = _Spans(node, written)
        self.uses += [TypeUse(use.name, spans.of(use.at), self._within) for use in found.uses]
        for one in found.repeated:
            fix = replacement(spans.of(one.removed), "") if spans.are_exact else None
            self._refuse(codes.REPEATED_MEMBER, one.message, spans.of(one.at), one.help, fix=fix)
        if refusal := found.refusal:
            span = spans.of(refusal.at)
            word = written[slice(*refusal.at)] if refusal.at else ""
            fix = rewording(span, word, refusal.instead) if refusal.instead else None
            self._refuse(codes.MALFORMED, refusal.message, span, refusal.help, fix=fix)
        return found.type

    def _refuse(
        self, code: Code, message: str, span: Span, help: str = "", fix: Fix | None = None
    ) -> PayloadType:
        """Report a fault; the type is `any` from here on."""
        self._report.add(Diagnostic(code, message, span, help=(help,) if help else (), fix=fix))
        return ANY


class _Spans:
    """Where the parts of a text are in the source: of offsets in the value that is known (`are_exact`) unless
    escapes or folding are between, and otherwise the whole text is pointed at.
    """

    def __init__(self, node: Scalar, value: str) -> None:
        self._node = node
        written = node.text
        self.are_exact = value in (written, written[1:-1])
        self._offset = node.start + (written != value)

    def of(self, at: Range | None) -> Span:
        """The span of a part; None is all of it."""
        if at is None or not self.are_exact:
            return self._node.span
        return self._node.source.span(self._offset + at[0], self._offset + at[1])


def _choice(node: Node) -> str:
    return example(node.source.path, {"$enum": ["a", "b"]})
