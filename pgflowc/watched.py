"""Whether files have changed since they were read: by looking at them, for what a file system tells may come
late, twice or never.

Two writes in one tick of the file system's clock leave the same times, and perhaps the same size. Of files
that changed a moment ago the content counts, too.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

# Some file systems count in steps of two seconds.
_RECENT_NANOSECONDS = 2_500_000_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file looked like: inode, size, and times of its content and status in nanoseconds; a hash of its
    content while these may not tell its next change (`settled`).
    """

    status: tuple[int, int, int, int]
    content: bytes | None
    settled: bool = field(compare=False)


Stamps = dict[Path, Stamp]
"""Files as they looked at one moment; what is not there, or is no file, is missing."""


def look(paths: Iterable[Path], before: Stamps) -> Stamps:
    """The files as they look now: as in `before`, an earlier look or what `settled` made of it, if none has
    changed.
    """
    now = time.time_ns()
    found = Stamps()
    for path in paths:
        with suppress(OSError):
            found[path] = _stamp(path, before.get(path), now)
    return found


def settled(stamps: Stamps) -> Stamps:
    """The stamps without the content of files whose next change the times will tell."""
    return {
        path: replace(stamp, content=None) if stamp.settled and stamp.content else stamp
        for path, stamp in stamps.items()
    }


def written(path: Path, content: bytes) -> Stamp | None:
    """The stamp of a file that has just been written, if it still holds that content; else None."""
    with suppress(OSError):
        # In this order: if somebody writes in between, the content is not ours.
        stamp = _stamp(path, None, time.time_ns())
        return stamp if path.read_bytes() == content else None
    return None


def _stamp(path: Path, before: Stamp | None, now: int) -> Stamp:
    """The stamp of a file; raises OSError if it cannot be read."""
    found = path.stat()
    status = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    same = before is not None and before.status == status
    if same and before is not None and before.content is None:
        return before
    is_settled = now - max(found.st_mtime_ns, found.st_ctime_ns) > _RECENT_NANOSECONDS
    is_read = (same or not is_settled) and stat.S_ISREG(found.st_mode)
    return Stamp(status, blake2b(path.read_bytes()).digest() if is_read else None, is_settled)
