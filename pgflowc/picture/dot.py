"""A diagram for Graphviz."""

from __future__ import annotations

from pgflowc.picture.diagram import Diagram, Node


def dot(diagram: Diagram) -> str:
    """A digraph. Map steps have a double outline, approvals six sides, steps that may be skipped dashes."""
    lines = [
        f"digraph {_quoted(diagram.slug)} {{",
        '    node [shape=box, style="rounded", fontname="monospace"];',
    ]
    for index, node in enumerate(diagram.nodes):
        lines.append(f"    n{index} [{', '.join(_attributes(node))}];")
    for link in diagram.links:
        label = ' [label="each"]' if link.each else ""
        lines.append(f"    n{link.source} -> n{link.target}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _attributes(node: Node) -> list[str]:
    attributes = [f"label={_quoted(node.title, *node.notes)}"]
    if node.kind == "map":
        attributes.append("peripheries=2")
    if node.kind == "approval":
        attributes.append("shape=hexagon")
    if node.kind == "type":
        attributes.append("shape=plaintext")
    if node.conditional:
        attributes.append('style="rounded,dashed"')
    return attributes


def _quoted(*lines: str) -> str:
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'
