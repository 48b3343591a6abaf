"""What leaves through the library arrives as it was meant, and what fails says why without quoting anything."""

import json
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email import message_from_string, policy
from time import monotonic

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.telegram import NotifyTelegram

from jarvis.notify import channels
from jarvis.notify.senders import MailServer, Senders
from jarvis.notify.webhook import DeliveryFailed
from jarvis.notify.words import Message, Told, message_of
from jarvis.trading.events import Severity
from tests.notify.sinks import MailSink, WebSink, mail_sink, web_sink
from tests.store.samples import NOON

TOKEN = "123456789:AAFzq3Wl9nXk2sQ7vY0bTgHhJ5uMcPdRe1o"
DISCORD_TOKEN = "w8Kd2" * 14
CHAT = channels.telegram(TOKEN, "-1001234567890")
ROOM = channels.discord(f"https://discord.com/api/webhooks/123456789012345678/{DISCORD_TOKEN}")
BOX = channels.email("ada@example.net")
TOLD = Told(
    7, NOON, "margin_call", Severity.CRITICAL, "BTC/USD: 0.1 BTC, margin level 82 % <b>&amp; *falling*", "Kraken",
    "BTC/USD", "https://jarvis.example.org/desk/a1",
)  # fmt: skip
MESSAGE = message_of(TOLD)


class Post:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, object]]] = []

    async def send(self, url: str, content: Mapping[str, object]) -> None:
        self.sent.append((url, content))


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSink]:
    """Telegram and Discord, as far as the library is told for a test where they are."""
    with web_sink() as sink:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{sink.url}/bot")
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{sink.url}/api/webhooks")
        yield sink


@pytest.fixture
def senders(mail: MailSink) -> Iterator[Senders]:
    made = Senders(Post(), server_of(mail))
    yield made
    made.close()


def server_of(mail: MailSink, user: str = "", password: str = "") -> MailServer:
    return MailServer("127.0.0.1", mail.port, "none", "jarvis@example.org", user, password)


async def failure(senders: Senders, receiver: channels.Receiver) -> str:
    with pytest.raises(DeliveryFailed) as failed:
        await senders.send(receiver, MESSAGE)
    return str(failed.value)


# --- e-mail -----------------------------------------------------------------------------------------------------------


async def test_a_letter_arrives_with_its_title_text_and_sender(senders: Senders, mail: MailSink) -> None:
    await senders.send(BOX, MESSAGE)

    (raw,) = mail.letters
    letter = message_from_string(raw, policy=policy.default)
    assert letter["to"] == "ada@example.net"
    assert letter["from"] == "Jarvis <jarvis@example.org>"
    assert letter["subject"] == "Alarm: Liquidation is near (Kraken · BTC/USD)"
    assert letter.get_content_type() == "text/plain"
    text = str(letter.get_content())
    assert TOLD.text in text
    assert "https://jarvis.example.org/desk/a1" in text
    assert "AUTH" not in " ".join(mail.said)


async def test_user_and_password_arrive_as_they_are_whatever_is_in_them(mail: MailSink) -> None:
    import base64

    user, password = "us%40er:/@x", "p%25w ?#&"
    made = Senders(Post(), server_of(mail, user, password))
    await made.send(BOX, MESSAGE)
    made.close()

    (said,) = [each for each in mail.said if each.startswith("AUTH PLAIN")]
    assert base64.b64decode(said.rpartition(" ")[2]).decode() == f"\0{user}\0{password}"


@pytest.mark.parametrize(
    ("word", "answer", "reason"),
    [
        ("AUTH", "535 no", "The mail server does not accept this installation's user and password."),
        ("DATA", "451 later", "The mail server answered 451."),
        (".", "554 spam", "The mail server refuses this address (554)."),
    ],
)
async def test_what_a_mail_server_refuses_is_said_in_our_words(
    mail: MailSink, word: str, answer: str, reason: str
) -> None:
    mail.answers[word] = answer
    made = Senders(Post(), server_of(mail, "user", "password-canary"))

    said = await failure(made, BOX)
    made.close()

    assert said == reason


async def test_an_unreachable_mail_server_is_a_failure(mail: MailSink) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made = Senders(Post(), replace(server_of(mail), port=port))

    assert "cannot be reached" in await failure(made, BOX)
    made.close()


async def test_a_silent_mail_server_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = Senders(Post(), MailServer("127.0.0.1", silent.getsockname()[1], "none", "j@example.org"), seconds=0.5)
        began = monotonic()

        assert "No answer within" in await failure(made, BOX)
        assert monotonic() - began < 3
        made.close()


