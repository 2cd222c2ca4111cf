"""`pgflowc.lock`: what the migrations written so far establish, so that planning needs no database.

Reading is strict, because a wrong lock would lead to wrong migrations: unknown keys, wrong types and a
definition that does not match its hash are refused, each at its line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pgflowc.diagnostics import Diagnostic, Position, Report, Span
from pgflowc.diagnostics.codes import generated
from pgflowc.graph.model import FlowOptions
from pgflowc.plan.shape import FlowShape, StepShape, definition_hash

LOCK = "pgflowc.lock"
VERSION: Final = 1
_CONFLICT = re.compile(r"^(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)", re.MULTILINE)
_CONFIG = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True)
class LockedMigration:
    """A migration that was written: its file's name and the SHA-256 of its bytes in hex."""

    name: str
    checksum: str


@dataclass(frozen=True, slots=True)
class LockedFlow:
    """A flow as its migrations leave it."""

    kind: Literal["flow", "job"]
    options: FlowOptions
    steps: tuple[StepShape, ...]
    hash: str
    migrations: tuple[LockedMigration, ...]

    @property
    def shape(self) -> FlowShape:
        """The definition in the database once the migrations are applied."""
        return FlowShape(self.kind, self.options, self.steps)


@dataclass(frozen=True, slots=True)
class Lock:
    """All flows that have migrations, by slug."""

    version: Literal[1] = VERSION
    flows: dict[str, LockedFlow] = field(default_factory=dict)
    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    def created(self, slug: str, shape: FlowShape, migration: LockedMigration) -> Lock:
        """The lock after a migration that creates a flow."""
        flow = LockedFlow(
            shape.kind, shape.options, shape.steps, definition_hash(slug, shape), migrations=(migration,)
        )
        return replace(self, flows={**self.flows, slug: flow})


def parse_lock(text: str, report: Report) -> Lock | None:
    """The lock of that text; None, and a diagnostic with the line, when it is not one."""
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        _refuse(report, _line(line), "a merge left conflict markers", "keep the entries of both sides")
        return None
    try:
        raw = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        _refuse(report, _line(error.lineno, error.colno), f"not valid JSON: {error.msg}")
        return None
    except _DuplicateKeyError as error:
        _refuse(report, _find(text, error.key), f"the key '{error.key}' occurs twice")
        return None
    except RecursionError:
        _refuse(report, _line(1), "nested too deeply")
        return None
    version = raw.get("version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version != VERSION:
        message = f"the lock has version {version}, and this pgflowc knows version {VERSION}"
        help = ("install the version of pgflowc that the project uses",)
        report.add(Diagnostic(generated.LOCK_VERSION, message, _find(text, "version"), help=help))
        return None
    return _decode(text, report)


def dump_lock(lock: Lock) -> str:
    """The text of `pgflowc.lock`: sorted, and a line for each step and migration, which diffs well."""
    raw = _ADAPTER.dump_python(lock, mode="json")
    for flow in raw["flows"].values():
        flow["steps"] = [_without_defaults(step) for step in flow["steps"]]
    return _dump(raw, "", 4) + "\n"


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


_ADAPTER = TypeAdapter(Lock)


def _decode(text: str, report: Report) -> Lock | None:
    try:
        lock = _ADAPTER.validate_json(text)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            keys = [key for key in fault["loc"] if isinstance(key, str)]
            _refuse(report, _find(text, *keys), f"{'.'.join(keys) or 'the file'}: {fault['msg'].lower()}")
        return None
    sound = True
    for slug, flow in lock.flows.items():
        if flow.hash != definition_hash(slug, flow.shape):
            _refuse(report, _find(text, slug), f"the entry of flow '{slug}' does not match its hash")
            sound = False
    return lock if sound else None


def _without_defaults(step: dict[str, Any]) -> dict[str, Any]:
    plain = StepShape(slug="", kind="single", depends_on=())
    always = ("slug", "kind", "depends_on")
    return {key: value for key, value in step.items() if key in always or value != getattr(plain, key)}


class _DuplicateKeyError(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


def _find(text: str, *keys: str) -> Span:
    """The last of these keys, each searched after the one before: right for a lock as pgflowc lays it out."""
    offset, end = 0, 0
    for key in keys:
        found = re.compile(re.escape(json.dumps(key)) + r"\s*:").search(text, end)
        if found is None:
            break
        offset, end = found.start(), found.start() + len(json.dumps(key))
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return Span(LOCK, Position(line, column), Position(line, column + max(end - offset, 1)))


def _line(line: int, column: int = 1) -> Span:
    return Span(LOCK, Position(line, column), Position(line, column + 1))


def _refuse(report: Report, span: Span, problem: str, *help: str) -> None:
    help = help or (f"restore {LOCK} from version control",)
    report.add(Diagnostic(generated.BROKEN_LOCK, f"{LOCK} cannot be used: {problem}", span, help=help))
