"""1xx: the text parses, but a key or a value is not one of the spec language."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

# PGF112 was: a part of the language that is not compiled yet.
NOT_A_MAPPING = Code(
    "PGF101",
    Severity.ERROR,
    "a document is not a flow or a job",
    cause="Every document describes one flow or one job, as keys and values.",
    example="- charge\n- confirm",
    cure="Begin with `flow: NAME` and `steps:`, or with `job: NAME` and `perform:`. Separate documents with "
    "`---`.",
    cured="flow: orders\nsteps: {charge: , confirm: {depends_on: [charge]}}",
)
NO_KIND = Code(
    "PGF102",
    Severity.ERROR,
    "a document has no `flow` or `job` key, or both",
    cause="The key says what is described and carries its slug.",
    example="name: orders\nsteps: {charge: {}}",
    cure="Write `flow: NAME` for steps that depend on each other, or `job: NAME` for one piece of work.",
    cured="flow: orders\nsteps: {charge: {}}",
)
UNKNOWN_KEY = Code(
    "PGF103",
    Severity.ERROR,
    "a key that the spec language does not have",
    cause="An option that is misspelt would silently do nothing, so unknown keys are refused.",
    example="flow: orders\nsteps:\n  charge: {time_out: 30}",
    cure="Use the key that the help line names, or remove it.",
    cured="flow: orders\nsteps:\n  charge: {timeout: 30}",
)
WRONG_TYPE = Code(
    "PGF104",
    Severity.ERROR,
    "a value is of the wrong type",
    cause="The key takes another kind of value: a text, an integer, a list, a mapping.",
    example="flow: orders\nmax_attempts: three\nsteps: {charge: {}}",
    cure="Write the value as the message says. Numbers in quotes are texts.",
    cured="flow: orders\nmax_attempts: 3\nsteps: {charge: {}}",
)
MISSING_KEY = Code(
    "PGF105",
    Severity.ERROR,
    "a required key is missing",
    cause="A flow needs `steps:` with at least one step, a job needs `perform:`.",
    example="flow: orders\ndescription: no steps yet",
    cure="Add the key. A body without any option may be left empty: `perform:`.",
    cured="flow: orders\ndescription: one step\nsteps: {charge: }",
)
BAD_SLUG = Code(
    "PGF106",
    Severity.ERROR,
    "a slug breaks the naming rule",
    cause="Slugs name rows, queues and handlers: 1 to 128 letters, digits and underscores (ASCII), not "
    "beginning with a "
    "digit, and not the word 'run'.",
    example="flow: process-order\nsteps: {charge: {}}",
    cure="Rename it, with underscores between words.",
    cured="flow: process_order\nsteps: {charge: {}}",
)
MISPLACED_KEY = Code(
    "PGF107",
    Severity.ERROR,
    "a key that belongs somewhere else",
    cause="Flows have `steps`, jobs have `perform`, and the one step of a job depends on nothing and maps "
    "nothing.",
    example="job: send_email\nsteps: {send: {}}",
    cure="Move the key to where it belongs, or turn the job into a flow.",
    cured="flow: send_email\nsteps: {send: {}}",
)
BAD_DURATION = Code(
    "PGF108",
    Severity.ERROR,
    "a value is not a duration",
    cause="Durations are whole seconds, or a whole number with one unit: s, m, h or d.",
    example="flow: orders\ntimeout: 1h30m\nsteps: {charge: {}}",
    cure="Write seconds (5400) or one unit ('90m').",
    cured="flow: orders\ntimeout: 90m\nsteps: {charge: {}}",
)
BAD_CHOICE = Code(
    "PGF109",
    Severity.ERROR,
    "a value is not one of the words that the key takes",
    cause="The key takes one of a few words.",
    example="flow: orders\nsteps:\n  charge: {when_exhausted: ignore}",
    cure="Use one of the words that the message lists.",
    cured="flow: orders\nsteps:\n  charge: {when_exhausted: skip}",
)
BAD_HANDLER = Code(
    "PGF110",
    Severity.ERROR,
    "a value is not a handler reference",
    cause="A handler is named by its module and its function, with a colon between: `shop.mail:confirm`.",
    example="flow: orders\nsteps:\n  confirm: {handler: shop.mail.confirm}",
    cure="Write module:function, or remove the key to get a handler stub.",
    cured='flow: orders\nsteps:\n  confirm: {handler: "shop.mail:confirm"}',
)
NO_STEPS = Code(
    "PGF111",
    Severity.ERROR,
    "a flow has no steps",
    cause="A flow without steps would never do anything.",
    example="flow: orders\nsteps: {}",
    cure="Add a step. A step needs a slug and nothing else: `steps: {charge: }`.",
    cured="flow: orders\nsteps: {charge: }",
)
NO_VALUE = Code(
    "PGF113",
    Severity.ERROR,
    "a key has no value",
    cause="Nothing, or null, stands after the colon. Only the bodies of steps, `perform`, "
    "`signal` and `approval` may be empty.",
    example="flow: orders\ntimeout:\nsteps: {charge: }",
    cure="Write the value, or remove the key to get the default.",
    cured="flow: orders\ntimeout: 30\nsteps: {charge: }",
)
BAD_SCHEDULE = Code(
    "PGF114",
    Severity.ERROR,
    "a value is no schedule",
    cause="A schedule has five fields: minute, hour, day of the month, month and day of the week. Or it "
    "is one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually. Seconds, years and "
    "@reboot are no part of it, and the time must come sooner or later.",
    example='flow: report\ncron: "0 25 * * *"\nsteps: {build: {}}',
    cure="Correct the field that the message names: 0 9 * * mon-fri is nine o'clock on working days.",
    cured='flow: report\ncron: "0 9 * * mon-fri"\nsteps: {build: {}}',
)
UNKNOWN_TIMEZONE = Code(
    "PGF115",
    Severity.ERROR,
    "a time zone that does not exist",
    cause="Time zones have the names of the IANA database: a region and a city, or UTC. Abbreviations such "
    "as PST or CEST stand for an offset, not for a place with summer time, and most are not in it.",
    example='flow: report\ncron: {schedule: "0 9 * * *", timezone: Europe/Berln}\nsteps: {build: {}}',
    cure="Use the name of a city in the same zone, such as Europe/Berlin or America/New_York.",
    cured='flow: report\ncron: {schedule: "0 9 * * *", timezone: Europe/Berlin}\nsteps: {build: {}}',
)
BAD_VERSION = Code(
    "PGF116",
    Severity.ERROR,
    "a version that cannot stand on one line",
    cause="`version` is a word for people. It is written into comments, so it is one line of 1 to 64 "
    "characters that can be printed.",
    example="flow: report\nversion: ''\nsteps: {build: {}}",
    cure="Write a number or a word, such as 2 or 2026-11; longer texts belong into the description.",
    cured="flow: report\nversion: 2026-11\nsteps: {build: {}}",
)
APPROVAL_WITH_HANDLER = Code(
    "PGF117",
    Severity.ERROR,
    "an approval that says something about a handler",
    cause="An approval is completed by a signal: no handler is called, nothing is tried again, and what the "
    "signal brings is the output. Options of handlers and of their tries would do nothing.",
    example="flow: orders\nsteps:\n  approve: {approval: {wait_for: 2d}, timeout: 2d}",
    cure="Remove the option. If the step has something to do, let its handler wait, with `signal` in place "
    "of `approval`.",
    cured="flow: orders\nsteps:\n  approve: {approval: {wait_for: 2d}}",
)
SIGNAL_IN_A_PROCESS = Code(
    "PGF118",
    Severity.ERROR,
    "a handler that waits for a signal in a process of its own",
    cause="`ctx.await_signal()` needs the worker, which puts the task aside until the signal comes. A "
    "handler with `isolation: process` runs in another process and cannot call it.",
    example="flow: orders\nsteps:\n  charge: {signal: {payload: bool}, isolation: process}",
    cure="Remove `isolation`, or let one step wait and the next one work in a process.",
    cured="flow: orders\nsteps:\n  paid: {approval: {payload: bool}}\n"
    "  charge: {depends_on: [paid], isolation: process}",
)