async def test_starttls_is_insisted_on(mail: MailSink) -> None:
    made = Senders(Post(), replace(server_of(mail), security="starttls"))

    assert "cannot be reached, or its certificate" in await failure(made, BOX)
    assert mail.letters == []
    made.close()


async def test_without_a_mail_server_no_letter_leaves() -> None:
    made = Senders(Post())

    assert "no mail server" in await failure(made, BOX)
    made.close()


# --- Telegram and Discord ---------------------------------------------------------------------------------------------


async def test_telegram_gets_the_text_as_it_is(senders: Senders, web: WebSink) -> None:
    await senders.send(CHAT, MESSAGE)

    ((path, body),) = web.posts
    assert path == f"/bot{TOKEN}/sendMessage"
    told = json.loads(body)
    assert str(told["chat_id"]) == "-1001234567890"
    assert "Liquidation is near" in told["text"]
    assert "margin level 82 %" in told["text"]


async def test_discord_gets_title_and_text(senders: Senders, web: WebSink) -> None:
    web.status = 204
    web.body = ""
    await senders.send(ROOM, MESSAGE)

    ((path, body),) = web.posts
    assert path.partition("?")[0] == f"/api/webhooks/123456789012345678/{DISCORD_TOKEN}"
    assert "Liquidation is near" in body
    assert "margin level 82 %" in body


@pytest.mark.parametrize(
    ("receiver", "status", "reason"),
    [
        (CHAT, 400, "does not know this chat"),
        (CHAT, 401, "does not accept the bot's token"),
        (CHAT, 403, "may not write to this chat"),
        (CHAT, 429, "asks to wait"),
        (CHAT, 500, "Telegram answered 500."),
        (ROOM, 404, "does not know this webhook any more"),
        (ROOM, 500, "Discord answered 500."),
    ],
    ids=lambda value: getattr(value, "kind", str(value)),
)
async def test_what_a_service_refuses_is_said_in_our_words(
    senders: Senders, web: WebSink, receiver: channels.Receiver, status: int, reason: str
) -> None:
    web.status, web.body = status, json.dumps({"ok": False, "description": "canary-of-the-service"})

    said = await failure(senders, receiver)

    assert reason in said
    assert "canary" not in said


async def test_a_redirect_is_not_followed(senders: Senders, web: WebSink) -> None:
    with web_sink() as elsewhere:
        web.status, web.location = 302, f"{elsewhere.url}/stolen"
        for receiver in (CHAT, ROOM):
            await failure(senders, receiver)

        assert elsewhere.posts == []
    assert len(web.posts) == 2


async def test_the_librarys_log_with_its_tokens_goes_nowhere(
    senders: Senders, web: WebSink, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    web.status = 500
    for receiver in (CHAT, ROOM):
        await failure(senders, receiver)

    shown = caplog.text + "".join(capfd.readouterr())
    assert TOKEN not in shown
    assert DISCORD_TOKEN not in shown


async def test_reasons_of_two_deliveries_at_once_are_not_mixed_up(mail: MailSink, web: WebSink) -> None:
    import asyncio

    mail.answers["DATA"] = "451 later"
    web.status = 403
    made = Senders(Post(), server_of(mail))
    said = await asyncio.gather(*(failure(made, each) for each in (BOX, CHAT) * 4))
    made.close()

    assert said[::2] == ["The mail server answered 451."] * 4
    assert all("may not write to this chat" in each for each in said[1::2])


# --- webhooks ---------------------------------------------------------------------------------------------------------


async def test_a_typed_address_goes_to_our_own_client_and_never_to_the_library() -> None:
    post = Post()
    made = Senders(post)
    await made.send(channels.webhook("https://hooks.example.org/x"), MESSAGE)
    made.close()

    ((url, content),) = post.sent
    assert url == "https://hooks.example.org/x"
    assert content == {
        "from": "jarvis", "notice": 7, "at": NOON.isoformat(), "kind": "margin_call", "severity": "critical",
        "text": TOLD.text, "account": "Kraken", "pair": "BTC/USD", "page": "https://jarvis.example.org/desk/a1",
    }  # fmt: skip


async def test_an_unknown_kind_of_receiver_is_a_failure() -> None:
    made = Senders(Post())
    assert "does not know" in await failure(made, channels.Receiver("pigeon", "", ""))
    made.close()


def test_no_password_is_shown() -> None:
    assert "canary" not in repr(MailServer("h", 1, "tls", "a@b.c", "u", "canary"))
    assert TOKEN not in repr(CHAT)
    assert Message("t", "x") == Message("t", "x", ())
