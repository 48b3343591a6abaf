"""A process that writes to a store and says on its output what was kept: `python -m tests.store.writer MODE URL ...`.

Run by the tests that kill it, run two of it, or take its disk away.
"""

import asyncio
import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Side
from jarvis.domain.order import OrderRole, PositionId
from jarvis.domain.people import AuditEntry
from jarvis.store import personal
from jarvis.store.db import Store
from jarvis.store.errors import StoreFull
from tests.store.samples import ACCOUNT, FENCE, NOON, OWNER, fill, opened, opening_entry, order, rests


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def write_fill(store: Store, number: int) -> None:
    """An order, and its fill with all that belongs to it."""
    one = fill(number, order_number=number)
    story = replace(opened(one), position_id=PositionId(f"p{number}"))
    entry = replace(opening_entry(one), position_id=story.position_id)
    await store.record_intent(ACCOUNT, order(number), FENCE)
    assert await store.record_fill(ACCOUNT, one, entry, rests(order(number)).filled_by(one), story)
    say(str(number))


async def fills(store: Store) -> None:
    """Write until somebody kills this process."""
    for number in range(1, 100_000):
        await write_fill(store, number)


async def fills_then_dies(store: Store) -> None:
    """Die inside a transaction: all of a fill is written, nothing of it is committed."""
    for number in range(1, 4):
        await write_fill(store, number)
    tell = store._tell

    async def die(*args: object) -> None:
        if args[2][0] == "fill":  # type: ignore[index]
            os.kill(os.getpid(), signal.SIGKILL)
        await tell(*args)  # type: ignore[arg-type]

    store._tell = die  # type: ignore[assignment, method-assign]
    await write_fill(store, 4)


async def erases_then_dies(store: Store) -> None:
    """Die when everything of a person was deleted, and nothing of that is committed."""

    async def die(*_: object) -> None:
        say("dying")
        os.kill(os.getpid(), signal.SIGKILL)

    assert await store.begin_deletion(OWNER, NOON, AuditEntry("person.deletion_asked", NOON, OWNER, OWNER))
    personal.append = die  # type: ignore[assignment, attr-defined]
    await store.erase_person(OWNER, AuditEntry("person.deleted", NOON, "worker", OWNER))


async def intents(store: Store, account: str, count: str) -> None:
    """Wait for a word, then write that many intents as fast as it goes."""
    say("ready")
    sys.stdin.readline()
    for number in range(1, int(count) + 1):
        await store.record_intent(AccountId(account), order(number), FENCE)
        say(str(number))


async def intents_together(store: Store) -> None:
    """Write thirty intents at a time until somebody kills this process."""

    async def write(number: int) -> None:
        await store.record_intent(ACCOUNT, order(number), FENCE)
        say(order(number).client_order_id)

    for first in range(1, 100_000, 30):
        await asyncio.gather(*(write(number) for number in range(first, first + 30)))


async def until_full(store: Store, limit: str) -> None:
    """Write with a limit on the size of files, as if the disk ended there, then again without it."""
    await store.record_intent(ACCOUNT, order(1), FENCE)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), unlimited[1]))
    number = 1
    try:
        for number in range(2, 100_000):
            await store.record_intent(ACCOUNT, order(number), FENCE)
            say(str(number))
    except StoreFull as error:
        say(f"full: {error}")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await store.record_intent(ACCOUNT, order(number), FENCE)
    say(f"again {number}")


async def on_a_small_disk(store: Store, folder: str) -> None:
    """Fill the disk for real, then write exits, then make room."""
    ballast = Path(folder) / "ballast"
    await store.record_intent(ACCOUNT, order(1), FENCE)  # takes the reserve
    with ballast.open("wb", buffering=0) as file:  # nothing may be left to be written when it is closed
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            say("ballast")
    number = 2
    try:
        while number < 10_000:
            await store.record_intent(ACCOUNT, order(number), FENCE)
            number += 1
    except StoreFull as error:
        say(f"full: {error}")
    try:
        await store.record_intent(ACCOUNT, order(number), FENCE)
    except StoreFull as error:
        say(f"entry: {error}")
    for exit_number in range(number + 1, number + 201):
        stop = order(exit_number, role=OrderRole.STOP, side=Side.SELL)
        await store.record_intent(ACCOUNT, stop, FENCE)
    say(f"exits {number + 1} {number + 200}")
    ballast.unlink()
    await store.record_intent(ACCOUNT, order(number), FENCE)
    say(f"entry again {number}")


async def main(mode: str, url: str, *rest: str) -> None:
    store = await Store.open(url)
    await {
        "fills": fills,
        "fills-then-dies": fills_then_dies,
        "erases-then-dies": erases_then_dies,
        "intents": intents,
        "intents-together": intents_together,
        "until-full": until_full,
        "on-a-small-disk": on_a_small_disk,
    }[mode](store, *rest)  # type: ignore[operator]
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
