"""Names of migrations: numbers or timestamps that go on after those that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

from pgflowc.plan.model import GENERATED, MigrationFormat

_NUMBERED = re.compile(r"([0-9]+)_.*\.(?:sql|py)")
_OURS = re.compile(r"([0-9]{4,})_((?:create|change|drop|switch|retire)_.+?)(?:\.down)?\.(?:sql|py)")
_TIMESTAMP = "%Y%m%d%H%M%S"


def migration_names(
    titles: Sequence[str],
    present: Mapping[str, bytes],
    recorded: Set[str],
    format: MigrationFormat,
    now: datetime | None,
) -> dict[str, str]:
    """`0003_change_orders` for each title (`change_orders`), without suffix.

    A migration keeps the number of a file of ours that is not `recorded` in the lock and is called so, if it
    comes after all other migrations: compiling was killed before it wrote the lock, or the lock was lost.
    `supabase` and `dbmate` have timestamps in the place of numbers, from `now` on when that is given.
    """
    unrecorded, highest = dict[str, int](), 0
    for name in present.keys() | recorded:
        ours = _OURS.fullmatch(name)
        if ours and ours[2] in titles and name not in recorded and _is_generated(present[name]):
            unrecorded[ours[2]] = max(int(ours[1]), unrecorded.get(ours[2], 0))
        elif numbered := _NUMBERED.fullmatch(name):
            highest = max(int(numbered[1]), highest)
    kept = {one: number for one, number in unrecorded.items() if number > highest}
    last = max(highest, *unrecorded.values(), 0)
    numbers = _timestamps(last, now) if format in ("supabase", "dbmate") else map(str, count(last + 1))
    for one in titles:
        # A version is switched to after it was created, whichever of the two files was there.
        flow, to, version = one.removeprefix("switch_").rpartition("_to_v")
        if to and one.startswith("switch_") and f"create_{flow}_v{version}" not in kept:
            kept.pop(one, None)
    return {one: f"{str(kept[one]) if one in kept else next(numbers):0>4}_{one}" for one in titles}


def _timestamps(last: int, now: datetime | None) -> Iterator[str]:
    """Timestamps a second apart, from `now`, or where that is too late, after `last`."""
    at = now or datetime(2000, 1, 1, tzinfo=UTC)
    with suppress(ValueError):
        after = datetime.strptime(str(last), _TIMESTAMP).replace(tzinfo=UTC)
        at = max(at, after + timedelta(seconds=1))
    while True:
        yield at.strftime(_TIMESTAMP)
        at += timedelta(seconds=1)


def is_ours(name: str, content: bytes) -> bool:
    """Whether a file is a migration of ours, a down migration aside."""
    return bool(_OURS.fullmatch(name)) and not name.endswith(".down.sql") and _is_generated(content)


def _is_generated(content: bytes) -> bool:
    """Whether the first lines say so; a migration of dbmate begins with a line of its own."""
    return GENERATED.encode() in content[:80]
