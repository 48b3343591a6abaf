"""What a person types to be reached over a channel, taken apart into typed fields; everything else is refused.

Of each receiver there is what may be shown (`shown`) and what it is reached with (`secret`), which is sealed at once.
Nothing that is typed becomes an address that a library dials: hosts of services stand in `senders`.
"""

import re
from dataclasses import dataclass, field

from jarvis.notify.webhook import AddressRefused, WebAddress

WEBHOOK, EMAIL, TELEGRAM, DISCORD = "webhook", "email", "telegram", "discord"
KINDS = (EMAIL, TELEGRAM, DISCORD, WEBHOOK)

_TELEGRAM_TOKEN = re.compile(r"[0-9]{5,12}:[A-Za-z0-9_-]{30,60}", re.ASCII)
_TELEGRAM_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{4,31}", re.ASCII)
_DISCORD = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/api/webhooks/([0-9]{15,22})/([A-Za-z0-9_-]{50,100})/?", re.ASCII
)
_MAILBOX = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9_+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}",
    re.ASCII,
)


class ChannelRefused(Exception):
    """What was typed is no receiver of this kind. `place` names the field, the message is for the person."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Receiver:
    """One place that notices are sent to."""

    kind: str
    shown: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TelegramChat:
    """A chat that a bot writes to."""

    chat: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DiscordWebhook:
    """The two parts of a Discord webhook's address."""

    number: str
    token: str = field(repr=False)


def webhook(address: str, *, plain_http: bool = False) -> Receiver:
    """A receiver of our own JSON. Raises ChannelRefused."""
    try:
        host = WebAddress.parse(address, plain_http=plain_http).host
    except AddressRefused as refused:
        raise ChannelRefused("address", str(refused)) from None
    return Receiver(WEBHOOK, host, address)


def email(address: str) -> Receiver:
    """A mailbox; it has nothing to hide. Raises ChannelRefused."""
    if len(address) > 254 or ".." in address or not _MAILBOX.fullmatch(address):
        raise ChannelRefused("address", "Write one plain address, such as ada@example.org.")
    local, _, host = address.rpartition("@")
    return Receiver(EMAIL, f"{local}@{host.lower()}", "")


def telegram(token: str, chat: str) -> Receiver:
    """A chat of Telegram. Raises ChannelRefused."""
    if not _TELEGRAM_TOKEN.fullmatch(token):
        raise ChannelRefused("token", "A bot's token looks like 123456789:AAF… Copy all of it from @BotFather.")
    if not _TELEGRAM_CHAT.fullmatch(chat):
        raise ChannelRefused("chat", "A chat is a number, negative for a group, or a channel's @name.")
    return Receiver(TELEGRAM, f"chat {chat}", f"{token} {chat}")


def telegram_chat(secret: str) -> TelegramChat:
    """What `telegram` made, taken apart again."""
    token, _, chat = secret.partition(" ")
    return TelegramChat(chat, token)


def discord(address: str) -> Receiver:
    """A channel of Discord, named by its webhook's address. Raises ChannelRefused."""
    found = _DISCORD.fullmatch(address)
    if found is None:
        raise ChannelRefused(
            "webhook", "Paste the address that Discord copies: https://discord.com/api/webhooks/NUMBER/TOKEN."
        )
    number, token = found.groups()
    return Receiver(DISCORD, f"webhook …{number[-4:]}", f"{number} {token}")


def discord_webhook(secret: str) -> DiscordWebhook:
    """What `discord` made, taken apart again."""
    number, _, token = secret.partition(" ")
    return DiscordWebhook(number, token)
