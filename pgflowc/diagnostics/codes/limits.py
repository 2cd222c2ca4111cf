"""5xx: numbers that PostgreSQL or the queue cannot hold, and delays that would overflow."""

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
)
QUEUE_NAME_TOO_LONG = Code(
    "PGF502",
    Severity.ERROR,
    "a flow's slug is too long for the name of its queue",
    cause="Each flow has a pgmq queue of the same name, and pgmq allows 47 characters.",
    example="flow: recalculate_the_reading_statistics_of_every_article\nsteps: {go: {}}",
    cure="Choose a flow slug of at most 47 characters. Step slugs may have 128.",
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
)
