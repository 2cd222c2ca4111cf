"""Delivery over SMTP."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.utils import localtime
from uuid import UUID

from shop import settings


def compose(to: str, subject: str, body: str, run_id: UUID) -> EmailMessage:
    """A text mail. Its Message-ID comes from the run, so that a mail server can tell a repeated delivery."""
    message = EmailMessage()
    message["From"] = settings.MAIL_FROM
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = localtime()
    message["Message-ID"] = f"<{run_id}@shop.example>"
    message.set_content(body)
    return message


def deliver(message: EmailMessage) -> str:
    """Hand the mail to the server and return its address; any exception means: not delivered."""
    host, port = settings.smtp_server()
    with smtplib.SMTP(host, port, timeout=10) as server:
        server.send_message(message)
    return f"{host}:{port}"
