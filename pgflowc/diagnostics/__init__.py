"""What the compiler has to say about the user's text: data here, rendering in `text`, `json`, `sarif` and
`github`.

A user's mistake is a `Diagnostic`, never an exception; a `Report` collects all of them in one run.
"""

from pgflowc.diagnostics.model import (
    Code,
    Diagnostic,
    Edit,
    Fix,
    Label,
    Position,
    Severity,
    Span,
    replacement,
)
from pgflowc.diagnostics.report import Report

__all__ = [
    "Code",
    "Diagnostic",
    "Edit",
    "Fix",
    "Label",
    "Position",
    "Report",
    "Severity",
    "Span",
    "replacement",
]
