"""Parser events to nodes: one document after the other, without recursion.

Events come one at a time, so nesting is bounded before anything recurses, aliases are refused before anything
expands, and duplicate keys are seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml.error import MarkedYAMLError

from pgflowc.diagnostics import Code, Diagnostic, Label, Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document import yaml_scalar
from pgflowc.document.characters import name_of, unstorable
from pgflowc.document.model import Entry, Mapping, Node, Place, Refused, Scalar, Sequence
from pgflowc.document.source import Source
from pgflowc.document.yaml_cuts import MAX_DEPTH, ROOT, TOO_DEEP, Cuts
from pgflowc.document.yaml_surrogates import Surrogates
from pgflowc_language.words import quote

_MOST_LABELS = 4
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+\s*")


class TooDeepError(MarkedYAMLError):
    """The document is nested too deeply."""


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet; a mapping waits for `key`'s value when that is set."""

    start: int
    flow_style: bool
    is_mapping: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    key: tuple[str, Place] | None = None
    end: int = 0
    skip_value: bool = False
    merge_key: Place | None = None
    damaged: bool = False
    incomplete: bool = False


class Composer:
    """Builds the nodes of one chunk; offsets of events are moved by where the chunk begins.

    `surrogates` undoes what was done to the chunk's escapes, `cuts` says what was taken out of it, by offsets
    into the source.
    """

    def __init__(self, source: Source, base: int, surrogates: Surrogates, cuts: Cuts) -> None:
        self._source = source
        self._base = base
        self._cuts = cuts
        self._surrogates = surrogates
        self._report = Report()
        self._shared: dict[str, list[tuple[int, int]]] = {}

    def _refuse(self, code: Code, message: str, start: int, end: int, help: str, label: str = "") -> None:
        span = self._source.span(start, end)
        self._report.add(Diagnostic(code, message, span, label=label, help=(help,) if help else ()))

    def compose(self, events: Iterable[Any]) -> Iterator[Node]:
        """The root of each document (more than one only after a `...` line). Raises TooDeepError."""
        open_: list[_Open] = []
        for event in events:
            kind = type(event).__name__
            node: Node | None = None
            if kind == "ScalarEvent":
                node = self._scalar(event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._refuse_extras(event)
                open_.append(
                    _Open(
                        self._base + event.start_mark.index,
                        bool(event.flow_style),
                        kind == "MappingStartEvent",
                    )
                )
                if len(open_) > MAX_DEPTH:
                    raise TooDeepError(problem=TOO_DEEP, problem_mark=event.start_mark)
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                node = self._close(open_.pop(), self._base + event.end_mark.index)
            elif kind == "AliasEvent":
                node = self._alias(event)
            if node is None:
                continue
            if not open_:
                yield self._marked(ROOT, node) if self._cuts.incomplete else node
            elif open_[-1].is_mapping:
                self._add_to_mapping(open_[-1], node)
            else:
                open_[-1].items.append(node)
                open_[-1].end = node.end

    def findings(self) -> tuple[Diagnostic, ...]:
        """What was refused so far; of an anchor and its aliases one finding."""
        for name, places in self._shared.items():
            first, *others = [self._source.span(*place) for place in places[: _MOST_LABELS + 1]]
            is_anchor = self._source.text[places[0][0]] == "&"
            what = f"the anchor '&{name}'" if is_anchor else f"the alias '*{name}'"
            cure = ("write the value out where it is used",)
            self._report.add(
                Diagnostic(
                    syntax.ALIAS,
                    f"{what} is not part of the spec language",
                    first,
                    labels=tuple(Label(span, "used here") for span in others),
                    help=cure if is_anchor else (*cure, f'if a text was meant, quote it: "*{name}"'),
                )
            )
        return self._report.sorted()

    def _add_to_mapping(self, mapping: _Open, node: Node) -> None:
        mapping.end = node.end
        if mapping.skip_value:
            mapping.skip_value = False
            if mapping.merge_key and not isinstance(node, Refused):
                self._refuse(
                    syntax.ALIAS,
                    "merge keys ('<<') are not part of the spec language",
                    mapping.merge_key.start,
                    mapping.merge_key.end,
                    "write the keys out; options that all steps share belong to the flow",
                )
            mapping.merge_key = None
        elif mapping.key is None:
            mapping.key = self._key(node)
            mapping.skip_value = mapping.key is None
            mapping.incomplete |= mapping.key is None
            mapping.merge_key = node if mapping.skip_value and isinstance(node, Scalar) else None
            mapping.damaged |= mapping.key is None and not isinstance(node, Scalar)
        else:
            key, place = mapping.key
            mapping.key = None
            if self._cuts.incomplete:
                node = self._marked(place.start, node)
            first = mapping.entries.setdefault(key, Entry(key, place, node))
            # Lines may have run into each other where something was cut.
            is_sure = not self._cuts.values or not any(
                isinstance(one, Refused) for one in (first.value, node)
            )
            if first.value is not node and is_sure:
                self._report.add(
                    Diagnostic(
                        syntax.DUPLICATE_KEY,
                        f"the key {quote(key)} occurs twice",
                        place.span,
                        label="second time",
                        labels=(Label(first.key_place.span, "first time"),),
                        help=("rename or remove one of the two",),
                    )
                )

    def _marked(self, key: int, node: Node) -> Node:
        """The value of the key at that offset: incomplete, or refused, if parts of it were cut."""
        if key not in self._cuts.incomplete:
            return node
        if isinstance(node, Mapping):
            return replace(node, incomplete=True)
        return Refused(self._source, node.start, node.end)

    def _key(self, node: Node) -> tuple[str, Place] | None:
        """The key's text and place; None when its value is to be skipped, which was reported."""
        if isinstance(node, Scalar):
            if node.plain and node.text == "<<":
                return None
            return (node.text if node.plain else str(node.value)), node
        if not isinstance(node, Refused):
            self._report.add(
                Diagnostic(
                    syntax.KEY_NOT_TEXT,
                    "a key must be a text",
                    node.span,
                    label="this is a list" if isinstance(node, Sequence) else "this is a mapping",
                    help=("quote a text that begins with a bracket or a brace",),
                )
            )
        return None

    def _close(self, opened: _Open, end: int) -> Node:
        # The end mark of a block collection runs into the next token; its last child ends where it ends.
        if not opened.flow_style:
            end = max(opened.end, opened.start)
        if opened.damaged:
            return Refused(self._source, opened.start, end)
        if opened.is_mapping:
            return Mapping(self._source, opened.start, end, opened.entries, opened.incomplete)
        return Sequence(self._source, opened.start, end, tuple(opened.items))

    def _scalar(self, event: Any) -> Node:
        start, end = self._base + event.start_mark.index, self._base + event.end_mark.index
        if self._source.odd and self._source.is_odd(start, end):
            return Refused(self._source, start, end)
        if start in self._cuts.values:
            return Refused(self._source, *self._cuts.values[start])
        if (event.tag is not None or event.anchor is not None) and self._refuse_extras(event):
            return Refused(self._source, start, end)
        if event.anchor is not None and (anchor := _ANCHOR.match(self._source.text, start)):
            start = anchor.end()
        written: str = event.value
        text = self._surrogates.joined(written) if event.style == '"' else self._surrogates.restored(written)
        if event.anchor is not None and not text and event.style not in ("'", '"'):
            return Refused(self._source, start, end)  # Its text has become the name of the anchor.
        if bad := unstorable(text):
            self._report.add(
                Diagnostic(
                    syntax.CHARACTER,
                    f"the character {name_of(bad)} cannot be part of a spec",
                    self._source.span(start, end),
                    label="an escape in this text makes it",
                )
            )
            return Refused(self._source, start, end)
        if event.style in ("'", '"', "|", ">"):
            return Scalar(self._source, start, end, text, plain=False)
        try:
            return Scalar(self._source, start, end, yaml_scalar.resolve(text), plain=True)
        except OverflowError:
            self._report.add(
                Diagnostic(
                    syntax.NOT_JSON,
                    "this number has no place in JSON",
                    self._source.span(start, end),
                    help=("write a finite number, or put it in quotes to make it a text",),
                )
            )
            return Refused(self._source, start, end)

    def _alias(self, event: Any) -> Node:
        start, end = self._base + event.start_mark.index, self._base + event.end_mark.index
        self._shared.setdefault(event.anchor, []).append((start, end))
        return Refused(self._source, start, end)

    def _refuse_extras(self, event: Any) -> bool:
        """Report an anchor or a tag; true when a tag makes the value meaningless."""
        start = self._base + event.start_mark.index
        if event.anchor is not None:
            self._shared.setdefault(event.anchor, []).append((start, start + len(event.anchor) + 1))
        if event.tag is None:
            return False
        written = re.compile(r"![^\s,\[\]{}]*").search(self._source.text, start)
        tag = written[0] if written else str(event.tag)
        self._report.add(
            Diagnostic(
                syntax.TAG,
                f"the tag '{tag}' is not part of the spec language",
                self._source.span(*written.span()) if written else self._source.span(start, start + 1),
                help=("remove it; put the value in quotes if it is a text that begins with '!'",),
            )
        )
        return True
