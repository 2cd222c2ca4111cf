"""Starting runs.

The way of least cost is `pgflow.start_flow` with an id that the client has made up: one statement, which any
core has, and which can be tried again when its answer was lost. An id of the caller's and a time to begin
take `pgflowc.start_run`.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from pgflowc_runtime import queries, run_faults, telemetry
from pgflowc_runtime.backoff import Backoff
from pgflowc_runtime.call import Call, Refused, ask, pause, whole
from pgflowc_runtime.calls.looking import known_flows, with_timezone
from pgflowc_runtime.calls.naming import stored_flows
from pgflowc_runtime.errors import (
    ConfigurationError,
    FlowNotFound,
    InvalidInput,
    InvalidTime,
    PgflowcError,
    SchemaError,
)
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.queries.traces import keep_traces, keeps_traces
from pgflowc_runtime.rows import ClientFeatures
from pgflowc_runtime.run_faults import UNIQUE_VIOLATION
from pgflowc_runtime.run_ids import RunId, new_run_id, parse_run_id
from pgflowc_runtime.run_input import FlowOrSlug, encode, encode_each, slug_of
from pgflowc_runtime.telemetry import tracing
from pgflowc_runtime.versions import MIGRATE

T = TypeVar("T")

Delay = float | timedelta
"""Seconds, or a timedelta."""

# One statement starts so many runs: large enough for full speed, small enough for the server's memory.
_CHUNK = 1000
_CHUNK_BYTES = 8 * 1024 * 1024
# What a database says that lacks schema pgflowc, or has one of before versions.
_NOT_DEFINED = ("3F000", "42883", "42P01")
# make_interval and timestamps end somewhere; nobody waits a thousand years.
_LONGEST_SECONDS = 1000 * 365.25 * 86400
# And what ends with the year 9999 of another time zone than UTC is no datetime in it when it is read again.
_LAST_TIME = datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(slots=True)
class Starter:
    """What starting calls of one client have in common.

    `patience`: seconds for which a start is tried again while the database is away. `features`: what the
    database has, once it was asked, and `keeps_traces`, whether it has a place for trace contexts.
    """

    patience: float = 0.0
    features: ClientFeatures | None = None
    keeps_traces: bool | None = None

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a patience that is no time."""
        given: Any = self.patience
        if not isinstance(given, int | float) or not given >= 0:
            raise ConfigurationError(f"patience is so many seconds, not {given!r}")

    def ask_features(self) -> Call[ClientFeatures]:
        """Asked once per client."""
        if self.features is None:
            self.features = yield from ask(queries.client_features())
        return self.features

    def trace(self, run_ids: Sequence[UUID]) -> Call[None]:
        """Keep the caller's trace context for runs that are about to start; nothing if nobody traces."""
        carrier = tracing.carrier()
        if carrier is None:
            return
        if self.keeps_traces is None:
            self.keeps_traces = yield from ask(keeps_traces())
        if self.keeps_traces:
            yield from ask(keep_traces(run_ids, carrier))


def start(
    starter: Starter,
    flow: FlowOrSlug,
    input: Any,
    run_id: RunId | None,
    *,
    at: datetime | None = None,
    delay: Delay | None = None,
    fresh: UUID | None = None,
    joined: bool,
    pinned: bool = False,
) -> Call[UUID]:
    """Start one run; its id. `fresh`: one that nobody else can have used, to take if `run_id` is None.

    `joined`: in the caller's transaction, which an error ends. `pinned`: on the very version that `flow` is.
    """
    slug = flow.slug if pinned and isinstance(flow, Flow) else slug_of(flow)
    text = encode(flow, input)
    if at is not None and delay is not None:
        raise InvalidTime("give a time or a delay, not both")
    when = None if at is None else with_timezone(at)
    if when is not None and when > _LAST_TIME:
        raise InvalidTime(f"a run cannot begin at {when}")
    seconds = None if delay is None else seconds_of(delay)
    chosen = fresh or new_run_id() if run_id is None else parse_run_id(run_id)

    def attempt() -> Call[UUID]:
        yield from starter.trace([chosen])
        if run_id is None and when is None and seconds is None:
            if pinned:
                return (yield from ask(queries.start_flow(slug, text, chosen)))
            return (yield from _start_new(starter, slug, text, chosen, joined=joined))
        return (yield from _start_chosen(starter, slug, text, chosen, when, seconds))

    result = yield from _tell(starter, slug, 1, attempt, joined)
    _emit_started(slug, [result])
    return result


