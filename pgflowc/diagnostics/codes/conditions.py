"""4xx: conditions (`if`, `if_not`) and what follows from them."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

NOT_A_DEPENDENCY = Code(
    "PGF401",
    Severity.ERROR,
    "a condition looks at something that is not a dependency",
    cause="The condition of a dependent step is compared with an object that has one key for each "
    "dependency of the step, "
    "and nothing else.",
    example="flow: orders\nsteps:\n  a: {}\n  b: {}\n  c: {depends_on: [b], if: {a: {ok: true}}}",
    cure="Add the step to `depends_on`, or look at one that is there.",
    cured="flow: orders\nsteps:\n  a: {}\n  b: {}\n  c: {depends_on: [a, b], if: {a: {ok: true}}}",
)
UNKNOWN_FIELD = Code(
    "PGF402",
    Severity.ERROR,
    "a condition looks at a field that does not exist",
    cause="The declared type has no such field, so `if` could never be met, and `if_not` always would.",
    example="flow: orders\ninput: {amount: int}\nsteps:\n  charge: {if: {amuont: 0}}",
    cure="Correct the field's name, or declare it.",
    cured="flow: orders\ninput: {amount: int}\nsteps:\n  charge: {if: {amount: 0}}",
)
IMPOSSIBLE_VALUE = Code(
    "PGF403",
    Severity.ERROR,
    "a condition expects a value that the declared type does not have",
    cause="The condition compares with a value of another kind than the declared type, so it could never "
    "match.",
    example="flow: orders\ninput: {amount: int}\nsteps:\n  charge: {if: {amount: '0'}}",
    cure="Write a value of the declared type; numbers in quotes are texts.",
    cured="flow: orders\ninput: {amount: int}\nsteps:\n  charge: {if: {amount: 0}}",
)
ROOT_MAP = Code(
    "PGF404",
    Severity.ERROR,
    "a condition on a root map step",
    cause="The condition of a root step is compared with the run's input. That of a root map step is an "
    "array, and no array "
    "contains an object.",
    example="flow: orders\ninput: [int]\nsteps:\n  load: {map: $input, if: {urgent: true}}",
    cure="Let a single step decide first and map over its output, or decide in the handler.",
    cured="flow: orders\ninput: {ids: [int], urgent: bool}\nsteps:\n"
    "  list: {if: {urgent: true}, when_unmet: skip-cascade, output: [int]}\n"
    "  load: {map: list}",
)
NO_CONDITION = Code(
    "PGF405",
    Severity.WARNING,
    "`when_unmet` without a condition",
    cause="Without `if` or `if_not` there is no condition that could be unmet.",
    example="flow: orders\nsteps:\n  charge: {when_unmet: fail}",
    cure="Add `if` or `if_not`, or remove `when_unmet`.",
    cured="flow: orders\nsteps:\n  charge: {if: {paid: false}, when_unmet: fail}",
)
DECIMAL_NUMBER = Code(
    "PGF406",
    Severity.WARNING,
    "a condition compares a decimal with a number",
    cause="Decimals are stored in JSON as texts, so that nothing is rounded, and no text contains a number. "
    "Only a payload that something else than pgflowc wrote can hold a number there.",
    example="flow: orders\nsteps:\n  charge: {output: {amount: decimal}}\n"
    "  gift: {depends_on: [charge], if: {charge: {amount: 0}}}",
    cure='Compare with the text that is stored, digit for digit ("0" is not "0.00"), or with a bool or an '
    "int that the step before returns.",
    cured="flow: orders\nsteps:\n  charge: {output: {amount: decimal, free: bool}}\n"
    "  gift: {depends_on: [charge], if: {charge: {free: true}}}",
)
EXCLUDES_ITSELF = Code(
    "PGF407",
    Severity.ERROR,
    "a condition that can never be met",
    cause="`if_not` forbids something that `if` asks for, or something that is always there, as the empty "
    "pattern is.",
    example="flow: orders\nsteps:\n  charge: {if: {paid: true}, if_not: {paid: true}}",
    cure="Correct one of the two.",
    cured="flow: orders\nsteps:\n  charge: {if: {paid: true}, if_not: {gift: true}}",
)
UNREACHABLE = Code(
    "PGF408",
    Severity.WARNING,
    "a step that can never run",
    cause="Before the step come others that, when their condition is not met, skip all that follows or fail "
    "the run. So it would need all those conditions to be met at once, and two of them want different values "
    "in the same place.",
    example="flow: orders\nsteps:\n  card: {if: {by: card}, when_unmet: skip-cascade}\n"
    "  bank: {if: {by: bank}, when_unmet: skip-cascade}\n  confirm: {depends_on: [card, bank]}",
    cure="Let the steps before it be skipped alone (`when_unmet: skip`, the default), or correct a "
    "condition.",
    cured="flow: orders\nsteps:\n  card: {if: {by: card}}\n  bank: {if: {by: bank}}\n"
    "  confirm: {depends_on: [card, bank]}",
)
