"""Diagnostics as SARIF 2.1.0, which GitHub, GitLab, Azure DevOps and editors read.

A finding without a place is about the invocation (a file that is missing, a broken setup), and is written
as a notification of the tool, which is where SARIF wants it: a result belongs to a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pgflowc.diagnostics.model import Code, Diagnostic, Severity, Span

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(diagnostics: Sequence[Diagnostic], *, tool_version: str) -> str:
    """One run with all findings, errors first."""
    ordered = sorted(diagnostics, key=lambda found: found.severity is not Severity.ERROR)
    codes = sorted({found.code.id: found.code for found in ordered}.values(), key=lambda code: code.id)
    index = {code.id: position for position, code in enumerate(codes)}
    placeless = [found for found in ordered if found.span is None]
    invocation: dict[str, Any] = {
        "executionSuccessful": not any(found.severity is Severity.ERROR for found in placeless)
    }
    if placeless:
        invocation["toolExecutionNotifications"] = [_notification(found, index) for found in placeless]
    run = {
        "tool": {
            "driver": {"name": "pgflowc", "version": tool_version, "rules": [_rule(code) for code in codes]}
        },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": [_result(found, index) for found in ordered if found.span],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.id,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.cause},
        "help": {"text": f"{code.cause}\n\nCure: {code.cure}"},
        "defaultConfiguration": {"level": code.severity.value},
    }


def _notification(found: Diagnostic, index: dict[str, int]) -> dict[str, Any]:
    descriptor = {"id": found.code.id, "index": index[found.code.id]}
    return {"associatedRule": descriptor, "level": found.severity.value, "message": _message(found)}


def _result(found: Diagnostic, index: dict[str, int]) -> dict[str, Any]:
    assert found.span is not None
    result: dict[str, Any] = {
        "ruleId": found.code.id,
        "ruleIndex": index[found.code.id],
        "level": found.severity.value,
        "message": _message(found),
        "locations": [_location(found.span)],
    }
    if found.labels:
        result["relatedLocations"] = [
            {"id": number, **_location(label.span), "message": {"text": label.text}}
            for number, label in enumerate(found.labels, 1)
        ]
    if found.fix:
        result["fixes"] = [_fix(found)]
    return result


def _message(found: Diagnostic) -> dict[str, str]:
    return {"text": "\n".join([found.message, *(f"help: {text}" for text in found.help)])}


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(span.path)}, "region": _region(span)}}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.line,
        "startColumn": span.start.column,
        "endLine": span.end.line,
        "endColumn": span.end.column,
    }


def _fix(found: Diagnostic) -> dict[str, Any]:
    assert found.fix is not None
    by_path: dict[str, list[dict[str, Any]]] = {}
    for edit in found.fix.edits:
        replaced = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
        by_path.setdefault(edit.span.path, []).append(replaced)
    return {
        "description": {"text": found.help[0] if found.help else found.code.cure},
        "artifactChanges": [
            {"artifactLocation": {"uri": _uri(path)}, "replacements": replacements}
            for path, replacements in by_path.items()
        ],
    }


def _uri(path: str) -> str:
    """A path as a relative URI; an absolute path as a file URI."""
    escaped = quote(path, errors="surrogateescape")
    return f"file://{escaped}" if path.startswith("/") else escaped
