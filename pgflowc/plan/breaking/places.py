"""Where in the texts of specs keys stand, as far as they are written there."""

from __future__ import annotations

from collections.abc import Mapping

from pgflowc import document
from pgflowc.diagnostics import Report, Span
from pgflowc.document import Document
from pgflowc.document.model import Scalar
from pgflowc.graph.model import Flow
from pgflowc.plan.breaking.payloads import Path


class Places:
    """Finds keys in specs by path of their file; each file is read once, and only if something is sought."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources
        self._documents: dict[str, tuple[Document, ...]] = {}

    def __call__(self, flow: Flow, keys: Path) -> Span:
        """The place of the last of these keys that the flow's spec has; that of its slug if it has none."""
        found = self._document(flow)
        if found is None:
            return flow.span
        place = flow.span
        # A job's only step stands under a key of its own.
        if flow.kind == "job" and keys[:1] == ("steps",):
            keys = ("perform", *keys[2:])
        for depth in range(1, len(keys) + 1):
            entry = found.entry(*keys[:depth])
            if entry is None:
                break
            place = entry.key_place.span
        return place

    def _document(self, flow: Flow) -> Document | None:
        if flow.source not in self._documents:
            text = self._sources.get(flow.source)
            parsed = document.parse(flow.source, text, Report()) if text is not None else ()
            self._documents[flow.source] = tuple(parsed)
        for one in self._documents[flow.source]:
            node = one.find(flow.kind)
            if isinstance(node, Scalar) and str(node.value) == flow.slug:
                return one
        return None
