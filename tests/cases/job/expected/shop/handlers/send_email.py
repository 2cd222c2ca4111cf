"""Handler of job `send_email`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop._generated.send_email import SendEmailInput, SendEmailOutput


async def perform(
    input: SendEmailInput,
    ctx: Context[SendEmailInput],
) -> SendEmailOutput:
    """Deliver one message over SMTP."""
    raise NotImplementedError("write job 'send_email'")
