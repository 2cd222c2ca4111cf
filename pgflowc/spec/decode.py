"""A document's nodes to the spec's model. Every fault is reported at the user's own key or value."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import spec as codes
from pgflowc.diagnostics.fixing import respelling
from pgflowc.document import Document, Mapping, Node, Path, Refused, Scalar, Sequence
from pgflowc.spec.fault import assignment, diagnose, is_toml
from pgflowc.spec.model import KNOWN_KEYS, FlowModel, JobModel
from pgflowc.spec.spec import LOST, Spec
from pgflowc_language.words import near_miss, quote

_MAY_BE_NULL = frozenset({"input", "output", "payload"})
# Bodies in which nothing has to be said.
_MAY_BE_EMPTY = frozenset({"steps", "perform", "signal", "approval"})
_PLACEHOLDER = "_"
# Steps in a job, or `perform` in a flow, are reported as misplaced, which explains what is missing, too.
_COUNTERPART: dict[str | int, str] = {"steps": "perform", "perform": "steps"}


def decode(document: Document, report: Report) -> Spec | None:
    """The flow or job that a document describes.

    None when nothing of it can be checked further. Otherwise values at fault were left out and are listed in
    the spec's `damaged`.
    """
    root = document.root
    if isinstance(root, Refused):
        return None
    if not isinstance(root, Mapping):
        report.add(
            Diagnostic(
                codes.NOT_A_MAPPING,
                "a document must describe a flow or a job",
                root.span,
                help=("begin with 'flow: NAME' and 'steps:', or with 'job: NAME' and 'perform:'",),
            )
        )
        return None
    kind = _kind(document, root, report)
    if kind is None:
        return None
    damaged: set[Path] = set()
    data = _plain(root, (), damaged)
    _refuse_empty_values(document, data, damaged, report)
    model = _validate(kind, document, data, damaged, report)
    return Spec(document, model, frozenset(damaged)) if model else None


def _kind(document: Document, root: Mapping, report: Report) -> type[FlowModel] | type[JobModel] | None:
    """Which of the two models applies; what hides it is reported."""
    flow, job = root.entries.get("flow"), root.entries.get("job")
    if flow and job:
        first, second = sorted((flow, job), key=lambda entry: entry.key_place.start)
        report.add(
            Diagnostic(
                codes.NO_KIND,
                f"a document is a flow or a job, not both: '{second.key}' beside '{first.key}'",
                second.key_place.span,
                help=("keep one of the two; several flows in one file are separated by '---' lines",),
            )
        )
        return None
    if flow is None and job is None and (document.may_hold("flow") or document.may_hold("job")):
        return None
    if flow is None and job is None:
        first_key = next(iter(root.entries.values()), None)
        meant = next(
            (entry for entry in root.entries.values() if near_miss(entry.key, ("flow", "job"))), None
        )
        if meant is None:
            meant = root.entries.get("name") or root.entries.get("slug")
        at = meant or first_key
        word = (near_miss(meant.key, ("flow", "job")) if meant else None) or (
            "job" if "perform" in root.entries else "flow"
        )
        name = '"NAME"' if is_toml(document) else "NAME"
        report.add(
            Diagnostic(
                codes.NO_KIND,
                "this document has no 'flow' or 'job' key",
                at.key_place.span if at else root.span,
                label=f"did you mean '{word}'?" if meant else "",
                help=(f"write '{assignment(document, word, name)}' first",),
                fix=respelling(meant.key_place.span, meant.key, ("flow", "job")) if meant else None,
            )
        )
        return None
    return FlowModel if flow else JobModel


def _plain(node: Node, path: Path, damaged: set[Path]) -> Any:
    """The node as Python data; refused values are left out and become damage, as do keys that got lost."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        data = {}
        if node.incomplete:
            damaged.add((*path, LOST))
        for key, entry in node.entries.items():
            if isinstance(entry.value, Refused):
                damaged.add((*path, key))
            else:
                data[key] = _plain(entry.value, (*path, key), damaged)
        return data
    if isinstance(node, Sequence):
        items = []
        for index, item in enumerate(node.items):
            if isinstance(item, Refused):
                damaged.add((*path, index))
            items.append(None if isinstance(item, Refused) else _plain(item, (*path, index), damaged))
        return items
    raise AssertionError("a refused root is never decoded")


