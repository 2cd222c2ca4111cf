"""Operations on a database's flows, and the plan made of them: each knows its cause and its reverse."""

from __future__ import annotations

from dataclasses import dataclass

from pgflowc.diagnostics import Span
from pgflowc.graph.model import Flow


@dataclass(frozen=True, slots=True)
class DeleteFlow:
    """Delete a flow with its queue and all its runs."""

    slug: str


@dataclass(frozen=True, slots=True)
class CreateFlow:
    """Create a flow or job with its queue and all its steps."""

    flow: Flow

    @property
    def cause(self) -> Span:
        """The flow's place in its spec."""
        return self.flow.span

    @property
    def reverse(self) -> DeleteFlow:
        """What undoes it."""
        return DeleteFlow(self.flow.slug)


@dataclass(frozen=True, slots=True)
class Migration:
    """One operation as a file to be written: `name` is `0001_create_orders`, without suffix."""

    name: str
    op: CreateFlow


@dataclass(frozen=True, slots=True)
class Plan:
    """What is new since the lock, in the order in which it is to be applied."""

    migrations: tuple[Migration, ...]
