"""What specs refer to outside themselves, JSON Schema files and Python modules: found here, read by the part
that reads files, and handed to the graph stage as texts.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from pgflowc.diagnostics import Span
from pgflowc.document.model import Document, Node, Scalar, Sequence
from pgflowc.document.model import Mapping as MappingNode

CronTarget = Literal["auto", "worker", "pg_cron"]
"""Who starts the runs of schedules: what the database decides, workers, or jobs of pg_cron in migrations."""
ExtraMode = Literal["ignore", "forbid"]
ExtraModes = tuple[ExtraMode, ExtraMode]
"""What happens to fields that a type does not name, in payloads that come in, and in those that go out."""
EXTRA_MODES: ExtraModes = ("ignore", "forbid")
"""The usual ones."""
SCHEME = r"(?:[A-Za-z][A-Za-z0-9+.\-]*:|//)"
"""How a `$ref` begins that names something else than a file."""
_SCHEME = re.compile(SCHEME)
_MODULE_KEYS = ("$python", "handler")


@dataclass(frozen=True, slots=True)
class Module:
    """A Python module of the project, as text; `path` is shown in messages."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Referred:
    """The texts of files by path, and why some have none (`does not exist`); paths as `beside` gives them.

    `modules` are those of the project by dotted name: None where the project has the package, but not the
    module. A module that is not in it is none of the project's.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, Module | None] = field(default_factory=dict)


class Specs(dict[str, str]):
    """The texts of specs by path, with what they refer to, where their schedules are to run, and what they do
    with further fields unless they say so.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        referred: Referred | None = None,
        cron_target: CronTarget = "auto",
        extra_modes: ExtraModes = EXTRA_MODES,
    ) -> None:
        super().__init__(texts)
        self.referred = referred or Referred()
        self.cron_target: CronTarget = cron_target
        self.extra_modes = extra_modes

    def changed(self, texts: Mapping[str, str]) -> Specs:
        """The same surroundings for other texts."""
        return Specs(texts, self.referred, self.cron_target, self.extra_modes)

    @staticmethod
    def of(texts: Mapping[str, str]) -> Specs:
        """The texts as specs, without surroundings unless they have some."""
        return texts if isinstance(texts, Specs) else Specs(texts)


def split(reference: str) -> tuple[str, str]:
    """The path and the fragment (without `#`) of a `$ref`, both with percent escapes undone."""
    path, _, fragment = reference.partition("#")
    return unquote(path), unquote(fragment)


def is_url(reference: str) -> bool:
    """Whether a `$ref` names something else than a file beside the one it stands in."""
    return bool(_SCHEME.match(reference))


def beside(path: str, reference: str) -> str:
    """The path of the file that a `$ref` in the file `path` names; that file itself for `#/...`."""
    target, _ = split(reference)
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path


def files_in_spec(document: Document) -> Iterator[str]:
    """The paths of the files that a spec's `$ref` name."""
    for key, written in _scalars(document.root):
        if key == "$ref" and not is_url(written) and split(written)[0]:
            yield beside(document.path, written)


def modules_in_spec(document: Document) -> Iterator[str]:
    """The dotted names of the modules that a spec's `$python` and `handler` name."""
    for key, written in _scalars(document.root):
        module, colon, _ = written.partition(":")
        if key in _MODULE_KEYS and colon and all(part.isidentifier() for part in module.split(".")):
            yield module


def classes_in_spec(document: Document) -> Iterator[tuple[str, Span]]:
    """What a spec's `$python` name, as written, and where."""
    for key, node in _text_nodes(document.root):
        if key == "$python":
            yield str(node.value), node.span


def files_in_schema(path: str, text: str) -> Iterator[str]:
    """The paths of the other files that a JSON Schema refers to; none if it is not JSON."""
    try:
        waiting: list[Any] = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            written = value.get("$ref")
            if isinstance(written, str) and not is_url(written) and split(written)[0]:
                yield beside(path, written)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _scalars(root: Node) -> Iterator[tuple[str, str]]:
    """All keys whose value is a text, with it."""
    return ((key, str(node.value)) for key, node in _text_nodes(root))


def _text_nodes(root: Node) -> Iterator[tuple[str, Scalar]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Sequence):
            waiting.extend(node.items)
        elif isinstance(node, MappingNode):
            for entry in node.entries.values():
                if isinstance(entry.value, Scalar) and isinstance(entry.value.value, str):
                    yield entry.key, entry.value
                else:
                    waiting.append(entry.value)
