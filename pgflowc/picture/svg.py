"""A diagram as an SVG file that stands alone: readable on light and dark pages, inert whatever texts say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from pgflowc.picture.diagram import Diagram, Node
from pgflowc.picture.layers import Arrangement, Place, Segment, Size, arrange

Direction = Literal["right", "down"]

_MARGIN = 16.0
_TITLE, _NOTE = 13, 11  # pixels
_ADVANCE = 0.602  # of a monospaced character, in ems
_PADDING = 14.0
# A row of more layers than this is wider than a page.
_LAYERS_IN_A_ROW = 7

_STYLE = """
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.title { font-size: 13px; font-weight: 600; fill: #1f2328; }
.note { font-size: 11px; fill: #57606a; }
.type { font-size: 11px; fill: #57606a; }
.box { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.2; }
.map { fill: #ddf4ff; stroke: #0969da; }
.approval { fill: #fff8c5; stroke: #9a6700; }
.conditional { stroke-dasharray: 5 3; }
.pill { fill: #ffffff; stroke: #d0d7de; }
.link { fill: none; stroke: #848d97; stroke-width: 1.4; }
.head { fill: #848d97; }
@media (prefers-color-scheme: dark) {
  .title { fill: #e6edf3; }
  .note, .type { fill: #9198a1; }
  .box { fill: #212830; stroke: #9198a1; }
  .map { fill: #12263f; stroke: #4493f8; }
  .approval { fill: #2e2a1f; stroke: #d29922; }
  .pill { fill: #151b23; stroke: #3d444d; }
}
"""


def svg(diagram: Diagram, direction: Direction | None = None) -> str:
    """The whole file. Layers run from left to right, or downwards when they are too many for a page."""
    sizes = [_size(node) for node in diagram.nodes]
    links = [(link.source, link.target) for link in diagram.links]
    turned = (direction or _fitting(len(sizes), links)) == "down"
    drawn = arrange([Size(size.across, size.along) if turned else size for size in sizes], links)
    return "\n".join(_lines(diagram, drawn, turned)) + "\n"


def _fitting(nodes: int, links: Sequence[tuple[int, int]]) -> Direction:
    rank = [0] * nodes
    for source, target in sorted(links, key=lambda link: link[1]):
        rank[target] = max(rank[target], rank[source] + 1)
    return "down" if max(rank, default=0) >= _LAYERS_IN_A_ROW else "right"


def _lines(diagram: Diagram, drawn: Arrangement, turned: bool) -> list[str]:
    along, across = drawn.size.along + 2 * _MARGIN, drawn.size.across + 2 * _MARGIN
    width, height = (across, along) if turned else (along, across)
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(width)}" height="{_number(height)}" '
        f'viewBox="0 0 {_number(width)} {_number(height)}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{_text(diagram.slug)}</title>',
        f'<desc id="desc">{_text(diagram.description or f"The steps of {diagram.slug}")}</desc>',
        f"<style>{_STYLE}</style>",
        '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="head" d="M0 1 L10 5 L0 9 z"/></marker>',
        *(_link(segment, diagram.nodes, turned) for segment in (*drawn.lanes, *drawn.segments)),
        *(
            line
            for node, place in zip(diagram.nodes, drawn.boxes, strict=True)
            for line in _box(node, place, turned)
        ),
        "</svg>",
    ]


def _size(node: Node) -> Size:
    if node.kind == "type":
        return Size(_width(node.title, _NOTE) + 12, 20.0)
    widths = [_width(node.title, _TITLE), *(_width(note, _NOTE) for note in node.notes)]
    return Size(max(72.0, max(widths) + 2 * _PADDING), 34.0 + 15 * len(node.notes))


def _width(line: str, size: int) -> float:
    cells = sum(2 if east_asian_width(character) in "WF" else 1 for character in line)
    return round(cells * size * _ADVANCE, 1)


def _box(node: Node, place: Place, turned: bool) -> list[str]:
    left, top = _point((place.along, place.across), turned)
    width, height = (place.size.across, place.size.along) if turned else (place.size.along, place.size.across)
    middle = left + width / 2
    if node.kind == "type":
        return [
            f'<rect class="pill" {_frame(left, top, width, height)} rx="10"/>',
            _line("type", node.title, middle, top + height / 2 + 4),
        ]
    kind = [node.kind] if node.kind in ("map", "approval") else []
    shape = " ".join(["box", *kind, *(["conditional"] if node.conditional else [])])
    lines = [f"<g><title>{_text(node.tooltip)}</title>"]
    if node.kind == "map":
        # A second sheet behind the first: there are many of it.
        lines.append(f'<rect class="{shape}" {_frame(left + 4, top + 4, width, height)} rx="6"/>')
    round_ = "17" if node.kind == "approval" else "6"
    lines.append(f'<rect class="{shape}" {_frame(left, top, width, height)} rx="{round_}"/>')
    lines.append(_line("title", node.title, middle, top + 22))
    lines += [_line("note", note, middle, top + 37 + 15 * index) for index, note in enumerate(node.notes)]
    return [*lines, "</g>"]


def _frame(left: float, top: float, width: float, height: float) -> str:
    return f'x="{_number(left)}" y="{_number(top)}" width="{_number(width)}" height="{_number(height)}"'


def _line(style: str, text: str, x: float, y: float) -> str:
    return (
        f'<text class="{style}" x="{_number(x)}" y="{_number(y)}" text-anchor="middle">{_text(text)}</text>'
    )


def _link(segment: Segment, nodes: Sequence[Node], turned: bool) -> str:
    """A straight stretch to the gap, a curve through it, a straight stretch from it."""
    (start, from_), (end, to) = segment.leave, segment.arrive
    near, far = segment.gap
    if from_ == to or near == far:
        points = [(start, from_), (end, to)]
        path = f"M{_pair(points[0], turned)} L{_pair(points[1], turned)}"
    else:
        bend = (near + far) / 2
        curve = " ".join(_pair(point, turned) for point in ((bend, from_), (bend, to), (far, to)))
        path = f"M{_pair((start, from_), turned)} L{_pair((near, from_), turned)} C{curve}"
        if end > far:
            path += f" L{_pair((end, to), turned)}"
    marker = (
        ' marker-end="url(#head)"' if segment.box is not None and nodes[segment.box].kind != "type" else ""
    )
    return f'<path class="link" d="{path}"{marker}/>'


def _pair(point: tuple[float, float], turned: bool) -> str:
    x, y = _point(point, turned)
    return f"{_number(x)} {_number(y)}"


def _point(point: tuple[float, float], turned: bool) -> tuple[float, float]:
    along, across = point[0] + _MARGIN, point[1] + _MARGIN
    return (across, along) if turned else (along, across)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(text: str) -> str:
    return escape(text)
