"""One fault of a definition, with the code and the words that the compiler has for it."""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a part of the data."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its code (`pgflowc explain CODE`), what is wrong, and where in the data."""

    code: str
    message: str
    path: Path = ()
    help: str = ""

    @property
    def place(self) -> str:
        """The path as text, in one line whatever the keys are: `steps[2].approval.wait_for`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{repr(part)[1:-1]}"
        return text.removeprefix(".")

    def __str__(self) -> str:
        """In one line."""
        return f"{f'{self.place}: ' if self.path else ''}{self.message} [{self.code}]"
