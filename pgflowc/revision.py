"""The specs of a project as a commit of git has them: objects are read, and nothing is checked out.

The files that specs are made of are put into a temporary directory as they were, whatever attributes or
filters say, so that they are read like those of any project.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# What a spec consists of: specs, the configuration, the lock, and JSON Schemas that a spec refers to.
_SUFFIXES = (".yaml", ".yml", ".toml", ".json", ".lock")
_SYMBOLIC_LINK = "120000"
_TRUST = re.compile(rb"git config --global --add safe\.directory .+")
_FILE = "blob"


class RevisionError(Exception):
    """A revision cannot be read: `message` is one line, `help` the way out."""

    def __init__(self, message: str, *, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class NothingToCompareError(RevisionError):
    """There is no repository, no git to read one, or no other commit in it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, under the name that it was asked for; `root` has the project's files, for as long as
    `at_revision` lasts.
    """

    ref: str
    commit: str
    root: Path


@contextmanager
def at_revision(root: Path, ref: str) -> Iterator[Revision]:
    """The files of the project in `root` as they are in the commit `ref` (a branch, a tag, a hash).

    A project that was not there yet has no files. Raises RevisionError when git cannot tell.
    """
    git = _Git(root)
    commit = git.commit(ref)
    prefix = git.text("rev-parse", "--show-prefix").strip("\n")
    with tempfile.TemporaryDirectory(prefix="pgflowc-revision-") as name:
        directory = Path(name).resolve()
        entries = [entry for entry in git.entries(commit, prefix) if entry.path.endswith(_SUFFIXES)]
        for entry, content in zip(entries, git.contents([entry.id for entry in entries]), strict=True):
            _write(directory, entry, content)
        yield Revision(ref, commit, directory)


# Where systems of continuous integration say what a branch is to be merged into.
_TARGETS = ("GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "CI_DEFAULT_BRANCH")
_USUAL = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def compared_with(root: Path, environment: Mapping[str, str], wanted: str | None = None) -> str:
    """What the project in `root` is to be compared with: the commit that is `wanted`, else the branch that
    the environment names as its target, else the repository's default one, as of `origin` if that has it.

    A branch that is this very commit says nothing about it: then it is the commit before, unless something
    was changed since. Raises NothingToCompareError, and RevisionError when git does not have what is wanted
    or named.
    """
    git = _Git(root)
    try:
        git.check()
    except NothingToCompareError as error:
        # What helps a command that was asked for a place is no help here.
        raise NothingToCompareError(error.message) from None
    if wanted is not None:
        git.commit(wanted)
        return wanted
    named = next((environment[name] for name in _TARGETS if environment.get(name)), None)
    candidates = (f"origin/{named}", named) if named else _USUAL
    found = next((ref for ref in candidates if git.has(ref)), None)
    if found is None and named:
        raise RevisionError(f"git has no origin/{named} here", help=f"git fetch --depth=1 origin {named}")
    if found is None:
        raise NothingToCompareError("the repository has no branch main", help="--against names another")
    if git.commit(found) != git.commit("HEAD") or git.text("status", "--porcelain", "--", "."):
        return found
    if not git.has("HEAD^"):
        shallow = git.text("rev-parse", "--is-shallow-repository").strip() == "true"
        raise NothingToCompareError(
            f"{found} is this very commit, and the one before was not fetched"
            if shallow
            else f"{found} is this very commit, the first one",
            help="git fetch --deepen=1" if shallow else "",
        )
    return "HEAD^"


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: str
    id: str
    path: str


class _Git:
    """The git of the user, reading in the directory of the project."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def check(self) -> None:
        """Raise RevisionError if there is no repository."""
        inside = self._run("rev-parse", "--is-inside-work-tree")
        if trusted := _TRUST.search(inside.stderr):
            # As in containers, where the checkout is another user's.
            raise RevisionError(
                f"git refuses {self._root}, which belongs to another user", help=trusted[0].decode()
            )
        if inside.returncode:
            raise NothingToCompareError(
                f"{self._root} is in no git repository", help="compare with the lock or a database"
            )

    def has(self, ref: str) -> bool:
        """Whether there is such a commit."""
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return not found.returncode

    def commit(self, ref: str) -> str:
        """The full hash of the commit."""
        self.check()
        found = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found.returncode or not ref:
            raise RevisionError(f"git knows no commit '{ref}' here", help=self._cure(ref))
        return found.stdout.decode().strip()

    def entries(self, commit: str, prefix: str) -> list[_Entry]:
        """The files below the project's directory, with paths relative to it."""
        listing = self.output(
            "ls-tree", "-r", "-z", "--full-tree", commit, "--", *([prefix] if prefix else [])
        )
        found = []
        for line in listing.split(b"\0"):
            head, _, path = line.partition(b"\t")
            if head:
                mode, kind, id = head.decode().split()
                if kind == _FILE:
                    found.append(_Entry(mode, id, os.fsdecode(path).removeprefix(prefix)))
        return found

    def contents(self, ids: Sequence[str]) -> Iterator[bytes]:
        """The contents of these objects, read by one process."""
        if not ids:
            return
        found = self.output("cat-file", "--batch", given="".join(f"{id}\n" for id in ids).encode())
        place = 0
        for id in ids:
            end = found.index(b"\n", place)
            fields = found[place:end].split()
            if len(fields) != 3:
                raise RevisionError(f"git has no object {id}", help="git fetch --refetch")
            size = int(fields[2])
            yield found[end + 1 : end + 1 + size]
            place = end + 1 + size + 1

    def text(self, *arguments: str) -> str:
        """What a command of git prints."""
        return os.fsdecode(self.output(*arguments))

    def output(self, *arguments: str, given: bytes = b"") -> bytes:
        """What a command of git prints; RevisionError if it fails."""
        done = self._run(*arguments, given=given)
        if done.returncode:
            reason = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise RevisionError(f"git {arguments[0]} failed: {reason}")
        return done.stdout

    def _cure(self, ref: str) -> str:
        remote = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"origin/{ref}^{{commit}}")
        if ref and not remote.returncode:
            return f"did you mean git:origin/{ref}?"
        return f"git fetch origin {ref}, then git:origin/{ref}" if ref else "for example git:main"

    def _run(self, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        try:
            return subprocess.run(
                ["git", "--no-pager", *arguments],
                cwd=self._root,
                input=given,
                capture_output=True,
                env=environment,
                check=False,
            )
        except FileNotFoundError:
            message = "git is not installed, or not on the PATH"
            raise NothingToCompareError(message, help="install git") from None
        except OSError as error:
            raise RevisionError(f"git cannot be run in {self._root}: {error.strerror}") from error


def _write(directory: Path, entry: _Entry, content: bytes) -> None:
    """Write a file below `directory`; a symbolic link only if it leads to a place below it."""
    target = directory / entry.path
    if ".." in PurePosixPath(entry.path).parts or not target.parent.resolve().is_relative_to(directory):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.mode != _SYMBOLIC_LINK:
        target.write_bytes(content)
        return
    leads_to = os.fsdecode(content)
    if (target.parent / leads_to).resolve().is_relative_to(directory):
        target.symlink_to(leads_to)
