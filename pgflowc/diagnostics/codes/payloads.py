"""320-329: values that a spec writes down, and that are none of their payload type."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

_FLOW = "flow: report\ninput: {kind: str, days: int}\nsteps: {build: {}}"

CRON_INPUT = Code(
    "PGF320",
    Severity.ERROR,
    "the input of `cron` does not fit the flow's input",
    cause="Every run that the schedule starts would fail: what `cron` passes is no value of the type that "
    "`input` declares. Without `input` a schedule passes an empty object.",
    example=f"{_FLOW}\ncron: {{schedule: '@daily', input: {{kind: daily}}}}",
    cure="Pass what the flow needs, or make fields optional: `days: int | null`.",
    cured=f"{_FLOW}\ncron: {{schedule: '@daily', input: {{kind: daily, days: 1}}}}",
)
