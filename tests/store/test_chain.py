from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, UserId
from jarvis.domain.people import AuditEntry
from jarvis.store.chain import FIRST_PREVIOUS, AuditLine, digest_of, first_broken, line_of

AT = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=UTC)
SALT = bytes(range(16))


def entry(kind: str = "session.opened", **details: str | int | bool | None) -> AuditEntry:
    return AuditEntry(kind, AT, "ada", UserId("ada"), None, details)


def chain(count: int) -> list[AuditLine]:
    lines: list[AuditLine] = []
    previous = FIRST_PREVIOUS
    for number in range(1, count + 1):
        lines.append(line_of(entry(step=number), number=number, previous=previous, salt=SALT))
        previous = lines[-1].hash
    return lines


def broken_at(lines: list[AuditLine]) -> int | None:
    broken = first_broken(lines, number=0, previous=FIRST_PREVIOUS)
    return None if broken is None else broken.number


def test_a_line_has_the_golden_hash() -> None:
    line = line_of(
        AuditEntry("key.connected", AT, "ada", UserId("ada"), AccountId("a1"), {"venue": "kraken", "n": 3, "b": None}),
        number=7,
        previous=bytes.fromhex("11" * 32),
        salt=SALT,
    )

    assert line.details_json == '{"b":null,"n":3,"venue":"kraken"}'
    assert line.digest.hex() == GOLDEN_DIGEST
    assert line.hash.hex() == GOLDEN_HASH


def test_the_golden_hash_is_the_one_that_the_description_gives() -> None:
    def field(value: bytes) -> bytes:
        return len(value).to_bytes(4, "big") + value

    digest = sha256(field(SALT) + field(b'{"b":null,"n":3,"venue":"kraken"}')).digest()
    fields = [b"jarvis audit 1", b"\x11" * 32, b"\0\0\0\0\0\0\0\7", b"2026-03-01T12:00:00.250000+00:00"]
    fields += [b"key.connected", b"ada", b"ada", b"a1", digest]

    assert digest.hex() == GOLDEN_DIGEST
    assert sha256(b"".join(map(field, fields))).hexdigest() == GOLDEN_HASH


def test_a_first_line_without_person_or_account_has_the_golden_hash() -> None:
    line = line_of(AuditEntry("backup.made", AT, "cli"), number=1, previous=FIRST_PREVIOUS, salt=SALT)

    assert line.details_json == "{}"
    assert line.hash.hex() == GOLDEN_FIRST


def test_absent_empty_and_shifted_fields_make_other_hashes() -> None:
    def made(**fields: Any) -> bytes:
        return line_of(replace(entry(), **fields), number=1, previous=FIRST_PREVIOUS, salt=SALT).hash

    hashes = [
        made(),
        made(user_id=None),
        made(user_id=UserId("")),
        made(user_id=None, account_id=AccountId("ada")),
        made(kind="session.openeda", actor="da"),
    ]

    assert len({*hashes}) == len(hashes)


def test_the_same_instant_in_another_zone_is_the_same_line() -> None:
    elsewhere = replace(entry(), at=AT.astimezone(timezone(timedelta(hours=5))))

    one, other = (line_of(each, number=1, previous=FIRST_PREVIOUS, salt=SALT) for each in (entry(), elsewhere))

    assert one == other


def test_a_whole_chain_holds_also_without_some_details() -> None:
    lines = chain(5)
    lines[2] = replace(lines[2], salt=None, details_json=None)

    assert broken_at(lines) is None
    assert lines[2].details is None
    assert lines[3].details == {"step": 4}


def test_every_change_of_every_field_is_found_at_its_line() -> None:
    changes: dict[str, Any] = {
        "number": 9,
        "at": AT + timedelta(microseconds=1),
        "kind": "session.ended",
        "actor": "eve",
        "user_id": UserId("eve"),
        "account_id": AccountId("a2"),
        "salt": bytes(16),
        "details_json": '{"step":4}',
        "digest": bytes(32),
        "hash": bytes(32),
    }
    for name, value in changes.items():
        lines = chain(5)
        lines[2] = replace(lines[2], **{name: value})
        assert broken_at(lines) == 3, name


def test_half_of_the_details_is_no_erasure() -> None:
    for half in (replace(chain(3)[1], salt=None), replace(chain(3)[1], details_json=None)):
        first, _, last = chain(3)
        assert broken_at([first, half, last]) == 2


def test_details_that_were_made_anew_with_their_digest_are_found() -> None:
    lines = chain(3)
    forged = '{"step":77}'
    lines[1] = replace(lines[1], details_json=forged, digest=digest_of(SALT, forged))

    assert broken_at(lines) == 2


@given(st.integers(2, 9), st.data())
def test_a_line_that_is_missing_doubled_or_moved_is_found(count: int, data: st.DataObject) -> None:
    lines = chain(count)
    index = data.draw(st.integers(0, count - 2))
    what = data.draw(st.sampled_from(["missing", "doubled", "moved"]))
    if what == "missing":
        del lines[index]
    elif what == "doubled":
        lines.insert(index, lines[index])
    else:
        lines[index], lines[index + 1] = lines[index + 1], lines[index]

    expected = index + 2 if what == "doubled" else index + 1
    assert broken_at(lines) == expected


GOLDEN_DIGEST = "141b015902e5bebdf223c4e981c8aeff72a25dfcbf7f6023a09f350fb78b55f4"
GOLDEN_HASH = "5d7d88486f1f436bca0e3cb48ea48900354b6df5eb18491df322f45818da3930"
GOLDEN_FIRST = "72089aa2b5892cb925c6c3e513de696a05e84a518effbbe42423cadf97fae67a"
