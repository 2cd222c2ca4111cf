"""What pydantic finds wrong with the values of a definition, in the words of the compiler.

The compiler checks texts and points at lines, this checks data and points at keys (`pgflowc.spec.fault`).
Neither can use the other, so a test holds them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pgflowc_language import durations
from pgflowc_language.slugs import MAX_FLOW_LENGTH, way_out
from pgflowc_language.values import CHOICES, EXPECTED, EXPECTED_AT, subject
from pgflowc_language.words import did_you_mean, one_of, quote, visible
from pgflowc_runtime.definitions.fault import Fault, Path
from pgflowc_runtime.definitions.keys import unknown_key
from pgflowc_runtime.definitions.words import got

_SHORT_FORMS = ("cron", "retention", "extra_fields")


def faults_of_values(error: ValidationError, data: Mapping[str, Any]) -> Iterator[Fault]:
    """One fault for each value or key that pydantic refused."""
    told: set[tuple[Path, str]] = set()
    for problem in error.errors(include_url=False, include_input=False):
        path = path_of(problem["loc"], data)
        # Of a short form both halves are at fault.
        if (path, problem["type"]) not in told:
            told.add((path, problem["type"]))
            yield _fault(problem, path, data)


def missing(path: Path, data: Mapping[str, Any], *, is_flow: bool) -> Fault:
    """A key that must be there is not."""
    if path[0] == "cron":
        return Fault("PGF105", "'cron' has no 'schedule'", ("cron",), "add it, such as '0 9 * * *'")
    head, key = ("flow", "steps") if is_flow else ("job", "perform")
    named = f" {quote(data[head])}" if isinstance(data[head], str) else ""
    help = "give at least one step" if is_flow else "give 'perform'; it may be empty"
    return Fault("PGF105", f"{head}{named} has no '{key}'", (head,), help)


def path_of(location: Path, data: Mapping[str, Any]) -> Path:
    """A fault of a key is one of its entry, and one in a short form one of the whole."""
    path = location[:-1] if location and location[-1] == "[key]" else location
    if len(path) == 2 and path[0] in _SHORT_FORMS and not isinstance(data.get(str(path[0])), Mapping):
        return path[:1]
    return path


def _fault(problem: ErrorDetails, path: Path, data: Mapping[str, Any]) -> Fault:
    kind, context = problem["type"], problem.get("ctx", {})
    value, name = _at(data, path), subject(path)
    is_flow = "flow" in data
    match kind:
        case "extra_forbidden":
            return unknown_key(path, is_flow=is_flow)
        case "missing":
            return missing(path, data, is_flow=is_flow)
        case "slug":
            return _bad_slug(path, value, context["rule"])
        case "queue_name":
            text = f"this slug has {context['length']} characters, and queue names allow {MAX_FLOW_LENGTH}"
            return Fault("PGF502", text, path, "choose a shorter slug")
        case "out_of_range":
            return Fault("PGF501", f"{name} must be {context['bound']}, got {got(value)}", path)
        case "duration":
            meant = durations.meant(value)
            help = f"give {meant if meant.isdecimal() else repr(meant)}" if meant else durations.FORMS
            return Fault("PGF108", f"{name}: expected a duration, got {got(value)}", path, help)
        case "schedule":
            text = f"{got(value).removeprefix('the text ')} is no schedule: {visible(context['reason'])}"
            return Fault("PGF114", text, path, context["help"])
        case "timezone":
            return Fault("PGF115", f"there is no time zone {quote(value)}", path, context["help"])
        case "empty_retention":
            help = "say how long runs are kept: {'completed': '7d', 'failed': '30d'}"
            return Fault("PGF105", "'retention' has neither 'completed' nor 'failed'", path, help)
        case "literal_error":
            choices = CHOICES[str(path[-1])]
            text = f"{name} must be {one_of(choices)}, got {got(value)}"
            return Fault("PGF109", text, path, did_you_mean(value, choices) if isinstance(value, str) else "")
    if path[-1:] == ("map",) and isinstance(value, list):
        return _map_list(path, value)
    expected = EXPECTED_AT.get(path) or EXPECTED.get(kind, "another kind of value")
    return Fault("PGF104", f"{name}: expected {expected}, got {got(value)}", path)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _bad_slug(path: Path, value: Any, rule: str) -> Fault:
    is_key = path[0] == "steps" and len(path) == 2
    slug = str(path[-1]) if is_key else str(value)
    what = "step" if is_key or path[-1] == "step" else str(path[-1])
    return Fault("PGF106", f"{what} slug {quote(slug)} {rule}", path, way_out(slug))


def _map_list(path: Path, value: list[Any]) -> Fault:
    if len(value) == 1:
        return Fault("PGF104", "'map': expected one slug, got a list", path, f"give {value[0]!r}")
    help = "let one step combine the lists into its output, and map over that step"
    return Fault("PGF204", f"a map step has one source, not {len(value)}", path, help)
