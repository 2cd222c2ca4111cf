"""What the compiler has to say about the user's text: data here, rendering in `text`.

A user's mistake is a `Diagnostic`, never an exception; a `Report` collects all of them in one run.
"""

from pgflowc.diagnostics.model import Code, Diagnostic, Label, Position, Severity, Span
from pgflowc.diagnostics.report import Report

__all__ = ["Code", "Diagnostic", "Label", "Position", "Report", "Severity", "Span"]
