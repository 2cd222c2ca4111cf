"""A diagram for Mermaid, which GitHub, GitLab and most wikis draw."""

from __future__ import annotations

import re

from pgflowc.picture.diagram import Diagram, Node

# Only these are themselves in a quoted label; Mermaid reads `#nnn;` as a character reference.
_PLAIN = re.compile(r"[^A-Za-z0-9_ .,:()\[\]{}=/+*-]")
# Reads `end` and the like as its own words, in any case.
_WORDS = frozenset(
    {
        "end",
        "graph",
        "subgraph",
        "flowchart",
        "direction",
        "style",
        "class",
        "classdef",
        "linkstyle",
        "click",
        "call",
        "href",
        "default",
    }
)
_SHAPES = {
    "single": ('["', '"]'),
    "map": ('[["', '"]]'),
    "approval": ('{{"', '"}}'),
    "type": ('(["', '"])'),
}


def mermaid(diagram: Diagram) -> str:
    """A flowchart. Map steps have double sides, approvals six, steps that may be skipped a dashed outline."""
    names = [_name(node, index) for index, node in enumerate(diagram.nodes)]
    lines = ["flowchart TD"]
    for name, node in zip(names, diagram.nodes, strict=True):
        opening, closing = _SHAPES[node.kind]
        label = "<br/>".join(_escaped(line) for line in (node.title, *node.notes))
        lines.append(f"    {name}{opening}{label}{closing}")
    for link in diagram.links:
        arrow = "-->|each|" if link.each else "-->"
        lines.append(f"    {names[link.source]} {arrow} {names[link.target]}")
    conditional = [name for name, node in zip(names, diagram.nodes, strict=True) if node.conditional]
    if conditional:
        lines.append("    classDef conditional stroke-dasharray: 5 3")
        lines.append(f"    class {','.join(conditional)} conditional")
    return "\n".join(lines) + "\n"


def _name(node: Node, index: int) -> str:
    if node.kind == "type":
        return f"type_{index}"
    reserved = node.slug.startswith(("step_", "type_")) or node.slug.lower() in _WORDS
    return f"step_{node.slug}" if reserved else node.slug


def _escaped(line: str) -> str:
    return _PLAIN.sub(lambda match: f"#{ord(match.group())};", line)
