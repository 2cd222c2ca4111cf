"""The alembic revisions in a directory: which is the newest, that a new one has to follow."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Set
from hashlib import sha256

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import generated

# The column in which alembic keeps a revision is no wider.
_LONGEST = 32


def revision_of(name: str) -> str:
    """The revision of a migration of ours: its name, or where that is too long, its number and a hash."""
    if len(name) <= _LONGEST:
        return name
    return f"{name.partition('_')[0]}_{sha256(name.encode()).hexdigest()[:12]}"


def newest_revision(
    directory: str, present: Mapping[str, bytes], own: Set[str], report: Report
) -> str | None:
    """The revision that no other one follows; None when there is none. Files named in `own` do not count.

    Two such revisions are reported: alembic itself would not know where to go on.
    """
    followed: set[object] = set()
    revisions: dict[str, str] = {}
    for name, content in sorted(present.items()):
        if name.endswith(".py") and name not in own:
            values = _assigned(content)
            if isinstance(revision := values.get("revision"), str):
                revisions[revision] = name
                before = values.get("down_revision")
                followed.update(before if isinstance(before, tuple | list) else [before])
    heads = sorted(revisions.keys() - followed)
    if len(heads) > 1:
        files = " and ".join(f"{directory}/{revisions[head]}" for head in heads)
        message = (
            f"the revisions of alembic have {len(heads)} heads, so a new one could follow either: {files}"
        )
        help = ("run `alembic merge heads`, or delete the one of ours that no database has applied",)
        report.add(Diagnostic(generated.MANY_HEADS, message, help=help))
    return heads[-1] if heads else None


def ancestors(present: Mapping[str, bytes], heads: Set[str]) -> set[str]:
    """The revisions that came to be applied when those in `heads` were, these included."""
    before: dict[str, list[str]] = {}
    for name, content in present.items():
        values = _assigned(content) if name.endswith(".py") else {}
        if isinstance(revision := values.get("revision"), str):
            down = values.get("down_revision")
            listed = down if isinstance(down, tuple | list) else [down]
            before[revision] = [one for one in listed if isinstance(one, str)]
    found: set[str] = set()
    waiting = list(heads)
    while waiting:
        revision = waiting.pop()
        if revision not in found:
            found.add(revision)
            waiting.extend(before.get(revision, ()))
    return found


def _assigned(content: bytes) -> dict[str, object]:
    """The literals that a module assigns to plain names; nothing for a file that is not Python."""
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, object] = {}
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        try:
            found[name] = ast.literal_eval(value)
        except ValueError:
            continue
    return found
