"""The ways out: a mail server, Telegram, Discord, and addresses that people type.

The services are reached through apprise, built from typed fields: its hosts are constants of its own, an address that
somebody typed never gets there, and no redirect is followed. It says only whether it worked, and says why in a log
that quotes addresses with their tokens: that log is taken away, and of its lines nothing is kept but status numbers.

apprise blocks, so it works in a thread of a small pool and within a time limit. A thread that is given up on ends by
its own socket's limits; what it sends then may come a second time.
"""

import asyncio
import contextvars
import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol
from urllib.parse import quote

from jarvis.notify import channels
from jarvis.notify.webhook import DeliveryFailed
from jarvis.notify.words import Message, as_json

SECONDS = 20.0
AT_ONCE = 8
_CONNECT_SECONDS = 8
_FROM = "Jarvis"
_NUMBERS = re.compile(r"error=([1-5][0-9]{2})\b|\(([2-5][0-9]{2}), b")
_LONGEST_TITLE = 200

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class MailServer:
    """The installation's own mail server, and what it sends as."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)


class Post(Protocol):
    """Posts to addresses that people type (`webhook.GuardedPost`)."""

    async def send(self, url: str, content: Mapping[str, object]) -> None:
        """Deliver it. Raises AddressRefused or DeliveryFailed."""
        ...


class Senders:
    """Sends messages. Each kind of channel has one way; every failure is one sentence of our own."""

    def __init__(self, post: Post, mail: MailServer | None = None, *, seconds: float = SECONDS) -> None:
        self._post = post
        self._mail = mail
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sending")

    async def send(self, receiver: channels.Receiver, message: Message) -> None:
        """Deliver a message once. Raises DeliveryFailed or AddressRefused."""
        match receiver.kind:
            case channels.WEBHOOK:
                await self._post.send(receiver.secret, as_json(message))
            case channels.EMAIL:
                if self._mail is None:
                    raise DeliveryFailed("This installation has no mail server (JARVIS_SMTP_HOST).")
                await self._through_apprise(_mail_service(self._mail, receiver.shown), message, _of_mail)
            case channels.TELEGRAM:
                chat = channels.telegram_chat(receiver.secret)
                service = {"schema": "tgram", "bot_token": chat.token, "targets": [chat.chat], "detect_owner": False}
                await self._through_apprise(service, message, _of_telegram)
            case channels.DISCORD:
                webhook = channels.discord_webhook(receiver.secret)
                service = {
                    "schema": "discord", "webhook_id": webhook.number, "webhook_token": webhook.token, "avatar": False,
                }  # fmt: skip
                await self._through_apprise(service, message, _of_discord)
            case _:
                raise DeliveryFailed("Jarvis does not know this kind of receiver.")

    def close(self) -> None:
        """Begin nothing more; what runs in threads ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _through_apprise(
        self, service: dict[str, Any], message: Message, reason: Callable[[list[int]], str]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                done, numbers = await loop.run_in_executor(self._threads, partial(_notify, service, message))
        except TimeoutError as error:
            raise DeliveryFailed(f"No answer within {self._seconds:.0f} seconds.") from error
        if not done:
            raise DeliveryFailed(reason(numbers))


def _mail_service(mail: MailServer, address: str) -> dict[str, Any]:
    # The library decodes user and password as parts of an address, whoever gives them.
    user = {"user": quote(mail.user, safe=""), "password": quote(mail.password, safe="")} if mail.user else {}
    return {
        "schema": "mailto",
        "host": mail.host,
        "smtp_host": mail.host,
        "port": mail.port,
        "secure_mode": {"starttls": "starttls", "tls": "ssl", "none": "insecure"}[mail.security],
        "from_addr": f"{_FROM} <{mail.sender}>",
        "targets": [(False, address)],
        **user,
    }


def _of_mail(numbers: list[int]) -> str:
    match numbers:
        case [530 | 534 | 535 | 538, *_]:
            return "The mail server does not accept this installation's user and password."
        case [(550 | 551 | 552 | 553 | 554), *_]:
            return f"The mail server refuses this address ({numbers[0]})."
        case [number, *_]:
            return f"The mail server answered {number}."
    return "The mail server cannot be reached, or its certificate is not valid."


def _of_telegram(numbers: list[int]) -> str:
    match numbers:
        case [400, *_]:
            return "Telegram does not know this chat. Write to the bot first, or add it to the group."
        case [401 | 404, *_]:
            return "Telegram does not accept the bot's token."
        case [403, *_]:
            return "The bot may not write to this chat: it was blocked, or is not in the group."
        case [429, *_]:
            return "Telegram asks to wait: too many messages."
        case [number, *_]:
            return f"Telegram answered {number}."
    return "Telegram cannot be reached."


def _of_discord(numbers: list[int]) -> str:
    match numbers:
        case [401 | 403 | 404, *_]:
            return "Discord does not know this webhook any more."
        case [429, *_]:
            return "Discord asks to wait: too many messages."
        case [number, *_]:
            return f"Discord answered {number}."
    return "Discord cannot be reached."


# --- in a thread -----------------------------------------------------------------------------------------------------

_numbers: contextvars.ContextVar[list[int]] = contextvars.ContextVar("numbers")


class _StatusNumbers(logging.Handler):
    """Keeps the status numbers that the library's log tells, for the delivery of this thread, and drops the rest."""

    def emit(self, record: logging.LogRecord) -> None:
        found = _NUMBERS.search(record.getMessage())
        if found is not None and (kept := _numbers.get(None)) is not None:
            kept.append(int(found[1] or found[2]))


def _notify(service: dict[str, Any], message: Message) -> tuple[bool, list[int]]:
    """Whether it was taken, and the status numbers that were told on the way. Blocks."""
    from apprise import Apprise, AppriseAsset, NotifyFormat  # noqa: PLC0415 - a big library, for whoever sends

    _take_the_log()
    numbers: list[int] = []
    token = _numbers.set(numbers)
    try:
        asset = AppriseAsset(app_id=_FROM, app_desc=_FROM, app_url="", http_redirects=False, async_mode=False)
        plugin = Apprise.instantiate(
            {**service, "redirect": "no", "rto": _CONNECT_SECONDS, "cto": _CONNECT_SECONDS, "format": "text"},
            asset=asset,
        )
        if plugin is None:
            return False, numbers
        plugin.socket_connect_timeout = _CONNECT_SECONDS
        title = message.title[:_LONGEST_TITLE]
        return bool(plugin.notify(body=message.text, title=title, body_format=NotifyFormat.TEXT)), numbers
    finally:
        _numbers.reset(token)


def _take_the_log() -> None:
    logger = logging.getLogger("apprise")
    if not any(isinstance(each, _StatusNumbers) for each in logger.handlers):
        logger.handlers[:] = [_StatusNumbers()]
        logger.propagate = False
        logger.setLevel(logging.DEBUG)
