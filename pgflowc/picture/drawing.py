"""The notations a diagram can be drawn in."""

from __future__ import annotations

from enum import StrEnum

from pgflowc.picture.diagram import Diagram
from pgflowc.picture.dot import dot
from pgflowc.picture.mermaid import mermaid
from pgflowc.picture.svg import svg
from pgflowc.picture.text import text


class Format(StrEnum):
    """How a picture is written."""

    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"
    TEXT = "text"


_DRAWN = {Format.MERMAID: mermaid, Format.DOT: dot, Format.SVG: svg, Format.TEXT: text}


def draw(diagram: Diagram, format: Format) -> str:
    """The diagram in that notation, ending with a newline."""
    return _DRAWN[format](diagram)
