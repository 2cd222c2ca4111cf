"""What all operations have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pgflowc.diagnostics import Span

Mark = Literal["+", "~", "-", "-/+"]

DRAINED = "needs drain"
# Longer patterns say no more to a reader.
_SHOWN_MOST = 60


@dataclass(frozen=True, slots=True)
class Operation:
    """What all operations have: `flow` is the flow's slug, `cause` the place in a spec that asks for it.

    `mark` is Terraform's; `subject` and `text` are one line together; `effect` says what becomes of runs.
    """

    flow: str
    cause: Span | None = field(default=None, compare=False, kw_only=True)

    mark: ClassVar[Mark] = "~"
    needs_drain: ClassVar[bool] = False
    """Whether runs that are alive would break."""
    lost: ClassVar[str] = ""
    """What it deletes and its reverse cannot bring back."""

    @property
    def stored(self) -> str:
        """The slug of the stored flow that it is done to, and whose runs it may break."""
        return self.flow

    @property
    def subject(self) -> str:
        """What it is done to."""
        return f"flow {self.flow}"

    @property
    def text(self) -> str:
        """What is done; may be empty."""
        return ""

    @property
    def effect(self) -> str:
        """What it means for runs."""
        return DRAINED if self.needs_drain else "safe"

    @property
    def change(self) -> str:
        """`~ step charge: timeout 30 -> 60`."""
        return f"{self.mark} {self.subject}{f': {self.text}' if self.text else ''}"

    @property
    def line(self) -> str:
        """`~ step charge: timeout 30 -> 60 (new attempts only)`."""
        return f"{self.change} ({self.effect})" if self.effect else self.change


def changed(name: str, before: Any, after: Any) -> str:
    return f"{name} {shown(before)} -> {shown(after)}"


def shown(value: Any) -> str:
    """A value as lines have it, no longer than a reader wants it."""
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    text = str(value)
    return text if len(text) <= _SHOWN_MOST else f"{text[: _SHOWN_MOST - 3]}..."
