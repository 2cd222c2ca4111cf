"""The job that delivers a mail."""

from __future__ import annotations

from shop._generated.send_email import SendEmail, SendEmailInput

MAIL = SendEmailInput(to="joan@shop.example", subject="Grüße", body="Der Tee ist da. 茶\n")


def test_mail_waits_for_a_server_that_is_down(run_flow, drain, mail_server) -> None:
    waiting = run_flow(SendEmail, MAIL, within=1)
    assert waiting.status == "started"
    assert "ConnectionRefusedError" in waiting.step("send_email").error
    mail_server.start()
    result = drain(waiting.run_id)

    [mail] = mail_server.received()
    assert mail.get_payload(decode=True).decode() == MAIL.body
    assert result.attempts == {"send_email": 2}
    assert result.outputs["send_email"] == {"message_id": mail["Message-ID"], "server": mail_server.address}
