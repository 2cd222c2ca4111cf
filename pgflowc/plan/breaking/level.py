"""How much shall count as breaking: categories and rules by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

Category = Literal["SOURCE", "HANDLER", "WIRE", "INFLIGHT"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""The generated Python API changes; existing handlers need editing; queued messages or stored outputs no
longer fit; a run that is alive now breaks."""


@dataclass(frozen=True, slots=True)
class Level:
    """`use` and `warn` are names of categories and rules, `except_` of rules; `ignore` are patterns of paths.

    What is in `use` and not excepted is reported; as a warning where all that it breaks, or the rule itself,
    is in `warn`.
    """

    use: frozenset[str] = frozenset(CATEGORIES)
    except_: frozenset[str] = frozenset()
    warn: frozenset[str] = frozenset()
    ignore: tuple[str, ...] = ()

    def counted(self, rule: str, breaks: Iterable[Category]) -> tuple[Category, ...] | None:
        """Which of what a breach breaks counts; None if the breach is not to be reported."""
        if rule in self.except_:
            return None
        broken = tuple(breaks)
        found = broken if rule in self.use else tuple(one for one in broken if one in self.use)
        return found or None

    def only_warns(self, rule: str, breaks: Iterable[Category]) -> bool:
        """Whether a breach that breaks these is no more than a warning."""
        return rule in self.warn or all(one in self.warn for one in breaks)

    def ignores(self, path: str) -> bool:
        """Whether nothing is reported about specs in that file."""
        return any(fnmatchcase(path, pattern) for pattern in self.ignore)
