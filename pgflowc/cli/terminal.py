"""What the output may use: colour only where it is wanted, and the terminal's width."""

from __future__ import annotations

import os
from typing import TextIO


def wants_color(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`.

    NO_COLOR forbids it; else FORCE_COLOR or CLICOLOR_FORCE asks for it, also where there is no terminal; else
    a terminal gets it, unless TERM is `dumb` or CLICOLOR is 0. An empty variable is one that is not set, and
    0 does not force.
    """
    variable = os.environ.get
    if variable("NO_COLOR"):
        return False
    if any(variable(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return stream.isatty() and variable("TERM") != "dumb" and variable("CLICOLOR") != "0"


def width(stream: TextIO) -> int | None:
    """Columns to fit the output into: COLUMNS, else those of the terminal that `stream` is; None when neither
    is known, as in a pipe, where lines may be as long as they are.
    """
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None
