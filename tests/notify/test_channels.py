"""What is typed is taken apart into typed fields or refused; nothing odd gets through to a library."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.notify import channels
from jarvis.notify.channels import ChannelRefused, DiscordWebhook, Receiver, TelegramChat

TOKEN = "123456789:AAFzq3Wl9nXk2sQ7vY0bTgHhJ5uMcPdRe1o"
PART = "w8Kd2" * 14


def test_a_chat_comes_back_from_its_secret_and_only_the_chat_is_shown() -> None:
    for chat in ("123456789", "-1001234567890", "@my_channel"):
        made = channels.telegram(TOKEN, chat)
        assert made.shown == f"chat {chat}"
        assert channels.telegram_chat(made.secret) == TelegramChat(chat, TOKEN)


@pytest.mark.parametrize("host", ["discord.com", "discordapp.com", "ptb.discord.com", "canary.discord.com"])
def test_a_discord_address_is_taken_apart(host: str) -> None:
    made = channels.discord(f"https://{host}/api/webhooks/123456789012345678/{PART}")

    assert channels.discord_webhook(made.secret) == DiscordWebhook("123456789012345678", PART)
    assert PART not in made.shown


@pytest.mark.parametrize("address", ["ada@example.org", "a.b+c@sub.example.co.uk", "A@EXAMPLE.org"])
def test_a_mailbox_keeps_its_name_and_its_host_is_small(address: str) -> None:
    assert channels.email(address).shown == f"{address.partition('@')[0]}@{address.partition('@')[2].lower()}"


@pytest.mark.parametrize(
    "address",
    ["", "ada", "@example.org", "ada@", "ada@localhost", "ada@127.0.0.1", "a b@example.org", "a@b@example.org",
     "ada@example.org,eve@example.org", "ada@example.org\n", "ada@exa mple.org", "a..b@example.org",
     '"ada"@example.org', "ada@example.org?smtp=evil", "x" * 300 + "@example.org", "ädä@example.org"],
)  # fmt: skip
def test_what_is_no_plain_mailbox_is_refused(address: str) -> None:
    with pytest.raises(ChannelRefused):
        channels.email(address)


@given(st.text(max_size=80), st.text(max_size=30))
def test_whatever_is_typed_is_refused_or_in_the_alphabet_of_its_kind(one: str, other: str) -> None:
    makers: list[Callable[[], Receiver]] = [
        lambda: channels.telegram(one, other),
        lambda: channels.discord(one),
        lambda: channels.email(one),
    ]
    for make in makers:
        with suppress(ChannelRefused):
            made = make()
            assert made.shown.isascii() or made.kind == channels.DISCORD
            assert made.shown.isprintable()
