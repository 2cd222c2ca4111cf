"""How a worker comes to know of work, chosen once, by what it may and what the database has."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

import psycopg

from pgflowc_runtime.attention import Attention
from pgflowc_runtime.config import WorkerConfig
from pgflowc_runtime.connection import headline
from pgflowc_runtime.database import Database
from pgflowc_runtime.listener import Listener, Signals, ThrottledInserts, WaitingWorkers
from pgflowc_runtime.rows import Capabilities
from pgflowc_runtime.session import Session
from pgflowc_runtime.waiting import Notified, Polling, Waiting

log = logging.getLogger("pgflowc.worker")


@dataclass(frozen=True, slots=True)
class Waking:
    """How it waits; `listener` if notifications tell of work, `session` if there is anything to listen to."""

    waiting: Waiting
    listener: Listener | None = None
    session: Session | None = None


async def choose(
    database: Database,
    attention: Attention,
    flows: Iterable[str],
    config: WorkerConfig,
    capabilities: Capabilities,
) -> Waking:
    """The best way that there is. Adds triggers to the queues if that is allowed; raises psycopg.Error."""
    polling = Polling(
        attention,
        shortest=config.min_poll_interval / 1000,
        longest=config.max_poll_interval / 1000,
        database=database if capabilities.has_next_due else None,
    )
    if config.signal == "polling":
        return Waking(polling)
    if database.behind_pooler:
        log.warning("a connection pooler is in between: polling, and no prepared statements")
        return Waking(polling)
    session = Session(database.conninfo)
    if capabilities.has_wakeup:
        told = await _listener(database, attention, WaitingWorkers(), session, "the wake-up trigger")
        if told is not None:
            own: Listener = told  # as the lambda has it
            fallback = config.notify_fallback_interval / 1000
            return Waking(
                Notified(database, attention, uuid4(), fallback=fallback, listening=lambda: own.hears_all),
                own,
                session,
            )
    if capabilities.has_pgmq_notify:
        inserts = ThrottledInserts(flows, config.notify_throttle)
        told = await _listener(database, attention, inserts, session, "pgmq's notifications")
        if told is not None:
            log.info("woken by pgmq's notifications; what they leave out is found by polling")
            return Waking(polling, told, session)
    log.warning("nothing in this database can wake a worker: polling instead of notifications")
    return Waking(polling, None, session if capabilities.has_schedules else None)


async def _listener(
    database: Database, attention: Attention, signals: Signals, session: Session, what: str
) -> Listener | None:
    listener = Listener(database, attention, signals)
    try:
        await listener.enable()
    except psycopg.errors.InsufficientPrivilege as error:
        log.info("may not install %s: %s", what, headline(error))
        return None
    listener.attach(session)
    return listener
