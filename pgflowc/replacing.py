"""Puts a file in the place of another such that nothing is lost that somebody saves at the same moment.

To compare a file and then to rename another one over it leaves a moment in between. Here the two files are
exchanged, which the system does at once; then what came out is looked at, which nobody can open by its name
any more. If it is not what was expected, it goes back. The name under which it lies meanwhile says what was
expected, so that the next process can do that if this one is killed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from pgflowc.open_files import is_being_written

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_RENAME_SWAP = 2
_SUFFIX = ".pgflowc-tmp"
_LEFT = re.compile(rf"\.(.+)\.([0-9a-f]{{16}}|none)-([0-9a-f]{{16}}|none){re.escape(_SUFFIX)}(?:-old)*")
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


def beside(target: Path, before: bytes | None, after: bytes | None) -> Path:
    """Where the new content of a file waits, and the old one goes; None for no file."""
    return target.with_name(f".{target.name}.{_mark(before)}-{_mark(after)}{_SUFFIX}")


def lay(target: Path, before: bytes | None, after: bytes) -> Path:
    """Write the new content of a file `beside` it, with its mode. What lies there is complete, whenever this
    process is killed. Raises OSError if the system refuses; then nothing lies there.
    """
    unfinished = target.with_name(f".{target.name}{_SUFFIX}")
    try:
        unfinished.write_bytes(after)
        if target.exists():
            shutil.copymode(target, unfinished)
        return unfinished.rename(beside(target, before, after))
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def clear(directory: Path) -> None:
    """Remove what killed processes left `beside` files.

    If that is what somebody saved in the last moment, and nothing was saved after it, it goes back to its
    place. Raises OSError if the system refuses. No other process may be at it.
    """
    if not directory.is_dir():
        return
    for name in os.listdir(directory):  # noqa: PTH208 - thousands of files of which hardly one is meant
        if name.startswith(".") and _SUFFIX in name:
            left, found = directory / name, _LEFT.fullmatch(name)
            if found is None or not _put_back(left, directory / found[1], *found.groups()[1:]):
                left.unlink(missing_ok=True)


def put(new: Path, target: Path, before: bytes | None) -> bool:
    """Put the file `new` in the place of `target`, if that still has the content `before` (None: does not
    exist) and nobody is writing it.

    False if somebody else was there: what they saved stands. `new` lies beside `target`, and is gone
    afterwards. Raises OSError if the system refuses; then nothing has changed.
    """
    if before is None:
        return _create(new, target)
    after = new.read_bytes()
    try:
        is_exchanged = _exchange(new, target)
    except FileNotFoundError:
        new.unlink()
        return False
    if not is_exchanged:
        return _replace(new, target, before)
    if _is_untouched(new, before):
        new.unlink()
        return True
    _give_back(new, target, after)
    return False


def take_away(target: Path, before: bytes, spare: Path) -> bool:
    """Remove a file if it still has the content `before` and nobody is writing it; `spare` is a free name
    beside it.

    False if somebody else was there: what they saved stands. Raises OSError if the system refuses.
    """
    try:
        target.rename(spare)
    except FileNotFoundError:
        return True
    if _is_untouched(spare, before):
        spare.unlink()
        return True
    _create(spare, target)
    return False


def _put_back(left: Path, target: Path, before: str, after: str) -> bool:
    """Whether what was left is a save, and the latest: then it takes its place. Else it is still there."""
    inside = _content(target)
    if _mark(_content(left)) in (before, after):
        return False
    if _mark(inside) != after and _saved_at(left) <= _saved_at(target):
        return False
    put(left, target, inside)
    return True


def _create(new: Path, target: Path) -> bool:
    try:
        os.link(new, target)
    except FileExistsError:
        is_same = _is_untouched(target, new.read_bytes())
        new.unlink()
        return is_same
    except OSError as error:
        # Some file systems have no hard links, which alone never take the place of a file.
        if error.errno not in _UNSUPPORTED:
            raise
        new.replace(target)
        return True
    new.unlink()
    return True


def _replace(new: Path, target: Path, before: bytes) -> bool:
    """As far as this goes where files cannot be exchanged: what is renamed over `target` between the two
    calls is lost, what is written into it is not.
    """
    kept = new.with_name(f"{new.name}-old")
    kept.unlink(missing_ok=True)
    with suppress(OSError):
        os.link(target, kept)
    try:
        new.replace(target)
    except OSError:
        kept.unlink(missing_ok=True)
        raise
    if not kept.exists():
        return True
    if _is_untouched(kept, before):
        kept.unlink()
        return True
    kept.rename(target)
    return False


def _give_back(held: Path, target: Path, inside: bytes | None) -> None:
    """Put back what came out of the place of `target`, which has the content `inside` now.

    If something else comes out, somebody has saved once more, and that is what goes back next.
    """
    while True:
        going_back = _content(held)
        try:
            _exchange(held, target)
        except FileNotFoundError:
            _create(held, target)
            return
        if _is_untouched(held, inside):
            held.unlink()
            return
        inside = going_back


def _is_untouched(path: Path, content: bytes | None) -> bool:
    return not path.is_symlink() and _content(path) == content and not is_being_written(path)


def _content(path: Path) -> bytes | None:
    """What is in a file; None if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _saved_at(path: Path) -> int:
    """In nanoseconds; 0 without a file."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _mark(content: bytes | None) -> str:
    return "none" if content is None else sha256(content).hexdigest()[:16]


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two files at once; False where the system or the file system cannot. Raises OSError."""
    call = _system_call()
    if call is None:
        return False
    number = call(os.fsencode(one), os.fsencode(other))
    if number in _UNSUPPORTED:
        return False
    if number:
        raise OSError(number, os.strerror(number), str(one), None, str(other))
    return True


@cache
def _system_call() -> Callable[[bytes, bytes], int] | None:
    """The system's way to exchange two files, which returns an error number; Python has none of its own."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            swap = library.renamex_np
            return lambda one, other: swap(one, other, ctypes.c_uint(_RENAME_SWAP)) and ctypes.get_errno()
        rename = library.renameat2
    except (AttributeError, OSError):  # it has no such call, or a Python without shared libraries
        return None
    here, flags = ctypes.c_int(_AT_FDCWD), ctypes.c_uint(_RENAME_EXCHANGE)
    return lambda one, other: rename(here, one, here, other, flags) and ctypes.get_errno()
