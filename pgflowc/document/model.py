"""What a parsed text consists of: a tree of nodes that know where they stand, the same for YAML and TOML.

Keys are always texts. A value that was refused while parsing stays in the tree as `Refused`, so that later
stages neither use it nor complain about it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pgflowc.diagnostics import Span
from pgflowc.document.source import Source

ScalarValue = str | int | float | bool | None
Step = str | int
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A stretch of a source as offsets; `span` computes lines and columns."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The stretch as lines and columns."""
        return self.source.span(self.start, self.end)

    @property
    def text(self) -> str:
        """The characters of the stretch, as written."""
        return self.source.text[self.start : self.end]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Place):
    """A text, number, boolean or null; `plain` is true when it was written without quotes."""

    value: ScalarValue
    plain: bool


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Place):
    """A list of nodes."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One key of a mapping and its value."""

    key: str
    key_place: Place
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Place):
    """Entries in the order written; no key occurs twice.

    An `incomplete` one may have had more, among lines that could not be read: nothing follows from a key that
    it does not hold.
    """

    entries: dict[str, Entry]
    incomplete: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Refused(Place):
    """A value that was reported already and has no meaning."""


Node = Scalar | Sequence | Mapping | Refused


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One document of a file: a YAML file may hold several, a TOML file is one.

    `unread` are the words of the lines that could not be read: any of them may have been a key.
    """

    source: Source
    root: Node
    unread: frozenset[str] = frozenset()

    @property
    def path(self) -> str:
        """The file it came from, as it is shown."""
        return self.source.path

    def entry(self, *path: Step) -> Entry | None:
        """The mapping entry at `path`; None when there is none."""
        if not path or not isinstance(path[-1], str):
            return None
        parent = self.find(*path[:-1])
        return parent.entries.get(path[-1]) if isinstance(parent, Mapping) else None

    def find(self, *path: Step) -> Node | None:
        """The node at `path`, keys and list indices from the root; None when there is none."""
        node: Node = self.root
        for step in path:
            if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
                node = node.entries[step].value
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node

    def may_hold(self, *path: Step) -> bool:
        """Whether there is a value at `path`, or there may have been one in what could not be read."""
        node: Node = self.root
        for step in path:
            if isinstance(node, Refused):
                return True
            if isinstance(node, Mapping) and isinstance(step, str):
                if step not in node.entries:
                    return node.incomplete or step in self.unread
                node = node.entries[step].value
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                return False
        return True
