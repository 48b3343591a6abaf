"""Messages are short and exact, and hold nothing that is not in their notices."""

from dataclasses import replace

from jarvis.notify.words import MOST_IN_A_DIGEST, Told, as_json, confirmation, digest_of, message_of
from jarvis.trading.events import Severity
from tests.store.samples import NOON

TOLD = Told(
    7, NOON, "position.closed", Severity.INFO, "Result: +12.5 USD.", "Kraken (sandbox)", "BTC/USD", "https://j/desk/a"
)


def test_a_notice_says_what_where_when_and_where_to_look() -> None:
    message = message_of(TOLD, "Asia/Kathmandu")

    assert message.title == "A position was closed (Kraken (sandbox) · BTC/USD)"
    assert message.text == "Result: +12.5 USD.\n\n1 Mar 2026, 17:45 +0545 · notice 7\nhttps://j/desk/a"


def test_only_an_alarm_says_so_in_its_title() -> None:
    assert message_of(replace(TOLD, severity=Severity.CRITICAL)).title.startswith("Alarm: ")
    assert not message_of(replace(TOLD, severity=Severity.WARNING)).title.startswith("Alarm")


def test_a_notice_of_no_account_has_no_brackets() -> None:
    assert message_of(Told(1, NOON, "place.new", Severity.WARNING, "A sign-in.")).title == "A sign-in from a new place"


def test_what_was_held_back_comes_as_one_with_every_notice() -> None:
    held = [replace(TOLD, number=number, text=f"text {number}") for number in range(3)]
    digest = digest_of(held, "UTC", "https://j/account/notices")

    assert digest.title == "3 notices that were held back"
    assert all(f"text {number}" in digest.text for number in range(3))
    assert digest.text.endswith("https://j/account/notices")
    assert digest.notices == tuple(held)
    assert len(as_json(digest)["notices"]) == 3  # type: ignore[arg-type]


def test_one_that_was_held_back_comes_as_itself() -> None:
    assert digest_of([TOLD], "UTC", "x") == message_of(TOLD)


def test_of_very_many_the_rest_is_counted() -> None:
    digest = digest_of([TOLD] * (MOST_IN_A_DIGEST + 5), "UTC", "x")

    assert "… and 5 more." in digest.text
    assert digest.text.count("Result:") == MOST_IN_A_DIGEST


def test_a_program_gets_fields_and_no_empty_ones() -> None:
    told = as_json(message_of(Told(1, NOON, "place.new", Severity.WARNING, "A sign-in.")))

    assert set(told) == {"from", "notice", "at", "kind", "severity", "text"}


def test_a_letter_holds_its_link_and_how_long_it_is_good() -> None:
    letter = confirmation("https://j/confirm/x", 24)

    assert "https://j/confirm/x" in letter.text
    assert "24 hours" in letter.text
    assert letter.notices == ()
