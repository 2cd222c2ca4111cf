"""Where templates/, sql/ and schemas/ are: inside an installed package, or at the top of a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def resource_root() -> Path:
    """The directory that holds `templates/`, `sql/` and `schemas/`.

    A wheel carries them as `pgflowc/_resources`; an editable install reads the checkout's own. Wheels are
    unpacked when they are installed, so this is a real directory in both cases.
    """
    package = Path(__file__).resolve().parent
    packaged = package / "_resources"
    return packaged if packaged.is_dir() else package.parent
