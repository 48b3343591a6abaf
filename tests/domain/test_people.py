from datetime import UTC, datetime

from jarvis.domain.account import UserId
from jarvis.domain.people import Person, Role


def test_a_person_is_shown_without_password_hash_and_address() -> None:
    person = Person(UserId("u1"), "anna@example.org", "$argon2id$...", Role.TRADER, datetime(2026, 3, 2, tzinfo=UTC))

    assert repr(person) == "Person('u1', trader)"
