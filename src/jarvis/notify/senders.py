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
                service = _mail_service(self._mail, receiver.shown)
                await self._through_apprise(receiver.kind, service, message, _of_mail)
            case channels.TELEGRAM:
                chat = channels.telegram_chat(receiver.secret)
                service = {"bot_token": chat.token, "targets": [chat.chat], "detect_owner": False}
                await self._through_apprise(receiver.kind, service, message, _of_telegram)
            case channels.DISCORD:
                webhook = channels.discord_webhook(receiver.secret)
                service = {"webhook_id": webhook.number, "webhook_token": webhook.token, "avatar": False}
                await self._through_apprise(receiver.kind, service, message, _of_discord)
            case _:
                raise DeliveryFailed("Jarvis does not know this kind of receiver.")

    def close(self) -> None:
        """Begin nothing more; what runs in threads ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _through_apprise(
        self, kind: str, service: dict[str, Any], message: Message, reason: Callable[[list[int]], str]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                done, numbers = await loop.run_in_executor(self._threads, partial(_notify, kind, service, message))
        except TimeoutError as error:
            raise DeliveryFailed(f"No answer within {self._seconds:.0f} seconds.") from error
        if not done:
            raise DeliveryFailed(reason(numbers))


def _mail_service(mail: MailServer, address: str) -> dict[str, Any]:
    # The library decodes user and password as parts of an address, whoever gives them.
    user = {"user": quote(mail.user, safe=""), "password": quote(mail.password, safe="")} if mail.user else {}
    return {
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


class _StatusNumbers(logging.Filter):
    """Keeps the status numbers of what is logged during a delivery and drops the rest, before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        kept = _numbers.get(None)
        if kept is None:
            return True
        found = _NUMBERS.search(record.getMessage())
        if found is not None:
            kept.append(int(found[1] or found[2]))
        return False


def _notify(kind: str, service: dict[str, Any], message: Message) -> tuple[bool, list[int]]:
    """Whether it was taken, and the status numbers that were told on the way. Blocks."""
    # A big library, for whoever sends; of its many services only the one that is meant is loaded.
    from apprise import AppriseAsset, NotifyFormat  # noqa: PLC0415

    _take_the_log()
    numbers: list[int] = []
    token = _numbers.set(numbers)
    try:
        plugin = _plugin_of(kind)(
            **service,
            asset=AppriseAsset(app_id=_FROM, app_desc=_FROM, app_url="", http_redirects=False, async_mode=False),
            redirect="no",
            rto=_CONNECT_SECONDS,
            cto=_CONNECT_SECONDS,
            format="text",
        )
        plugin.socket_connect_timeout = _CONNECT_SECONDS
        title = message.title[:_LONGEST_TITLE]
        return bool(plugin.notify(body=message.text, title=title, body_format=NotifyFormat.TEXT)), numbers
    finally:
        _numbers.reset(token)


def _plugin_of(kind: str) -> Any:
    """The library's class for a kind of channel."""
    match kind:
        case channels.EMAIL:
            from apprise.plugins.email import NotifyEmail  # noqa: PLC0415

            return NotifyEmail
        case channels.TELEGRAM:
            from apprise.plugins.telegram import NotifyTelegram  # noqa: PLC0415

            return NotifyTelegram
    from apprise.plugins.discord import NotifyDiscord  # noqa: PLC0415

    return NotifyDiscord


def _take_the_log() -> None:
    """Put ourselves before the logs of the library and of what it speaks HTTP with: both quote whole addresses."""
    for name in ("apprise", "urllib3.connectionpool"):
        logger = logging.getLogger(name)
        if not any(isinstance(each, _StatusNumbers) for each in logger.filters):
            logger.addFilter(_StatusNumbers())
            logger.setLevel(logging.DEBUG)  # the numbers are told at this level