def start_many(
    starter: Starter,
    flow: FlowOrSlug,
    inputs: Sequence[Any],
    run_ids: Sequence[RunId] | None,
    *,
    joined: bool,
) -> Call[list[UUID]]:
    """Start a run for each input, all or none; their ids in that order. `joined`: as in `start`."""
    slug = slug_of(flow)
    texts = encode_each(flow, inputs)
    if run_ids is None:
        ids = [new_run_id() for _ in texts]
    else:
        given: Any = run_ids
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise InvalidInput(f"run ids are a list with one for each input, not one {type(given).__name__}")
        ids = [parse_run_id(run_id) for run_id in run_ids]
        if len(ids) != len(texts):
            raise InvalidInput(f"{len(texts)} inputs and {len(ids)} run ids: give one id for each input")
        if len(set(ids)) != len(ids):
            raise InvalidInput("a run id is given twice")
    if not texts:
        return []
    attempts = itertools.count(1)

    def attempt() -> Call[None]:
        yield from starter.trace(ids)
        # An attempt whose answer was lost may have started them.
        perhaps_there = run_ids is not None or next(attempts) > 1
        yield from whole(lambda: _start_batches(starter, slug, texts, ids, perhaps_there=perhaps_there))

    yield from _tell(starter, slug, len(texts), attempt, joined)
    _emit_started(slug, ids)
    return ids


def _start_new(starter: Starter, name: str, text: str, run_id: UUID, *, joined: bool) -> Call[UUID]:
    # Whether names have versions is asked only where guessing wrong would end the caller's transaction.
    features = (yield from starter.ask_features()) if joined else starter.features
    knows_versions = features is None or features.has_versions
    try:
        statement = queries.start_current if knows_versions else queries.start_flow
        return (yield from ask(statement(name, text, run_id)))
    except Refused as refused:
        if refused.sqlstate == UNIQUE_VIOLATION:
            return run_id  # by an attempt whose answer was lost: the id is ours
        if features is None and refused.sqlstate in _NOT_DEFINED:
            yield from starter.ask_features()
            return (yield from _start_new(starter, name, text, run_id, joined=joined))
        raise


def _start_chosen(
    starter: Starter, slug: str, text: str, run_id: UUID, at: datetime | None, delay: float | None
) -> Call[UUID]:
    features = yield from starter.ask_features()
    if features.has_start_run:
        try:
            return (yield from ask(queries.start_run(slug, text, run_id, at, delay)))
        except Refused as refused:
            if refused.sqlstate != UNIQUE_VIOLATION:
                raise
            yield from _explain_taken(starter, slug, [text], [run_id])
            raise
    present = yield from _present(starter, slug, [text], [run_id])
    if present:
        return run_id
    if at is None and delay is None:
        return (yield from ask(queries.start_flow(slug, text, run_id)))
    if not features.has_delay_run:
        raise SchemaError(
            "this database cannot start runs later: it has neither pgflowc.start_run nor pgflow.delay_run",
            help=MIGRATE,
        )
    return (yield from ask(queries.start_flow_delayed(slug, text, run_id, at, delay)))


def _start_batches(
    starter: Starter, slug: str, texts: Sequence[str], ids: Sequence[UUID], *, perhaps_there: bool
) -> Call[None]:
    features = yield from starter.ask_features()
    statement = queries.start_flow_batch if features.has_start_flow_batch else queries.start_flow_each
    for begin, end in _chunks(texts):
        some_texts, some_ids = texts[begin:end], ids[begin:end]
        if perhaps_there:
            present = yield from _present(starter, slug, some_texts, some_ids)
            absent = [number for number, run_id in enumerate(some_ids) if run_id not in present]
            some_texts = [some_texts[number] for number in absent]
            some_ids = [some_ids[number] for number in absent]
        if some_ids:
            yield from ask(statement(slug, some_texts, some_ids))


