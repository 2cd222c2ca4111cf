"""Plans and flows to texts: migrations, typed Python and the lock, all as `{path: text}`."""

from __future__ import annotations

from pgflowc.render.artifacts import Layout, Rendered, render

__all__ = ["Layout", "Rendered", "render"]
