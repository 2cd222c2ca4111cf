"""Flows for people to look at: a diagram of boxes and links, drawn in four notations, and Markdown pages."""

from pgflowc.picture.diagram import Diagram, Link, Node, diagram
from pgflowc.picture.drawing import Format, draw
from pgflowc.picture.page import is_page, pages, stale

__all__ = ["Diagram", "Format", "Link", "Node", "diagram", "draw", "is_page", "pages", "stale"]
