"""5xx: numbers that PostgreSQL or the queue cannot hold, and delays that say something strange."""

from __future__ import annotations

from pgflowc.diagnostics.model import Code, Severity

OUT_OF_RANGE = Code(
    "PGF501",
    Severity.ERROR,
    "a number is out of range",
    cause="Options are stored as PostgreSQL integers. Timeouts are at least 1 second, other options at "
    "least 0.",
    example="flow: orders\ntimeout: 0\nsteps: {charge: {}}",
    cure="Write a number in the range that the message names.",
    cured="flow: orders\ntimeout: 1\nsteps: {charge: {}}",
)
QUEUE_NAME_TOO_LONG = Code(
    "PGF502",
    Severity.ERROR,
    "a flow's slug is too long for the name of its queue",
    cause="Each flow has a pgmq queue of the same name, and pgmq allows 47 characters.",
    example="flow: recalculate_the_reading_statistics_of_every_article\nsteps: {go: {}}",
    cure="Choose a flow slug of at most 47 characters. Step slugs may have 128.",
    cured="flow: recalculate_reading_statistics\nsteps: {go: {}}",
)
RETRY_DELAY_OVERFLOW = Code(
    "PGF503",
    Severity.ERROR,
    "the delay before the last retry overflows",
    cause="The delay doubles with every attempt, base_delay * 2^attempts seconds; beyond 2147483647 seconds "
    "PostgreSQL "
    "raises an error instead of retrying.",
    example="flow: orders\nmax_attempts: 40\nsteps: {charge: {}}",
    cure="Use fewer attempts or a smaller base_delay. With base_delay 0 retries are immediate.",
    cured="flow: orders\nmax_attempts: 10\nsteps: {charge: {}}",
)
LONG_RETRIES = Code(
    "PGF504",
    Severity.WARNING,
    "retries that take more than a day",
    cause="The delay doubles with every attempt, base_delay * 2^attempts seconds, so the last attempts are "
    "far apart, and a task that keeps failing holds its run up until then.",
    example="flow: orders\nmax_attempts: 18\nsteps: {charge: {}}",
    cure="Use fewer attempts or a smaller base_delay; or ignore the warning, if days are meant.",
    cured="flow: orders\nmax_attempts: 10\nsteps: {charge: {}}",
)
LONG_START_DELAY = Code(
    "PGF505",
    Severity.WARNING,
    "a step waits longer than its timeout",
    cause="`start_delay` and `timeout` of the same step look as if the wait was a part of the time allowed. "
    "It is not: the timeout counts for each attempt, from its start, when the wait is over. Nothing fails "
    "because of it; the step just takes longer than who wrote these numbers may have meant.",
    example="flow: orders\nsteps:\n  charge: {start_delay: 60, timeout: 30}",
    cure="If that is meant, ignore the warning, or set the timeout for the whole flow; else correct "
    "one of them.",
    cured="flow: orders\ntimeout: 30\nsteps:\n  charge: {start_delay: 60}",
)
NO_RETRIES = Code(
    "PGF506",
    Severity.WARNING,
    "`base_delay` without retries",
    cause="`base_delay` is the wait before a retry, and with `max_attempts: 1`, which is the default, there "
    "is none.",
    example="flow: orders\nbase_delay: 5\nsteps: {charge: {}}",
    cure="Add `max_attempts`, or remove `base_delay`.",
    cured="flow: orders\nbase_delay: 5\nmax_attempts: 3\nsteps: {charge: {}}",
)
CROWDED_SCHEDULE = Code(
    "PGF507",
    Severity.WARNING,
    "a schedule comes again before its run must be over",
    cause="The timeouts of the steps, one after the other, allow a run more time than there is between two "
    "times of the schedule. Runs then go on side by side, and if that happens all the time, more and more "
    "of them. Waits for signals do not count: nobody works meanwhile.",
    example='flow: sync\ncron: "*/5 * * * *"\nsteps: {fetch: {timeout: 10m}}',
    cure="Say `overlap: skip`, and a time is left out while the run before goes on. Or use shorter timeouts, "
    "or a schedule that comes less often. If runs may go on side by side, ignore the warning.",
    cured='flow: sync\ncron: {schedule: "*/5 * * * *", overlap: skip}\nsteps: {fetch: {timeout: 10m}}',
)
ENDLESS_WAIT = Code(
    "PGF508",
    Severity.WARNING,
    "`on_timeout` without `wait_for`",
    cause="An approval without `wait_for` waits until its signal comes, however long that takes, so there is "
    "no timeout.",
    example="flow: orders\nsteps:\n  approve: {approval: {on_timeout: skip}}",
    cure="Add `wait_for`, or remove `on_timeout`.",
    cured="flow: orders\nsteps:\n  approve: {approval: {wait_for: 2d, on_timeout: skip}}",
)
