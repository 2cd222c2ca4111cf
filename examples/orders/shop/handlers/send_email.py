"""Handlers of job `send_email`.

This file is yours: pgflowc only appends stubs for new steps.
"""

from pgflowc_runtime import Context

from shop import mail
from shop._generated.send_email import SendEmailInput, SendEmailOutput


def perform(input: SendEmailInput, ctx: Context[SendEmailInput]) -> SendEmailOutput:
    """Deliver one mail over SMTP.

    smtplib waits for the network, so this is a plain function: the worker runs it in a thread.
    """
    message = mail.compose(input.to, input.subject, input.body, ctx.run_id)
    return SendEmailOutput(message_id=message["Message-ID"], server=mail.deliver(message))
