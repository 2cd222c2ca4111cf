"""The states of a worker: created, starting, running, stopping, stopped, in this order."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a worker is in its life. Starting may fail, and leads to stopped."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


_NEXT = {
    State.CREATED: {State.STARTING},
    State.STARTING: {State.RUNNING, State.STOPPED},
    State.RUNNING: {State.STOPPING},
    State.STOPPING: {State.STOPPED},
    State.STOPPED: set[State](),
}


class Lifecycle:
    """The current state; only ever moves forward."""

    def __init__(self) -> None:
        self.state = State.CREATED

    def move(self, state: State) -> None:
        """Enter `state`; RuntimeError if it does not follow the current one."""
        if state not in _NEXT[self.state]:
            raise RuntimeError(f"a worker that is {self.state} cannot become {state}")
        self.state = state
