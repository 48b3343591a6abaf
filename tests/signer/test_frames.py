import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.signer import frames
from jarvis.signer.frames import Inbox, MalformedFrameError, pack

FRAMES = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=50)), max_size=12)


def arrive(inbox: Inbox, text: bytes | bytearray) -> None:
    inbox.free()[: len(text)] = text
    inbox.filled(len(text))


@given(sent=FRAMES, cuts=st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    wire = b"".join(pack(head, beside) for head, beside in sent)
    inbox = Inbox()
    taken: list[tuple[bytes, bytearray]] = []

    while wire:
        size = min(cuts[len(taken) % len(cuts)], len(wire))
        arrive(inbox, wire[:size])
        wire = wire[size:]
        while (frame := inbox.take()) is not None:
            taken.append(frame)

    assert taken == [(head, bytearray(beside)) for head, beside in sent]
    assert len(inbox) == 0


def test_the_longest_frame_fits_behind_another_one() -> None:
    longest = bytes(pack(b"h" * frames.MAX_HEAD, b"b" * frames.MAX_BYTES))
    inbox = Inbox()

    arrive(inbox, pack(b"short") + longest[:1000])
    short = inbox.take()
    waiting = inbox.take()
    arrive(inbox, longest[1000:])
    taken = inbox.take()

    assert short == (b"short", bytearray())
    assert waiting is None
    assert taken == (b"h" * frames.MAX_HEAD, bytearray(b"b" * frames.MAX_BYTES))


@pytest.mark.parametrize("sizes", [(frames.MAX_HEAD + 1, 0), (0, frames.MAX_BYTES + 1), (2**32 - 1, 2**32 - 1)])
def test_a_frame_beyond_the_bounds_is_refused_by_its_first_bytes(sizes: tuple[int, int]) -> None:
    inbox = Inbox()
    arrive(inbox, struct.pack(">II", *sizes))

    with pytest.raises(MalformedFrameError):
        inbox.take()


def test_what_was_taken_is_overwritten() -> None:
    inbox = Inbox()
    arrive(inbox, pack(b"head", b"secret") + pack(b"next", b"another"))

    inbox.take()

    assert b"secret" not in inbox._bytes
    assert b"another" in inbox._bytes
    inbox.free()
    inbox.take()
    assert not any(inbox._bytes)


def test_what_nobody_took_is_overwritten_at_the_end() -> None:
    inbox = Inbox()
    arrive(inbox, pack(b"head", b"secret")[:-1])

    inbox.wipe()

    assert not any(inbox._bytes)


@pytest.mark.parametrize(("head", "beside"), [(frames.MAX_HEAD + 1, 0), (0, frames.MAX_BYTES + 1)])
def test_what_is_too_long_is_not_packed(head: int, beside: int) -> None:
    with pytest.raises(MalformedFrameError):
        pack(bytes(head), bytes(beside))
