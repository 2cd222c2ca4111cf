"""Parses Python: the user's handlers into trees, what was rendered only to see that it can be parsed."""

from __future__ import annotations

import ast
import symtable
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def parse_python(text: str) -> ast.Module:
    """The tree of a module's text. Raises SyntaxError, ValueError or RecursionError if there is none."""
    with _quietly():
        return ast.parse(text.removeprefix("\ufeff"))


def check_python(text: str) -> None:
    """Raise SyntaxError, ValueError or RecursionError if a module's text cannot be parsed.

    Python's own parser, without objects for the tree: in half the time.
    """
    module = text.removeprefix("\ufeff")
    with _quietly():
        try:
            symtable.symtable(module, "<rendered>", "exec")
        except SyntaxError:
            # It looks at scopes as well, and what is wrong with those of a user's module is not ours to say.
            ast.parse(module)


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        # Linters tell of doubtful escapes; here they would appear among the diagnostics, or be errors.
        warnings.simplefilter("ignore")
        yield
