"""The only writer. Writing, `--check` and `--diff` are three uses of the same `{path: text}`.

All files are written or none: every text first goes to a temporary file beside its target, then all are
renamed, and what was renamed is put back if a later one fails. One process writes to a project at a time;
what another one, or an editor, changed since the files were read, or is writing, is not written over.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from pathlib import Path

from pgflowc.open_files import is_being_written
from pgflowc.replacing import beside, clear, lay, put, take_away


class Status(StrEnum):
    """What writing means for a file."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """A file, by path in the project; `before` is None when there is none, `after` when it is to go."""

    path: str
    before: bytes | None
    after: bytes | None

    @property
    def status(self) -> Status:
        """What writing means for the file."""
        if self.after is None:
            return Status.REMOVED
        if self.before is None:
            return Status.CREATED
        return Status.UNCHANGED if self.before == self.after else Status.UPDATED


class OutputError(Exception):
    """A file cannot be written; the message is one line, and nothing was written."""


def compare(files: Mapping[str, str], removed: Iterable[str], present: Mapping[str, bytes]) -> list[Change]:
    """What writing `files` and removing others would change, by path."""
    changes = [Change(path, present.get(path), text.encode()) for path, text in files.items()]
    changes += [Change(path, present.get(path), None) for path in removed]
    return sorted(changes, key=lambda change: change.path)


def diff(changes: Iterable[Change]) -> str:
    """The changes as a unified diff that `git apply` and `patch -p1` understand; empty without changes."""
    return "".join(_diff(change) for change in changes if change.status is not Status.UNCHANGED)


def write(root: Path, changes: Sequence[Change], *, last: str) -> None:
    """Apply the changes below `root`, all or none; unchanged files are not touched.

    The file `last` is renamed after all others: it is the one that says that they exist. Temporary files that
    a killed process left beside the files are removed, or put back where they hold what somebody saved in
    that moment. Raises OutputError.
    """
    ordered = sorted(changes, key=lambda change: change.path == last)
    writer = _Writer(root.resolve())
    with _alone(root):
        for step in (writer.prepare, writer.commit):
            for change in ordered:
                try:
                    step(change)
                except OSError as error:
                    writer.undo()
                    raise OutputError(f"{change.path}: {error.strerror}") from error
                except OutputError:
                    writer.undo()
                    raise


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Wait until no other process writes below `root`, and keep others waiting."""
    directory = os.open(root, os.O_RDONLY)
    try:
        # Where a file system has no locks, comparing the contents in `prepare` has to do.
        with suppress(OSError):
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


class _Writer:
    """Writes beside the targets, renames, and can take back both."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._temporary: dict[str, Path] = {}
        self._directories: list[Path] = []
        self._committed: list[Change] = []
        self._inside: dict[str, bool] = {}
        self._made: set[Path] = set()
        self._cleared: set[Path] = set()

    def prepare(self, change: Change) -> None:
        """Write the new content beside the target, and find out whether the target can be replaced."""
        target = self._target(change)
        self._clear(target.parent)
        try:
            current = target.read_bytes()
        except FileNotFoundError:
            current = None
        except IsADirectoryError as error:
            raise OutputError(f"{change.path} is a directory") from error
        if current not in (change.before, change.after):
            raise _changed(change)
        if current == change.after:
            return
        if is_being_written(target):
            # An editor may have emptied it to write it anew; that would be written into a file that is gone.
            raise OutputError(f"{change.path} is being written by somebody else; run the command again")
        if change.after is None:
            self._temporary[change.path] = beside(target, change.before, None)
            return
        self._make_directory(target.parent)
        self._temporary[change.path] = lay(target, change.before, change.after)

    def commit(self, change: Change) -> None:
        """Put the new content in place, if the old one is still there."""
        temporary = self._temporary.get(change.path)
        if temporary is None:
            return
        if not _set(self._target(change), temporary, change):
            raise _changed(change)
        del self._temporary[change.path]
        self._committed.append(change)

    def undo(self) -> None:
        """Restore what was committed and remove what was prepared, as far as the system lets us."""
        for change in self._committed:
            target = self._target(change)
            with suppress(OSError):
                temporary = beside(target, change.after, change.before)
                if change.before is not None:
                    lay(target, change.after, change.before)
                _set(target, temporary, Change(change.path, change.after, change.before))
        for temporary in self._temporary.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        for directory in reversed(self._directories):
            with suppress(OSError):
                directory.rmdir()

    def _target(self, change: Change) -> Path:
        target = self._root / change.path
        parent = os.path.dirname(change.path)  # noqa: PTH120 - thousands of files in a few directories
        if parent not in self._inside:
            self._inside[parent] = target.parent.resolve().is_relative_to(self._root)
        if not self._inside[parent] or target.is_symlink():
            raise OutputError(f"{change.path} leads out of the project through a symbolic link")
        return target

    def _clear(self, directory: Path) -> None:
        if directory not in self._cleared:
            self._cleared.add(directory)
            clear(directory)

    def _make_directory(self, directory: Path) -> None:
        if directory in self._made:
            return
        missing = [directory, *directory.parents]
        for ancestor in reversed(missing):
            if not ancestor.exists():
                ancestor.mkdir()
                self._directories.append(ancestor)
        self._made.add(directory)


def _set(target: Path, temporary: Path, change: Change) -> bool:
    """Apply a change, whose new content is in `temporary`, unless somebody else changed the file."""
    if change.after is None:
        return change.before is None or take_away(target, change.before, temporary)
    return put(temporary, target, change.before)


def _changed(change: Change) -> OutputError:
    return OutputError(f"{change.path} was changed in the meantime; run the command again")


def _diff(change: Change) -> str:
    before, after = _lines(change.before), _lines(change.after)
    old = "/dev/null" if change.before is None else f"a/{change.path}"
    new = "/dev/null" if change.after is None else f"b/{change.path}"
    found = unified_diff(before, after, old, new)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found
    )


def _lines(content: bytes | None) -> list[str]:
    # Not str.splitlines, which also splits at characters that are no line ends to diff and patch.
    lines = (content or b"").decode("utf-8", "replace").split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
