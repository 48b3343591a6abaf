"""What a look at the key leaves behind: on the account, and for its owner."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jarvis.domain.account import KeyPermissions, VenueName
from jarvis.live.guardian import Guardian
from jarvis.live.watch import Watch
from jarvis.store.db import Store
from jarvis.trading.events import EntriesBlocked
from jarvis.venues.base import Unreachable
from tests.live.test_guardian import NEEDED
from tests.store.samples import ACCOUNT, OWNER, connect

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Keyed:
    """A venue of which only the key is asked."""

    name = VenueName("kraken")

    def __init__(self, told: KeyPermissions | Exception) -> None:
        self.told = told

    async def key_permissions(self) -> KeyPermissions:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def watch_of(venue: Keyed, store: Store) -> Watch:
    return Watch(ACCOUNT, venue, store, None, Guardian())  # type: ignore[arg-type]


def key(days: int) -> KeyPermissions:
    return KeyPermissions(NEEDED, "Jarvis", "abcd", ip_allowlist=("127.0.0.1",), expires_at=NOON + days * DAY)


async def noted(store: Store) -> tuple[dict[str, object], str, datetime]:
    account = await store.account(OWNER, ACCOUNT)
    assert account is not None
    return json.loads(account.permissions_json), account.verdict, account.permissions_at


async def test_what_the_venue_says_of_the_key_now_is_kept_with_the_account(store: Store) -> None:
    await connect(store)

    judged, verdicts = await watch_of(Keyed(key(20)), store).key(NOON)

    told, verdict, at = await noted(store)
    assert judged is not None
    assert verdicts == []
    assert (told["granted"], told["expires_at"]) == (judged.told()["granted"], "2026-01-21T12:00:00+00:00")
    assert (verdict, at) == ("accepted", NOON)


async def test_a_key_that_may_more_than_before_is_kept_as_refused_and_blocks(store: Store) -> None:
    await connect(store)
    wider = replace(key(20), granted=NEEDED | {"withdraw-funds"})

    _, verdicts = await watch_of(Keyed(wider), store).key(NOON)

    assert [type(each) for each in verdicts] == [EntriesBlocked]
    assert (await noted(store))[1] == "refused"


async def test_a_key_that_dies_soon_is_said_once(store: Store) -> None:
    await connect(store)
    venue = Keyed(key(15))
    watch = watch_of(venue, store)

    async def cautions(days_later: int) -> list[str]:
        judged, _ = await watch.key(NOON + days_later * DAY)
        assert judged is not None
        return await watch.new_cautions(judged, NOON + days_later * DAY)

    assert await cautions(0) == []
    (said,) = await cautions(2)
    assert "The key dies on 16 January 2026" in said
    assert await cautions(3) == []


async def test_a_look_that_fails_changes_nothing(store: Store) -> None:
    await connect(store)
    before = await noted(store)

    assert await watch_of(Keyed(Unreachable("no answer")), store).key(NOON) == (None, [])
    assert await noted(store) == before
