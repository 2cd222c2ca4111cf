"""What counts as a line of a user's text: the stages that place findings and the renderer that shows them
agree here.

Editors count `\\n`, `\\r\\n` and `\\r`; YAML 1.1 and `str.splitlines` know more breaks, which would shift
every position.
"""

from __future__ import annotations

import re

LINE_BREAK = re.compile(r"\r\n|\r|\n")
BYTE_ORDER_MARK = "\ufeff"


def lines_of(text: str) -> list[str]:
    """The lines without their breaks; a leading byte order mark belongs to no line."""
    return LINE_BREAK.split(text.removeprefix(BYTE_ORDER_MARK))
