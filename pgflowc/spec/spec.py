"""A decoded document: the model that says what was written, and the document that says where."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgflowc.diagnostics import Span
from pgflowc.document import Document, Mapping, Path
from pgflowc.document.model import Step
from pgflowc.spec.model import FlowModel, JobModel

LOST = "\0"
"""Stands in the paths of damage for keys that could not be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """One flow or job as written.

    `damaged` holds the paths of values that were reported and left out of `model`. A spec with damage is
    still checked, so that all its faults are found in one run, but never compiled; a check that would draw a
    conclusion from something missing asks `is_damaged` first.
    """

    document: Document
    model: FlowModel | JobModel
    damaged: frozenset[Path] = field(default=frozenset())
    _above_damage: frozenset[Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the paths that damage lies at or below."""
        above = {path[:length] for path in self.damaged for length in range(len(path) + 1)}
        object.__setattr__(self, "_above_damage", frozenset(above))

    @property
    def slug(self) -> str:
        """The flow's or job's slug."""
        return self.model.flow if isinstance(self.model, FlowModel) else self.model.job

    @property
    def slug_path(self) -> Path:
        """Where the slug is written."""
        return ("flow",) if isinstance(self.model, FlowModel) else ("job",)

    def is_damaged(self, *path: Step) -> bool:
        """Whether anything at `path` or below it was left out, or may have got lost."""
        if path in self._above_damage:
            return True
        return self.document.find(*path) is None and self.document.may_hold(*path)

    def key_span(self, *path: Step) -> Span:
        """The place of the key at `path`; of what encloses it when there is no such key."""
        entry = self.document.entry(*path)
        return entry.key_place.span if entry else self.value_span(*path)

    def value_span(self, *path: Step) -> Span:
        """The place of the value at `path`, of its key when the value is empty or fills several lines."""
        node = self.document.find(*path)
        while node is None and path:
            path = path[:-1]
            node = self.document.find(*path)
        assert node is not None
        entry = self.document.entry(*path)
        if entry and (node.start == node.end or isinstance(node, Mapping)):
            return entry.key_place.span
        return node.span
