"""Tasks of steps that this worker's code does not have: a migration has added them since it was started.

They are for workers of the new code. So they go back to the queue, their attempts unspent, and become visible
a little later: at once, this worker might be the one to claim them again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from pgflowc_runtime.rows import ClaimedTask

log = logging.getLogger("pgflowc.worker")

# Long enough that claiming them in vain costs next to nothing, and short enough to wait for.
_SHORTEST_SECONDS = 1
_LONGEST_SECONDS = 3

PutOff = Callable[[Sequence[ClaimedTask], int], Awaitable[object]]


class UnknownSteps:
    """Collects such tasks, and gives those of one claim back together."""

    def __init__(self, put_off: PutOff) -> None:
        """`put_off(tasks, seconds)` gives tasks back, visible after so many seconds; it may raise."""
        self._put_off = put_off
        self._tasks: list[ClaimedTask] = []
        self._under_way: dict[asyncio.Task[None], list[ClaimedTask]] = {}
        self._told: set[tuple[str, str]] = set()

    def take(self, task: ClaimedTask) -> None:
        """A task of such a step has been claimed."""
        key = (task.flow_slug, task.step_slug)
        if key not in self._told:
            self._told.add(key)
            log.warning(
                "step '%s' of flow %s is not known here: its tasks go back for workers that know it; "
                "deploy the code that the migration came with",
                task.step_slug,
                task.flow_slug,
            )
        if not self._tasks:
            asyncio.get_running_loop().call_soon(self._give_back)
        self._tasks.append(task)

    def held(self) -> list[ClaimedTask]:
        """Those that are not given back yet."""
        return [*self._tasks, *(task for tasks in self._under_way.values() for task in tasks)]

    def calls(self) -> set[asyncio.Task[None]]:
        """What has not come to its end yet."""
        return set(self._under_way)

    def _give_back(self) -> None:
        tasks, self._tasks = self._tasks, []
        call = asyncio.create_task(self._send(tasks), name="pgflowc-unknown steps")
        self._under_way[call] = tasks
        call.add_done_callback(self._sent)

    async def _send(self, tasks: list[ClaimedTask]) -> None:
        seconds = random.randint(_SHORTEST_SECONDS, _LONGEST_SECONDS)  # noqa: S311 - spreads load
        await self._put_off(tasks, seconds)

    def _sent(self, call: asyncio.Task[None]) -> None:
        tasks = self._under_way.pop(call)
        if not call.cancelled() and (error := call.exception()) is not None:
            # Recovery puts them back when their time is over.
            log.error("%d tasks of unknown steps could not be given back", len(tasks), exc_info=error)
