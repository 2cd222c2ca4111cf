"""Remembers which state of a large project is compiled, so that compiling it again takes no time.

A project is compiled when everything that compiling reads is as it was after a compilation without findings,
and the compiler is the same. It is remembered by a hash in `.pgflowc/compiled`, which is not for version
control. Without it, or when it is damaged or comes from elsewhere, the project is compiled as always.
"""

from __future__ import annotations

import os
import sys
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pgflowc
from pgflowc.document.referred import Specs
from pgflowc.output import Change
from pgflowc.render import Layout
from pgflowc.resources import resource_root

# Below this, compiling takes less time than anybody notices.
WORTH_REMEMBERING = 50
_PLACE = ".pgflowc/compiled"
# What they read and write depends on their versions; tzdata knows time zones where the system does not.
_LIBRARIES = ("croniter", "jinja2", "libcst", "networkx", "pydantic", "ruamel.yaml", "tzdata")


def is_compiled(root: Path, state: str) -> list[str] | None:
    """The files that compiling would find unchanged in this state; None if that is not known."""
    with suppress(OSError, UnicodeDecodeError):
        seal, *paths = (root / _PLACE).read_text("utf-8").removesuffix("\n").split("\n")
        return paths if seal == _seal(state, paths) else None
    return None


def remember(root: Path, state: str, paths: Sequence[str]) -> None:
    """Remember that compiling finds these files unchanged in this state; no matter if it fails.

    Nothing is written through symbolic links.
    """
    place = root / _PLACE
    with suppress(OSError, UnicodeEncodeError):
        if place.parent.is_symlink():
            return
        place.parent.mkdir(exist_ok=True)
        with suppress(FileExistsError), (place.parent / ".gitignore").open("x") as ignore:
            ignore.write("*\n")
        temporary = place.with_name("compiled.tmp")
        temporary.unlink(missing_ok=True)
        with temporary.open("x", encoding="utf-8") as file:
            file.write("\n".join([_seal(state, paths), *paths]) + "\n")
        temporary.replace(place)


def state_of(root: Path, specs: Specs, layout: Layout, present: Mapping[str, bytes]) -> str:
    """A hash of all that compiling the project in `root` depends on.

    The directory itself is part of it: what another checkout remembers is not believed in this one.
    """
    found = sha256()
    here = root.stat()
    directory = f"{here.st_dev} {here.st_ino}"
    for part in (*_compiler(), directory, repr(layout), repr(specs.referred), *_around(specs)):
        found.update(part.encode("utf-8", "surrogatepass") + b"\0")
    contents = {path: text.encode("utf-8", "surrogatepass") for path, text in specs.items()}
    for files in (contents, present):
        found.update(f"{len(files)}\0".encode())
        for path, content in sorted(files.items()):
            found.update(f"{path}\0{len(content)}\0".encode("utf-8", "surrogatepass"))
            found.update(content)
    return found.hexdigest()


def _around(specs: Specs) -> tuple[str, ...]:
    return (specs.cron_target, *specs.extra_modes)


def _seal(state: str, paths: Sequence[str]) -> str:
    return sha256("\n".join([state, *paths]).encode("utf-8", "surrogatepass")).hexdigest()


def after(present: Mapping[str, bytes], changes: Sequence[Change]) -> dict[str, bytes]:
    """The files once the changes are written."""
    found = dict(present)
    for change in changes:
        if change.after is None:
            found.pop(change.path, None)
        else:
            found[change.path] = change.after
    return found


@cache
def _compiler() -> tuple[str, ...]:
    """What tells this compiler from another one: its version, and the times of its files in a checkout; those
    of the libraries and time zones that it goes by.

    Asked once, before anything is compiled: files that change afterwards are not those that run.
    """
    directories = (Path(pgflowc.__file__).parent, resource_root() / "templates")
    times = sorted(line for directory in directories for line in _times(directory))
    found = (find_spec(library) for library in _LIBRARIES)
    around = [spec.origin for spec in found if spec is not None and spec.origin]
    around += [os.path.join(path, name) for path in zoneinfo.TZPATH for name in ("tzdata.zi", "zone.tab")]  # noqa: PTH118
    return (f"{pgflowc.__version__} {sys.version}", *times, *(_time(path) for path in around))


def _time(path: str) -> str:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return path
    return f"{path} {found.st_size} {found.st_mtime_ns}"


def _times(directory: Path) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("__"):
                yield from _times(Path(entry.path))
            elif entry.name.endswith((".py", ".jinja")):
                found = entry.stat()
                yield f"{entry.path} {found.st_size} {found.st_mtime_ns}"
