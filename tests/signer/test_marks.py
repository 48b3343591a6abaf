import os
from pathlib import Path

import pytest

from jarvis.signer import marks
from jarvis.signer.errors import SignerUnavailable
from jarvis.signer.marks import Marks, StateDamagedError, StateInUseError


def reopened(folder: Path) -> Marks:
    return Marks(folder)


def test_marks_outlive_the_process_and_never_go_back(tmp_path: Path) -> None:
    first = Marks(tmp_path)
    first.raise_to("fence", "ada", 5)
    first.raise_to("fence", "ada", 3)
    first.raise_to("nonce", "ada", 7)
    first.close()

    again = reopened(tmp_path)

    assert (again.get("fence", "ada"), again.get("nonce", "ada"), again.get("fence", "bob")) == (5, 7, 0)
    assert again.durable("fence", "ada") == 5
    again.close()


def test_a_mark_is_on_disk_when_raising_it_returns(tmp_path: Path) -> None:
    state = Marks(tmp_path)

    state.raise_to("fence", "ada", 5)

    assert b'["fence","ada",5]\n' in (tmp_path / "marks.jsonl").read_bytes()
    state.close()


def test_names_of_any_characters_are_kept(tmp_path: Path) -> None:
    name = 'a "quoted"\nname\u2028 ü'
    state = Marks(tmp_path)
    state.raise_to("fence", name, 1)
    state.close()

    again = reopened(tmp_path)

    assert again.get("fence", name) == 1
    again.close()


def test_half_a_line_of_a_crash_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "marks.jsonl").write_bytes(b'["fence","ada",5]\n["fence","ada",6')

    state = reopened(tmp_path)

    assert state.get("fence", "ada") == 5
    assert (tmp_path / "marks.jsonl").read_bytes() == b'["fence","ada",5]\n'
    state.close()


@pytest.mark.parametrize("line", [b"x", b"[]", b'{"a":1}', b'["fence","ada","x"]', b"\xff\xff"])
def test_a_damaged_line_in_the_middle_stops_the_start(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "marks.jsonl").write_bytes(b'["fence","ada",5]\n' + line + b'\n["fence","bob",1]\n')

    with pytest.raises(StateDamagedError, match="line 2"):
        reopened(tmp_path)
    # Nothing was rewritten, and the folder is free for the next try.
    (tmp_path / "marks.jsonl").write_bytes(b'["fence","ada",5]\n')
    reopened(tmp_path).close()


def test_a_second_signer_on_the_same_state_is_refused(tmp_path: Path) -> None:
    first = Marks(tmp_path)

    with pytest.raises(StateInUseError, match="another signer"):
        Marks(tmp_path)
    first.close()
    Marks(tmp_path).close()


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "_COMPACT_AFTER_LINES", 20)
    state = Marks(tmp_path)

    for value in range(1, 200):
        state.raise_to("fence", "ada", value)
        state.raise_to("nonce", "bob", value * 10)

    assert (tmp_path / "marks.jsonl").read_bytes().count(b"\n") < 40
    state.close()
    again = reopened(tmp_path)
    assert (again.get("fence", "ada"), again.get("nonce", "bob")) == (199, 1990)
    again.close()


def test_a_full_disk_is_said_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = Marks(tmp_path)
    state.raise_to("fence", "ada", 1)
    write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, line: write(descriptor, line[:4]))

    with pytest.raises(SignerUnavailable, match="No space left"):
        state.raise_to("fence", "ada", 2)

    assert (state.get("fence", "ada"), state.durable("fence", "ada")) == (2, 1)
    monkeypatch.undo()
    state.raise_to("fence", "ada", 2)
    assert (tmp_path / "marks.jsonl").read_bytes() == b'["fence","ada",1]\n["fence","ada",2]\n'
    state.close()


def test_a_signer_starts_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "marks.jsonl").write_bytes(b'["fence","ada",5]\n["fence","ada",6')

    def no_space(_descriptor: int, _line: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.write", no_space)
        state = Marks(tmp_path)
    state.raise_to("fence", "ada", 7)
    state.close()

    assert (tmp_path / "marks.jsonl").read_bytes() == b'["fence","ada",5]\n["fence","ada",7]\n'
    again = reopened(tmp_path)
    assert again.get("fence", "ada") == 7
    again.close()


def test_files_are_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = Marks(tmp_path)
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    state.close()