def _refuse_empty_values(
    document: Document, data: dict[str, Any], damaged: set[Path], report: Report
) -> None:
    """Keys without a value: left out, so that the model sees them as absent."""
    bodies: list[tuple[Path, Any]] = [((), data)]
    bodies += [((key,), data.get(key)) for key in ("perform", "cron", "retention", "extra_fields")]
    if isinstance(data.get("steps"), dict):
        bodies += [(("steps", slug), body) for slug, body in data["steps"].items()]
    bodies += [
        ((*path, key), body[key])
        for path, body in bodies
        if path[:1] in (("steps",), ("perform",)) and isinstance(body, dict)
        for key in ("signal", "approval")
        if key in body
    ]
    for path, body in bodies:
        if not isinstance(body, dict):
            continue
        for key in [key for key, value in body.items() if value is None and key not in _MAY_BE_EMPTY]:
            entry = document.entry(*path, key)
            assert entry is not None
            written_null = entry.value.start != entry.value.end
            if key not in KNOWN_KEYS or (key in _MAY_BE_NULL and written_null):
                continue
            del body[key]
            damaged.add((*path, key))
            report.add(
                Diagnostic(
                    codes.NO_VALUE,
                    f"{quote(key)} has no value",
                    entry.key_place.span,
                    label="null" if written_null else "nothing follows",
                    help=(_cure(key),),
                )
            )


def _cure(key: str) -> str:
    if key in ("flow", "job"):
        return f"write the slug of the {key}"
    if key in _MAY_BE_NULL:
        return "if there is nothing to take or to return, write 'null'"
    return "write the value, or remove the key to get the default"


def _validate(
    kind: type[FlowModel] | type[JobModel],
    document: Document,
    data: dict[str, Any],
    damaged: set[Path],
    report: Report,
) -> FlowModel | JobModel | None:
    """The model of `data`, without the values at fault; None when what is left is no flow or job."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
    places = {_path(document, fault["loc"]) for fault in faults}
    for fault in faults:
        path = _path(document, fault["loc"])
        other = _COUNTERPART.get(path[-1]) if fault["type"] == "missing" else None
        hidden = fault["type"] == "missing" and document.may_hold(*path)
        hidden |= fault["type"] == "too_short" and any(place[: len(path)] == path for place in damaged)
        if path not in damaged and other not in data and not hidden:
            report.add(diagnose(document, path, fault))
    damaged |= places
    for path in sorted(places, key=lambda path: [str(step).rjust(8) for step in path], reverse=True):
        # Half a schedule is none, and half a retention may say nothing.
        _leave_out(data, path[:1] if path[:1] in (("cron",), ("retention",)) else path)
    slug_key, body_key = ("flow", "steps") if kind is FlowModel else ("job", "perform")
    if (slug_key,) in damaged:
        data[slug_key] = _PLACEHOLDER
    if (body_key,) in damaged or data[body_key] == {}:
        # Without steps there is still a cron, an input and types to look at.
        data[body_key] = {_PLACEHOLDER: {}} if kind is FlowModel else {}
        damaged.add((body_key,))
    try:
        return kind.model_validate(data)
    except ValidationError:
        return None


def _path(document: Document, location: tuple[int | str, ...]) -> Path:
    """A pydantic location as a path in the document; a fault of a key is a fault of its entry, and one in a
    short form is a fault of the whole.
    """
    path = location[:-1] if location and location[-1] == "[key]" else location
    return path[:-1] if path[:-1] and isinstance(document.find(*path[:-1]), Scalar) else path


def _leave_out(data: Any, path: Path) -> None:
    for step in path[:-1]:
        if not isinstance(data, dict | list):
            return
        try:
            data = data[step]  # type: ignore[index]  # a step fits its container, or it is gone already
        except (KeyError, IndexError):
            return
    if isinstance(data, dict):
        data.pop(path[-1], None)
    elif isinstance(data, list) and isinstance(path[-1], int) and path[-1] < len(data):
        del data[path[-1]]
