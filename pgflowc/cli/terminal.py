"""What the output may use: colour only on a terminal that wants it, and its width."""

from __future__ import annotations

import os
import shutil
from typing import TextIO


def wants_color(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: only a terminal, and not with NO_COLOR or TERM=dumb set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width(default: int = 100) -> int:
    """Columns of the terminal, or `default` when there is none."""
    return shutil.get_terminal_size((default, 24)).columns
