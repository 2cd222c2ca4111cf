"""The templates in templates/: they loop and print views, all decisions are taken before."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pgflowc.resources import resource_root

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(template: str, **view: Any) -> str:
    """The text of templates/`template`; ends in one line end."""
    return _environment().get_template(template).render(view)


@cache
def _environment() -> Environment:
    # Slow to import, and checking specs needs no templates.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701 - no HTML; `literals` makes users' texts inert before they get here
        loader=FileSystemLoader(resource_root() / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
