"""Faults of `# pgflowc: ignore[...]` comments: 020-029. All are warnings, and none can be ignored itself."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

_FLOW = "flow: orders\nsteps:\n  charge: {when_unmet: fail}"

MALFORMED = Code(
    "PGF020",
    Severity.WARNING,
    "an ignore comment that cannot be read",
    cause="A comment that begins with `pgflowc:` names the codes to ignore in brackets, and then the reason.",
    example="flow: orders\nsteps:\n  charge: {}  # pgflowc: ignore everything",
    cure="Write: # pgflowc: ignore[PGF405] the reason. Several codes are separated by commas.",
    cured=f"{_FLOW}  # pgflowc: ignore[PGF405] the condition comes with the next release",
)
UNKNOWN_CODE = Code(
    "PGF021",
    Severity.WARNING,
    "an ignore comment names a code that does not exist",
    cause="The comment ignores nothing, because no finding has this code.",
    example="flow: orders\nsteps:\n  charge: {}  # pgflowc: ignore[PGF999] legacy",
    cure="Use the code that the finding shows in brackets, or remove the comment.",
    cured="flow: orders\nsteps:\n  charge: {}",
)
UNUSED = Code(
    "PGF022",
    Severity.WARNING,
    "an ignore comment that ignores nothing",
    cause="The line that the comment is about has no finding with this code: perhaps not any more, or the "
    "comment stands at another line. It is about the line it ends, or, on a line of its own, about the "
    "next line that holds more than a comment.",
    example="flow: orders\nsteps:\n  charge: {}  # pgflowc: ignore[PGF405] it will get a condition",
    cure="Remove the comment (`pgflowc validate --fix` does), or move it to the line of the finding.",
    cured="flow: orders\nsteps:\n  charge: {}",
)
NOT_IGNORABLE = Code(
    "PGF023",
    Severity.WARNING,
    "an error cannot be ignored",
    cause="Errors stop the compiler because it cannot know what was meant, or because the flow would fail "
    "when it runs. Only warnings can be ignored.",
    example="flow: orders\nsteps:\n  charge: {}  # pgflowc: ignore[PGF201] later",
    cure="Remove the comment, and correct the error.",
    cured="flow: orders\nsteps:\n  charge: {}",
)
NO_REASON = Code(
    "PGF024",
    Severity.WARNING,
    "an ignore comment without a reason",
    cause="Whoever reads the spec next has to know why the warning does not matter here.",
    example=f"{_FLOW}  # pgflowc: ignore[PGF405]",
    cure="Write the reason after the bracket.",
    cured=f"{_FLOW}  # pgflowc: ignore[PGF405] the condition comes with the next release",
)
