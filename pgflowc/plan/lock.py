"""`pgflowc.lock`: what the migrations written so far establish, so that planning needs no database.

`head` is a hash over the chain of migrations: two branches that each add one change the same line, so that a
merge conflicts where somebody has to decide which comes first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, ClassVar, Final, Literal

from pydantic import ConfigDict

from pgflowc.graph.model import FlowOptions, Retention
from pgflowc.plan.shape import CronShape, FlowShape, StepShape

LOCK = "pgflowc.lock"
VERSION: Final = 2
_CONFIG = ConfigDict(extra="forbid", strict=True)
_STEP_ALWAYS = ("slug", "kind", "depends_on")
_STEP_DEFAULTS = tuple(asdict(StepShape(slug="", kind="single", depends_on=())).items())
_MIGRATION_FIELDS = ("name", "flow", "checksum", "targets")


@dataclass(frozen=True, slots=True)
class LockedMigration:
    """A migration that was written: its file's name, the flow it is about, the SHA-256 of its bytes in hex,
    and the versions of the components whose functions it was written for.
    """

    name: str
    flow: str
    checksum: str
    targets: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlowCode:
    """The Python of a version that is no longer compiled from a spec.

    `module` is what its modules are called, in `_generated` and in `handlers`; `flow` and `handlers` are the
    names of the flow and of the table of handlers in the first one. `functions` are the handlers by step: a
    function of the second one, or `module:function`.
    """

    module: str
    flow: str
    handlers: str
    functions: dict[str, str]


@dataclass(frozen=True, slots=True)
class LockedVersion:
    """A version before the current one, which may have runs until it is retired."""

    version: int
    kind: Literal["flow", "job"]
    options: FlowOptions
    steps: tuple[StepShape, ...]
    code: FlowCode

    @property
    def shape(self) -> FlowShape:
        """Its definition in the database; schedules and the like belong to names."""
        return FlowShape(self.kind, self.options, self.steps)


@dataclass(frozen=True, slots=True)
class LockedFlow:
    """A flow as its migrations leave it. `payloads` are fingerprints, see `fingerprints`; `hash` is of the
    rest, so that an entry edited by hand is noticed. All is about its current `version`, except for those
    in `former`, oldest first.
    """

    kind: Literal["flow", "job"]
    options: FlowOptions
    steps: tuple[StepShape, ...]
    hash: str
    cron: CronShape | None = None
    payloads: dict[str, str] = field(default_factory=dict)
    retention: Retention | None = None
    version: int = 1
    former: tuple[LockedVersion, ...] = ()

    @property
    def shape(self) -> FlowShape:
        """The definition in the database once the migrations are applied."""
        return FlowShape(self.kind, self.options, self.steps, self.cron, self.retention)


@dataclass(frozen=True, slots=True)
class Lock:
    """All flows that have migrations, by slug, and the migrations in the order in which they were written."""

    flows: dict[str, LockedFlow] = field(default_factory=dict)
    migrations: tuple[LockedMigration, ...] = ()
    head: str = ""
    version: Literal[2] = VERSION
    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG


def locked(
    slug: str,
    shape: FlowShape,
    payloads: Mapping[str, str],
    version: int = 1,
    former: tuple[LockedVersion, ...] = (),
) -> LockedFlow:
    """The entry of a flow."""
    return LockedFlow(
        shape.kind,
        shape.options,
        shape.steps,
        entry_hash(slug, shape, payloads, version, former),
        shape.cron,
        dict(payloads),
        shape.retention,
        version,
        former,
    )


def chained(flows: Mapping[str, LockedFlow], migrations: Sequence[LockedMigration]) -> Lock:
    """The lock with these entries, after these migrations."""
    return Lock(dict(flows), tuple(migrations), chain_hash(migrations))


def entry_hash(
    slug: str,
    shape: FlowShape,
    payloads: Mapping[str, str],
    version: int = 1,
    former: Sequence[LockedVersion] = (),
) -> str:
    """16 hex digits over all that an entry says; the order of steps counts, since the database keeps it."""
    versions = [version, [_plain_version(one) for one in former]] if version > 1 else []
    return _hash([slug, _plain_shape(shape), dict(payloads), *versions])


def chain_hash(migrations: Sequence[LockedMigration]) -> str:
    """16 hex digits over names and checksums in their order; empty without migrations."""
    return _hash([[found.name, found.flow, found.checksum] for found in migrations]) if migrations else ""


def dump_lock(lock: Lock) -> str:
    """The text of `pgflowc.lock`: sorted, and a line for each step and migration, which diffs well."""
    flows = {slug: _plain_flow(flow) for slug, flow in lock.flows.items()}
    migrations = [
        {name: value for name in _MIGRATION_FIELDS if (value := getattr(migration, name))}
        for migration in lock.migrations
    ]
    return (
        _dump({"flows": flows, "head": lock.head, "migrations": migrations, "version": lock.version}, "", 4)
        + "\n"
    )


def _plain_flow(flow: LockedFlow) -> dict[str, Any]:
    plain = {**_plain_shape(flow.shape), "hash": flow.hash}
    if flow.payloads:
        plain["payloads"] = flow.payloads
    if flow.version > 1:
        plain["version"] = flow.version
    if flow.former:
        plain["former"] = [_plain_version(one) for one in flow.former]
    return plain


def _plain_version(former: LockedVersion) -> dict[str, Any]:
    return {"version": former.version, **_plain_shape(former.shape), "code": asdict(former.code)}


def _plain_shape(shape: FlowShape) -> dict[str, Any]:
    """A shape as JSON, without what has its default: fields of later versions change no text and no hash."""
    plain: dict[str, Any] = {
        "kind": shape.kind,
        "options": asdict(shape.options),
        "steps": [_plain_step(step) for step in shape.steps],
    }
    if shape.cron:
        # What is as usual is left out, as locks of before these options have it.
        usual = {"catch_up": "none", "overlap": "allow"}
        plain["cron"] = {key: value for key, value in asdict(shape.cron).items() if usual.get(key) != value}
    if shape.retention:
        kept = asdict(shape.retention)
        plain["retention"] = {end: seconds for end, seconds in kept.items() if seconds is not None}
    return plain


def _plain_step(step: StepShape) -> dict[str, Any]:
    plain = {
        name: value
        for name, default in _STEP_DEFAULTS
        if (value := getattr(step, name)) != default or name in _STEP_ALWAYS
    }
    if step.signal:
        plain["signal"] = {name: value for name, value in asdict(step.signal).items() if value}
    return plain


def _hash(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def _dump(value: Any, indent: str, levels: int) -> str:
    """JSON with `levels` levels of brackets opened over several lines, the deeper ones on one line each."""
    if not value or levels == 0 or not isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    inner = indent + "  "
    if isinstance(value, list):
        items = [_dump(item, inner, 0) for item in value]
    else:
        items = [f"{json.dumps(key)}: {_dump(value[key], inner, levels - 1)}" for key in sorted(value)]
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + f"\n{indent}{closing}"
