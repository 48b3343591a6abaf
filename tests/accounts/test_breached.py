import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.accounts.breached import BreachedListError, BreachedPasswords


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def listed(path: Path, text: str) -> BreachedPasswords:
    path.write_bytes(text.encode())
    return BreachedPasswords(path)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    leaked=st.sets(st.text(max_size=20), min_size=1, max_size=300),
    others=st.sets(st.text(max_size=20), max_size=50),
    count=st.sampled_from(["", ":1", ":9876543"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    ends_so=st.booleans(),
)
def test_what_is_in_the_list_is_found_and_nothing_else(
    tmp_path: Path, leaked: set[str], others: set[str], count: str, newline: str, *, ends_so: bool
) -> None:
    lines = newline.join(line + count for line in sorted(digest(each) for each in leaked))
    breached = listed(tmp_path / "list.txt", lines + (newline if ends_so else ""))

    assert all(breached.holds(each) for each in leaked)
    assert [each for each in others - leaked if breached.holds(each)] == []
    breached.close()


def test_a_list_of_many_lines_is_found_in_few_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = sorted(digest(str(number)) for number in range(20_000))
    breached = listed(tmp_path / "list.txt", "\n".join(f"{line}:3" for line in lines))
    reads = []
    find = BreachedPasswords._line_from

    def counted(self: BreachedPasswords, position: int) -> tuple[int, bytes | None, int]:
        reads.append(position)
        return find(self, position)

    monkeypatch.setattr(BreachedPasswords, "_line_from", counted)

    assert breached.holds("19999")
    assert len(reads) <= 25
    breached.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("hunter2\n", "malformed at byte 0"),
        (digest("a").lower() + "\n", "malformed at byte 0"),
        (digest("a") + ":x\n", "malformed at byte 0"),
        (digest("a")[:39] + "\n", "malformed at byte 0"),
        (digest("a") + " \n", "malformed at byte 0"),
        ("\n" + digest("a"), "malformed at byte 0"),
        ("\n".join(sorted((digest(str(n)) for n in range(500)), reverse=True)), "not sorted"),
        ("\n".join(digest(str(n)) for n in range(500)), "not sorted"),
        (digest("a") + "\n" + "x" * 5000, "malformed"),
        ("x" * 5000, "malformed"),
    ],
)
def test_a_file_that_is_no_such_list_is_refused_with_the_reason(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BreachedListError, match=words) as error:
        listed(tmp_path / "list.txt", text)

    assert str(tmp_path / "list.txt") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BreachedListError, match="No such file"):
        BreachedPasswords(tmp_path / "nowhere.txt")
