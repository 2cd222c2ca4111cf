"""The runs of a flow that are alive, as far as a change of the flow has to know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BrokenRuns:
    """How many runs an operation breaks, and the ids of the oldest few of them, oldest first."""

    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AliveRuns:
    """The runs of one stored flow that are started.

    `steps`: how many runs stand at a step, begun or ready and waiting for its delay; a run may stand at
    several. `broken`: by the place of the operation. `broken_by_any`: runs that at least one breaks. `now` is
    the database's clock.
    """

    count: int
    oldest: datetime | None = None
    now: datetime | None = None
    steps: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[int, BrokenRuns] = field(default_factory=dict)
    broken_by_any: int = 0

    def breaks(self, place: int) -> int:
        """How many runs the operation at that place breaks."""
        found = self.broken.get(place)
        return found.count if found else 0
