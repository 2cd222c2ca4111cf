"""Checks rendered texts before anything is written: Python must parse, SQL must be calls of the core.

What fails here is a fault of pgflowc, never of a spec, so it is an exception.
"""

from __future__ import annotations

import re

from pgflowc.render.python import check_python

# Comments, blanks and whole statements of calls with quoted texts; nothing else may stand in a migration of
# ours.
_TEXT = r"E'(?:[^'\\]|''|\\\\)*'|'(?:[^'\\]|'')*'"
_HEAD = r"SELECT (?:pgflowc?|cron)\.\w+\(|UPDATE pgflow\.flows SET |SET LOCAL lock_timeout = "
_MIGRATION = re.compile(rf"(?:--[^\n]*\n|\n|(?:{_HEAD})(?:{_TEXT}|[^';\n])*+;\n)*+")


class UnsoundOutputError(Exception):
    """The compiler rendered something that its target language would not read as meant."""


def verify(path: str, text: str) -> None:
    """Raise `UnsoundOutputError` if the text of an artifact is not sound; the suffix tells the language."""
    if path.endswith(".py"):
        try:
            check_python(text)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise UnsoundOutputError(f"{path} would not be valid Python: {error}") from error
    elif path.endswith(".sql") and _MIGRATION.fullmatch(text) is None:
        raise UnsoundOutputError(f"{path} would hold more than calls of the core")
