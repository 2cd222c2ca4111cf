"""Notifications of work: who sends them, and what they mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import psycopg

from pgflowc_runtime import queries
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.queries import WAKEUP_CHANNEL, Query
from pgflowc_runtime.session import Session

log = logging.getLogger("pgflowc.listener")

# How long to wait for everybody who is writing to a queue, to add its trigger; all others who write wait
# meanwhile. Workers of the family write for as long as they poll, 2 s by default, and one of them is always
# there: it takes more patience than a start should have.
_PATIENCE_SECONDS = 1.0
_LATER_PATIENCE_SECONDS = 2.5
# For other queues, when one has shown that somebody is there who does not end.
_HARDLY_SECONDS = 0.05
# How often to try again.
_SHORTEST_PAUSE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 160.0


class Signals(Protocol):
    """Who notifies, and how."""

    @property
    def channels(self) -> Iterable[str]:
        """What to listen to."""

    @property
    def takes_more(self) -> bool:
        """Whether these channels also tell of flows that are served later."""

    @property
    def tells_signals(self) -> bool:
        """Whether these channels also tell of signals to tasks that wait in their handlers."""

    def enable(self, flow: str, patience: float) -> Query[None]:
        """The statement that adds the trigger to a flow's queue, if it is not there; it waits for so many
        seconds.
        """

    def heard(self, notification: psycopg.Notify, attention: Attention) -> None:
        """Mark the flows that it is about."""


class WaitingWorkers:
    """Our own: a queue notifies while somebody has announced that he waits for it."""

    channels = (WAKEUP_CHANNEL,)
    takes_more = True
    tells_signals = True

    def enable(self, flow: str, patience: float) -> Query[None]:
        return queries.enable_wakeup(flow, patience)

    def heard(self, notification: psycopg.Notify, attention: Attention) -> None:
        if notification.payload.startswith("signal "):
            attention.signalled(notification.payload)
        else:
            attention.announce(notification.payload)


class ThrottledInserts:
    """pgmq's own: a queue notifies of inserts, but not twice within the throttle's time.

    What is inserted in that time is not announced, so the flow is looked at once more when it is over.
    """

    takes_more = False
    tells_signals = False

    def __init__(self, flows: Iterable[str], throttle_ms: int) -> None:
        self._throttle_ms = throttle_ms
        # pgmq up to 1.13.0 says the name in lower case.
        self._flows: Mapping[str, str] = {
            f"pgmq.q_{name}.INSERT": flow for flow in flows for name in (flow, flow.lower())
        }

    @property
    def channels(self) -> Iterable[str]:
        return self._flows

    def enable(self, flow: str, patience: float) -> Query[None]:
        return queries.enable_notify_insert(flow, self._throttle_ms, patience)

    def heard(self, notification: psycopg.Notify, attention: Attention) -> None:
        flow = self._flows[notification.channel]
        attention.mark(flow)
        asyncio.get_running_loop().call_later(self._throttle_ms / 1000, attention.mark, flow)


class Listener:
    """Marks the flow that each notification is about."""

    def __init__(self, database: Database, attention: Attention, signals: Signals) -> None:
        self._database = database
        self._attention = attention
        self._signals = signals
        self._silent = list(attention.flows)
        self._added = asyncio.Event()
        self._again = Backoff(_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._session: Session

    @property
    def connected(self) -> bool:
        """Whether what is sent is heard now."""
        return self._session.connected

    @property
    def hears_all(self) -> bool:
        """Whether notifications of all queues arrive now: none still lacks its trigger."""
        return self.connected and not self._silent

    @property
    def tells_signals(self) -> bool:
        """Whether signals to tasks that wait in their handlers are heard of, while the session is there."""
        return self._signals.tells_signals

    async def enable(self) -> None:
        """Add the triggers that notify; those that are in the way of somebody's transaction are added by
        `run` later.

        Raises psycopg.Error, InsufficientPrivilege if this role may not.
        """
        waiting: list[str] = []
        for flow in self._silent:
            patience = _HARDLY_SECONDS if waiting else _PATIENCE_SECONDS
            try:
                await self._database.run(self._signals.enable(flow, patience))
            except psycopg.errors.LockNotAvailable:
                waiting.append(flow)
        self._silent = waiting
        if waiting:
            log.info(
                "somebody who writes to its queue keeps flow %s from waking workers yet; looking often",
                ", ".join(waiting),
            )

    async def add(self, flows: Sequence[str]) -> None:
        """Let flows that are served from now on, or whose queues are others, wake this worker as well; one
        that may not, or not yet, is looked at often. Raises psycopg.Error if the connection is lost.
        """
        if not self._signals.takes_more:
            return
        self._silent = [one for one in self._silent if one not in flows]
        for flow in await self._database.run(queries.queues_without_wakeup(flows)):
            try:
                await self._database.run(self._signals.enable(flow, _PATIENCE_SECONDS))
            except (psycopg.errors.LockNotAvailable, psycopg.ProgrammingError) as error:
                log.info("flow %s cannot wake this worker yet: %s", flow, headline(error))
                self._silent.append(flow)
                self._added.set()
            # What came before the trigger did not wake anybody.
            self._attention.mark(flow)

    def forget(self, flow: str) -> None:
        """That flow is not served any more."""
        self._silent = [one for one in self._silent if one != flow]

    def attach(self, session: Session) -> None:
        """Listen there. Said once, before the session connects."""
        self._session = session
        for channel in self._signals.channels:
            session.listen(channel, self._heard)
        session.on_change(self._session_changed)

    def _heard(self, notification: psycopg.Notify) -> None:
        self._signals.heard(notification, self._attention)

    def _session_changed(self) -> None:
        if self._session.connected:
            # What was sent before is lost.
            self._attention.mark_all()
        else:
            # The claim loop must not sleep through the time in which nobody listens.
            self._attention.poke()

    async def run(self) -> None:
        """Add triggers that are missing, less and less often, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._added.wait(), self._again.next())
                self._added.clear()
                self._again.reset()
                continue
            for flow in list(self._silent):
                try:
                    await self._database.run(self._signals.enable(flow, _LATER_PATIENCE_SECONDS))
                except (psycopg.errors.LockNotAvailable, psycopg.ProgrammingError) as error:
                    log.info("flow %s cannot wake this worker yet: %s", flow, headline(error))
                    continue
                except (psycopg.Error, OSError) as error:
                    log.warning("cannot add the trigger that wakes workers: %s", headline(error))
                    break
                self.forget(flow)
                log.info("flow %s wakes this worker now", flow)
