"""Remembers which state of a large project is compiled, so that compiling it again takes no time.

A project is compiled when everything that compiling reads is as it was after a compilation without findings,
and the compiler is the same. It is remembered by a hash in `.pgflowc/compiled`, which is not for version
control; without it the project is compiled as always.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pgflowc
from pgflowc.document.referred import Specs
from pgflowc.output import Change
from pgflowc.render import Layout
from pgflowc.resources import resource_root

# Below this, compiling takes less time than anybody notices.
WORTH_REMEMBERING = 50
_PLACE = ".pgflowc/compiled"


def is_compiled(root: Path, state: str) -> list[str] | None:
    """The files that compiling would find unchanged in this state; None if that is not known."""
    with suppress(OSError, UnicodeDecodeError):
        known, *paths = (root / _PLACE).read_text("utf-8").splitlines()
        return paths if known == state else None
    return None


def remember(root: Path, state: str, paths: Sequence[str]) -> None:
    """Remember that compiling finds these files unchanged in this state; no matter if it fails."""
    place = root / _PLACE
    with suppress(OSError):
        place.parent.mkdir(exist_ok=True)
        ignore = place.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        temporary = place.with_name("compiled.tmp")
        temporary.write_text("\n".join([state, *paths]) + "\n", "utf-8")
        temporary.replace(place)


def state_of(specs: Specs, layout: Layout, present: Mapping[str, bytes]) -> str:
    """A hash of all that compiling depends on."""
    found = sha256()
    for part in (*_compiler(), repr(layout), repr(specs.referred), specs.cron_target):
        found.update(part.encode() + b"\0")
    contents = ((path, text.encode("utf-8", "surrogatepass")) for path, text in specs.items())
    for path, content in (*contents, *sorted(present.items())):
        found.update(f"{path}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def after(present: Mapping[str, bytes], changes: Sequence[Change]) -> dict[str, bytes]:
    """The files once the changes are written."""
    found = dict(present)
    for change in changes:
        if change.after is None:
            found.pop(change.path, None)
        else:
            found[change.path] = change.after
    return found


def _compiler() -> Iterator[str]:
    """What tells this compiler from another one: its version, and the times of its files in a checkout."""
    yield f"{pgflowc.__version__} {sys.version_info[:2]}"
    for directory in (Path(pgflowc.__file__).parent, resource_root() / "templates"):
        yield from sorted(_times(directory))


def _times(directory: Path) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("__"):
                yield from _times(Path(entry.path))
            elif entry.name.endswith((".py", ".jinja")):
                found = entry.stat()
                yield f"{entry.path} {found.st_size} {found.st_mtime_ns}"
