"""A diagram for a terminal: a line per step, and to its left the outputs that are still needed, as lanes.

A step stands in the lane of a dependency that nobody needs after it, or opens a new one.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgflowc.picture.diagram import Diagram, Node

_MARKS = {"single": "●", "map": "◆", "approval": "○", "type": "·"}
_ASCII = str.maketrans(
    {"●": "o", "◆": "#", "○": "@", "·": ".", "│": "|", "─": "-", "├": "+", "┤": "+", "┼": "+", "┴": "+"}
)
_ASCII |= str.maketrans(dict.fromkeys("╮╭╯╰", "'"))


def text(diagram: Diagram, *, ascii_only: bool = False) -> str:
    """The flow's name, then a line per step in topological order."""
    rows = _rows(diagram)
    width = max((len(lanes) for lanes in rows), default=0)
    named = max((len(node.title) for node in diagram.nodes), default=0)
    head = diagram.slug + (f"  {diagram.description}" if diagram.description else "")
    lines = [
        f"{lanes:<{width}}  {_told(node, named)}".rstrip()
        for lanes, node in zip(rows, diagram.nodes, strict=True)
    ]
    drawn = "\n".join([head, "", *lines]) + "\n"
    return drawn.translate(_ASCII) if ascii_only else drawn


def _told(node: Node, width: int) -> str:
    if node.kind == "type":
        return node.title
    mark = " ?" if node.conditional else ""
    return f"{node.title + mark:<{width + 2}}  {', '.join(node.notes)}"


def _rows(diagram: Diagram) -> list[str]:
    sources: list[list[int]] = [[] for _ in diagram.nodes]
    uses = [0] * len(diagram.nodes)
    for link in diagram.links:
        sources[link.target].append(link.source)
        uses[link.source] += 1
    lanes: list[int | None] = []  # the node whose output a lane carries
    last: list[int | None] = []  # who stood or ended there last, for a row
    rows = []
    for index, node in enumerate(diagram.nodes):
        feeding = {lanes.index(source) for source in sources[index]}
        ending = set()
        for source in sources[index]:
            uses[source] -= 1
            if uses[source] == 0:
                ending.add(lanes.index(source))
        at = min(ending) if ending else _free(lanes, last)
        while at >= len(lanes):
            lanes.append(None)
            last.append(None)
        rows.append(_row(lanes, feeding, ending, at, _MARKS[node.kind]))
        last = [None] * len(lanes)
        for lane in ending:
            lanes[lane] = None
            last[lane] = index
        lanes[at] = index if uses[index] else None
        last[at] = index
    return rows


def _free(lanes: Sequence[int | None], last: Sequence[int | None]) -> int:
    """A lane with a blank above it: directly below another step this one would look like its dependent."""
    for lane, (carried, ended) in enumerate(zip(lanes, last, strict=True)):
        if carried is None and ended is None:
            return lane
    return len(lanes)


def _row(lanes: Sequence[int | None], feeding: set[int], ending: set[int], at: int, mark: str) -> str:
    reach = feeding | {at}
    low, high = min(reach), max(reach)
    cells = []
    for lane, carried in enumerate(lanes):
        if lane == at:
            cells.append(mark)
        elif lane in feeding:
            cells.append(_junction(lane, at, ends=lane in ending, outermost=lane in (low, high)))
        elif carried is not None:
            cells.append("│")
        else:
            cells.append("─" if low < lane < high else " ")
        cells.append("─" if low <= lane < high else " ")
    return "".join(cells).rstrip()


def _junction(lane: int, at: int, *, ends: bool, outermost: bool) -> str:
    if not outermost:
        return "┴" if ends else "┼"
    if lane < at:
        return "╰" if ends else "├"
    return "╯" if ends else "┤"
