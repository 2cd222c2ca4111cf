"""The text of `pgflowc.lock` to a `Lock`.

Reading is strict, because a wrong lock would lead to wrong migrations: unknown keys, wrong types and entries
that do not match their hash are refused, each at its line. Locks of version 1 are read, too.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pgflowc.diagnostics import Diagnostic, Position, Report, Span
from pgflowc.diagnostics.codes import generated
from pgflowc.plan.lock import (
    LOCK,
    VERSION,
    Lock,
    LockedFlow,
    LockedMigration,
    chain_hash,
    chained,
    entry_hash,
    locked,
)
from pgflowc.plan.lock_version_1 import LockVersion1
from pgflowc.plan.shape import definition_hash

_CONFLICT = re.compile(r"^(<<<<<<<|=======|>>>>>>>|\|\|\|\|\|\|\|)", re.MULTILINE)
_MERGED = (
    "keep the lock of the branch that is deployed: `git checkout --ours pgflowc.lock`, or --theirs",
    "delete the migrations that this lock does not record, and compile again: what they did comes last then",
)
_L = TypeVar("_L")
_ADAPTER = TypeAdapter(Lock)
_ADAPTER_1 = TypeAdapter(LockVersion1)


def parse_lock(text: str, report: Report) -> Lock | None:
    """The lock of that text; None, and a diagnostic with the line, when it is not one."""
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        line = text.count("\n", 0, conflict.start()) + 1
        _refuse(report, _line(line), "a merge left conflict markers", *_MERGED)
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
    if isinstance(version, int) and not isinstance(version, bool) and not 1 <= version <= VERSION:
        message = f"the lock has version {version}, and this pgflowc knows versions 1 to {VERSION}"
        help = ("install the version of pgflowc that the project uses",)
        report.add(Diagnostic(generated.LOCK_VERSION, message, _find(text, "version"), help=help))
        return None
    return _decode_1(text, report) if version == 1 and version is not True else _decode(text, report)


def _decode(text: str, report: Report) -> Lock | None:
    lock = _validated(_ADAPTER, text, report)
    if lock is None:
        return None
    sound = True
    for slug, flow in lock.flows.items():
        if flow.hash != entry_hash(slug, flow.shape, flow.payloads, flow.version, flow.former):
            _refuse_entry(report, text, slug)
            sound = False
    if lock.head != chain_hash(lock.migrations):
        _refuse(
            report,
            _find(text, "head"),
            "its migrations do not match its head, as after a merge",
            *_MERGED,
        )
        sound = False
    return lock if sound else None


def _decode_1(text: str, report: Report) -> Lock | None:
    """A lock of version 1 kept each flow's migrations in its entry, and no payloads."""
    old = _validated(_ADAPTER_1, text, report)
    if old is None:
        return None
    flows: dict[str, LockedFlow] = {}
    migrations: list[LockedMigration] = []
    sound = True
    for slug, flow in old.flows.items():
        if flow.hash != definition_hash(slug, flow.shape):
            _refuse_entry(report, text, slug)
            sound = False
        flows[slug] = locked(slug, flow.shape, {})
        migrations += [LockedMigration(found.name, slug, found.checksum) for found in flow.migrations]
    ordered = sorted(migrations, key=lambda found: (len(found.name.partition("_")[0]), found.name))
    return chained(flows, ordered) if sound else None


def _validated(adapter: TypeAdapter[_L], text: str, report: Report) -> _L | None:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            keys = [key for key in fault["loc"] if isinstance(key, str)]
            _refuse(report, _find(text, *keys), f"{'.'.join(keys) or 'the file'}: {fault['msg'].lower()}")
        return None


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


def _refuse_entry(report: Report, text: str, slug: str) -> None:
    _refuse(report, _find(text, slug), f"the entry of flow '{slug}' does not match its hash")


def _refuse(report: Report, span: Span, problem: str, *help: str) -> None:
    help = help or (f"restore {LOCK} from version control",)
    report.add(Diagnostic(generated.BROKEN_LOCK, f"{LOCK} cannot be used: {problem}", span, help=help))
