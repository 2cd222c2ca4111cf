"""2xx: the steps do not form a flow: what depends on what, and what maps over what."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

UNKNOWN_DEPENDENCY = Code(
    "PGF201",
    Severity.ERROR,
    "a step depends on something that is not a step",
    cause="`depends_on` and `map` take slugs of steps of the same flow. Case counts.",
    example="flow: orders\nsteps:\n  validate: {}\n  charge: {depends_on: [validte]}",
    cure="Correct the slug, or add the missing step. For the run's input no dependency is needed.",
    cured="flow: orders\nsteps:\n  validate: {}\n  charge: {depends_on: [validate]}",
)
CYCLE = Code(
    "PGF202",
    Severity.ERROR,
    "steps depend on each other in a circle",
    cause="None of the steps in the circle could ever start, because each waits for another one.",
    example="flow: orders\nsteps:\n  a: {depends_on: [b]}\n  b: {depends_on: [a]}",
    cure="Remove one of the dependencies shown, or move the shared part into a step of its own.",
    cured="flow: orders\nsteps:\n  a: {}\n  b: {depends_on: [a]}",
)
SELF_DEPENDENCY = Code(
    "PGF203",
    Severity.ERROR,
    "a step depends on itself",
    cause="A step that waits for its own output never starts.",
    example="flow: orders\nsteps:\n  charge: {depends_on: [charge]}",
    cure="Remove the dependency.",
    cured="flow: orders\nsteps:\n  charge: {}",
)
MAP_SOURCES = Code(
    "PGF204",
    Severity.ERROR,
    "a map step has more than one source",
    cause="A map step makes one task per element of exactly one array, and gets nothing but the element: it "
    "can have "
    "neither two sources nor other dependencies.",
    example="flow: orders\nsteps:\n  a: {}\n  b: {}\n  c: {map: a, depends_on: [b]}",
    cure="Let one step combine the arrays into its output, and map over that step.",
    cured="flow: orders\nsteps:\n  a: {}\n  b: {depends_on: [a]}\n  c: {map: b}",
)
MAP_OVER_NO_ARRAY = Code(
    "PGF205",
    Severity.ERROR,
    "a map step maps over an output that is not an array",
    cause="The core makes one task per element of the source's whole output. If that is declared as "
    "something else than an "
    "array, the run would fail.",
    example="flow: orders\nsteps:\n  list: {output: {items: [str]}}\n  load: {map: list}",
    cure="Declare the source's output as an array ([T]) and return the bare list from its handler.",
    cured="flow: orders\nsteps:\n  list: {output: [str]}\n  load: {map: list}",
)
MAP_OVER_INPUT = Code(
    "PGF206",
    Severity.ERROR,
    "a root map step, but the flow's input is not an array",
    cause="`map: $input` makes one task per element of the run's input, so the input must be an array.",
    example="flow: orders\ninput: {ids: [int]}\nsteps:\n  load: {map: $input}",
    cure="Declare the flow's input as an array ([T]), or begin with a step that returns the array and map "
    "over that step.",
    cured="flow: orders\ninput: [int]\nsteps:\n  load: {map: $input}",
)
MAP_OVER_PART = Code(
    "PGF207",
    Severity.ERROR,
    "a map step maps over a part of an output",
    cause="The core maps over whole outputs, not over a field of one.",
    example="flow: orders\nsteps:\n  fetch: {output: {items: [str]}}\n  load: {map: fetch.items}",
    cure="Add a step between that returns the array alone, and map over that step.",
    cured="flow: orders\nsteps:\n  fetch: {output: {items: [str]}}\n"
    "  items: {depends_on: [fetch], output: [str]}\n  load: {map: items}",
)
DUPLICATE_FLOW = Code(
    "PGF208",
    Severity.ERROR,
    "two flows or jobs have the same slug",
    cause="Slugs name flows in the database, so each can be used once in a project. Jobs are flows there, "
    "too.",
    example="flow: orders\nsteps: {a: {}}\n---\nflow: orders\nsteps: {b: {}}",
    cure="Rename one of the two.",
    cured="flow: orders\nsteps: {a: {}}\n---\nflow: returns\nsteps: {b: {}}",
)
REPEATED_DEPENDENCY = Code(
    "PGF209",
    Severity.WARNING,
    "a dependency is listed twice",
    cause="The second mention changes nothing. It may be a slip for another step.",
    example="flow: orders\nsteps:\n  a: {}\n  b: {depends_on: [a, a]}",
    cure="Remove it, or name the step that was meant.",
    cured="flow: orders\nsteps:\n  a: {}\n  b: {depends_on: [a]}",
)
SAME_QUEUE = Code(
    "PGF210",
    Severity.ERROR,
    "two slugs differ only in capital letters",
    cause="Queue tables are named in lower case, so two flows whose slugs differ only in case would share "
    "one queue.",
    example="flow: orders\nsteps: {a: {}}\n---\nflow: Orders\nsteps: {a: {}}",
    cure="Rename one of the two.",
    cured="flow: orders\nsteps: {a: {}}\n---\nflow: old_orders\nsteps: {a: {}}",
)
FORMER_SLUG = Code(
    "PGF211",
    Severity.ERROR,
    "a former slug that cannot be one",
    cause="`was` names the slug that a step had before it was renamed. That slug is free now: no "
    "step of the flow has it, and no other step had it.",
    example="flow: orders\nsteps:\n  charge: {}\n  bill: {was: charge}",
    cure="Remove `was`, or remove the step that still has the former slug.",
    cured="flow: orders\nsteps:\n  bill: {was: charge}",
)
