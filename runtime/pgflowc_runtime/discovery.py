"""Finds the flows of the database that patterns of the registry serve, while the worker runs.

Whatever changes a definition is told by NOTIFY, by our core and by clients that define flows, so an idle
worker need not ask. Where that cannot be heard, behind a pooler or beside another core, it asks every second
and a half.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import psycopg

from pgflowc_runtime import queries
from pgflowc_runtime.attention import Attention
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.executor import Executor
from pgflowc_runtime.flow_pattern import Declared
from pgflowc_runtime.listener import Listener
from pgflowc_runtime.queries import FLOWS_CHANNEL
from pgflowc_runtime.registry import Registry
from pgflowc_runtime.rows import StoredFlow
from pgflowc_runtime.session import Session

log = logging.getLogger("pgflowc.worker")

_DEAF_SECONDS = 1.5
# For what nobody told: definitions written into the tables by hand.
_LOOK_SECONDS = 60.0
_MOST_TOLD = 10
_FLOWS_AT_ONCE = 200


class Queues:
    """A worker's id for each queue, and which of the queues it serves now.

    Ids of flows that are gone stay: handlers of their tasks may still be running.
    """

    def __init__(self, flows: list[str]) -> None:
        self.ids: dict[str, UUID] = {flow: uuid4() for flow in flows}
        self._gone: set[str] = set()

    @property
    def served(self) -> dict[str, UUID]:
        """Flow -> id, of those that are served."""
        return {flow: worker_id for flow, worker_id in self.ids.items() if flow not in self._gone}

    def add(self, flow: str) -> bool:
        """Serve it; False if it is served already."""
        if flow in self.ids and flow not in self._gone:
            return False
        self.ids[flow] = uuid4()
        self._gone.discard(flow)
        return True

    def forget(self, flow: str) -> UUID:
        """Serve it no more; its id until now."""
        self._gone.add(flow)
        return self.ids[flow]


class Discovery:
    """Compares the flows that patterns mean with those that are served."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        executor: Executor,
        attention: Attention,
        queues: Queues,
        *,
        register: Callable[[], Awaitable[None]],
        listener: Listener | None,
        session: Session | None,
        has_signals: bool,
    ) -> None:
        """`register` writes the worker's rows for the queues that it serves; `session` hears of changed
        definitions, None if nobody tells; `has_signals`: steps of this database may declare signals.
        """
        self._database = database
        self._registry = registry
        self._executor = executor
        self._attention = attention
        self._queues = queues
        self._register = register
        self._listener = listener
        self._session = session
        self._has_signals = has_signals
        # Flow -> what its definition was when it was last looked at.
        self._known: dict[str, str] = {}
        self._served: set[str] = set()
        self._told = asyncio.Event()
        if session is not None:
            session.listen(FLOWS_CHANNEL, lambda _: self._told.set())
            session.on_change(self._told.set)

    async def run(self) -> None:
        """Look now, and whenever there may be something new, until cancelled."""
        while True:
            self._told.clear()
            try:
                await self.look()
            except (psycopg.Error, OSError) as error:
                log.warning("cannot look for new flows: %s", headline(error))
                await asyncio.sleep(_DEAF_SECONDS)
                continue
            hears = self._session is not None and self._session.connected
            try:
                async with asyncio.timeout(_LOOK_SECONDS if hears else _DEAF_SECONDS):
                    await self._told.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Serve what is new or has changed, forget what is gone. Raises psycopg.Error."""
        expressions = [pattern.expression for pattern in self._registry.patterns]
        found = await self._database.run(
            queries.flow_fingerprints(expressions, has_signals=self._has_signals)
        )
        for slug in [slug for slug in self._known if slug not in found]:
            await self._forget(slug)
            del self._known[slug]
        changed = [slug for slug, fingerprint in found.items() if self._known.get(slug) != fingerprint]
        served: list[str] = []
        for start in range(0, len(changed), _FLOWS_AT_ONCE):
            some = changed[start : start + _FLOWS_AT_ONCE]
            stored = await self._database.run(queries.stored_flows(some))
            # What is declared in between is in the next fingerprint.
            declared = await self._database.run(queries.declared_signals(some)) if self._has_signals else {}
            bound = [slug for slug, flow in stored.items() if await self._bind(slug, flow, declared)]
            await self._serve(bound)
            served += bound
        if served and self._listener is not None:
            # The queue of a flow that was defined anew is another one, without the trigger.
            await self._listener.add(served)
        self._known.update({slug: found[slug] for slug in changed})

    async def _bind(self, slug: str, stored: StoredFlow, declared: Declared) -> bool:
        """Learn what the flow is now; False if it cannot be served."""
        pattern = self._registry.pattern_of(slug)
        # A flow whose steps are still to be added is no flow yet.
        if pattern is None or not stored.steps:
            return False
        if missing := pattern.missing(stored, declared):
            log.warning(
                "flow %s fits the pattern '%s', which has no handler for %s: not served",
                slug,
                pattern.glob,
                ", ".join(f"'{step}'" for step in missing),
            )
            await self._forget(slug)
            return False
        self._registry.bind(pattern, slug, stored, declared)
        self._executor.learn(slug, stored.steps)
        return True

    async def _serve(self, flows: list[str]) -> None:
        new = [slug for slug in flows if self._queues.add(slug)]
        if new:
            await self._register()
            more = f" and {len(new) - _MOST_TOLD} more" if len(new) > _MOST_TOLD else ""
            log.info("serves flow %s%s", ", ".join(new[:_MOST_TOLD]), more)
        for slug in flows:
            self._served.add(slug)
            self._attention.add(slug)

    async def _forget(self, slug: str) -> None:
        if slug not in self._served:
            return
        self._attention.drop(slug)
        if self._listener is not None:
            self._listener.forget(slug)
        await self._database.run(queries.mark_worker_stopped([self._queues.forget(slug)]))
        self._served.discard(slug)
        log.info("serves flow %s no more", slug)
