"""Parses Python, for the user's handlers and for what was rendered."""

from __future__ import annotations

import ast
import warnings


def parse_python(text: str) -> ast.Module:
    """The tree of a module's text. Raises SyntaxError, ValueError or RecursionError if there is none."""
    with warnings.catch_warnings():
        # Linters tell of doubtful escapes; here they would appear among the diagnostics, or be errors.
        warnings.simplefilter("ignore")
        return ast.parse(text.removeprefix("\ufeff"))