def _chunks(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Where to cut, so that no statement has too many inputs or too large ones."""
    cuts, begin, size = [], 0, 0
    for number, text in enumerate(texts):
        if number > begin and (number - begin >= _CHUNK or size + len(text) > _CHUNK_BYTES):
            cuts.append((begin, number))
            begin, size = number, 0
        size += len(text)
    return [*cuts, (begin, len(texts))]


def _present(starter: Starter, slug: str, texts: Sequence[str], ids: Sequence[UUID]) -> Call[set[UUID]]:
    """Those of the ids whose runs are there already; raises RunExists if one is another run."""
    features = yield from starter.ask_features()
    versions = yield from stored_flows(slug, features)
    existing = yield from ask(queries.existing_runs(versions, texts, ids))
    for run_id, text in zip(ids, texts, strict=True):
        if run_id in existing and not existing[run_id].same:
            raise run_faults.run_exists(run_id, existing[run_id], slug, text)
    return set(existing)


def _explain_taken(starter: Starter, slug: str, texts: Sequence[str], ids: Sequence[UUID]) -> Call[None]:
    """Raise RunExists with what is there, if the connection can still tell."""
    try:
        yield from _present(starter, slug, texts, ids)
    except Refused:
        return


def _tell(starter: Starter, slug: str, runs: int, attempt: Callable[[], Call[T]], joined: bool) -> Call[T]:
    """Attempt, again and again for as long as patience lasts; refusals become exceptions that say why.

    Nothing is tried again in the caller's transaction: what failed has ended it.
    """
    begun = time.monotonic()
    backoff = Backoff(0.1, 5.0)
    while True:
        if telemetry.wanted("starter.attempt"):
            telemetry.emit("starter.attempt", {"runs": runs}, {"flow_slug": slug})
        try:
            result = yield from attempt()
        except Refused as refused:
            delay = backoff.next()
            left = starter.patience - (time.monotonic() - begun)
            if refused.transient and not joined and left > 0:
                delay = min(delay, left)
                telemetry.emit(
                    "starter.retry", {"delay": delay}, {"flow_slug": slug, "error": refused.message}
                )
                yield from pause(delay)
                continue
            fault = run_faults.of_start(refused, slug)
            _emit_refused(slug, str(fault or refused.message), begun)
            if fault is None:
                raise
            if isinstance(fault, FlowNotFound) and not joined:
                fault = run_faults.flow_not_found(slug, (yield from known_flows()))
            raise fault from None
        except PgflowcError as error:
            _emit_refused(slug, str(error), begun)
            raise
        if telemetry.wanted("starter.success"):
            measurements = {"duration": time.monotonic() - begun, "runs": runs}
            telemetry.emit("starter.success", measurements, {"flow_slug": slug})
        return result


def _emit_refused(slug: str, error: str, begun: float) -> None:
    telemetry.emit(
        "starter.permanent_failure",
        {"duration": time.monotonic() - begun},
        {"flow_slug": slug, "error": error},
    )


def _emit_started(slug: str, run_ids: Sequence[UUID]) -> None:
    if telemetry.wanted("run.started"):
        for run_id in run_ids:
            telemetry.emit("run.started", {}, {"flow_slug": slug, "run_id": run_id})


def seconds_of(delay: Delay) -> float:
    """How long a run is to wait, none if it is less than none; raises InvalidTime."""
    try:
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    except (TypeError, ValueError, OverflowError):
        raise InvalidTime(f"a delay is seconds or a timedelta, not {delay!r}") from None
    if not math.isfinite(seconds) or seconds > _LONGEST_SECONDS:
        raise InvalidTime(f"a run cannot begin in {seconds:g} seconds")
    # The past means now.
    return max(seconds, 0.0)
