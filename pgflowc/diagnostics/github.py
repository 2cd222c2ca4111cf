"""Diagnostics as GitHub's workflow commands, which annotate the lines of a pull request.

GitHub shows ten annotations of each kind in a step, so errors come before warnings.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgflowc.diagnostics.model import Diagnostic, Severity
from pgflowc_language.words import visible


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """One `::error` or `::warning` line for each finding; "" when there are none."""
    ordered = sorted(diagnostics, key=lambda found: found.severity is not Severity.ERROR)
    return "".join(f"{_command(found)}\n" for found in ordered)


def annotation(title: str, text: str) -> str:
    """The line of an error that has no place."""
    return f"::error title={_property(visible(title))}::{_data(visible(text))}\n"


def _command(found: Diagnostic) -> str:
    properties = {"title": f"{found.code.id}: {found.code.title}"}
    message = [visible(found.message)]
    if found.span:
        start, end = found.span.start, found.span.end
        properties = {"file": found.span.path, "line": str(start.line), **properties}
        if end.line == start.line:
            # GitHub ignores columns of a stretch over several lines; its end column is the last one marked.
            columns = {"col": str(start.column), "endColumn": str(max(end.column - 1, start.column))}
            properties = {**properties, **columns}
        else:
            properties["endLine"] = str(end.line)
    for label in found.labels:
        place = f"{label.span.path}:{label.span.start.line}:{label.span.start.column}"
        message.append(f"{visible(place)}: {visible(label.text)}")
    message.extend(f"help: {visible(text)}" for text in found.help)
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    data = _data("\n".join(message))
    return f"::{found.severity} {listed}::{data}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
