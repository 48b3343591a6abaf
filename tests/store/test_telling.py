"""What an account's owner is told of what its trader did: in the same transaction, with pair, amounts and units."""

import pytest

from jarvis.domain.instrument import Side
from jarvis.store.db import Store
from jarvis.trading.events import Severity
from tests.store.samples import ACCOUNT, BTC_USD, OWNER, at, closed, connect, fill, open_position


async def told(store: Store) -> list[tuple[str, Severity, str]]:
    return [(each.kind, each.severity, each.message) for each in reversed(await store.notices_of(OWNER))]


async def test_an_alarm_becomes_a_notice_of_its_account_and_pair(store: Store) -> None:
    await connect(store)

    await store.record_activity(ACCOUNT, "margin_call", "critical", "Liquidation is near.", at=at(1), pair=BTC_USD)

    (notice,) = await store.notices_of(OWNER)
    assert (notice.kind, notice.severity) == ("margin_call", Severity.CRITICAL)
    assert (notice.account_id, notice.pair, notice.sent_at) == (ACCOUNT, BTC_USD, None)


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("margin_call", "info"), ("stale_market", "warning"), ("foreign_activity", "critical"), ("disarmed", "warning")],
)
async def test_news_and_what_is_told_in_another_way_stay_in_the_activity(
    store: Store, kind: str, severity: str
) -> None:
    await connect(store)

    await store.record_activity(ACCOUNT, kind, severity, "Said.", at=at(1))

    assert await store.notices_of(OWNER) == []
    assert len(await store.activities(OWNER)) == 1


async def test_a_position_is_told_when_it_opens_and_with_its_result_when_it_closes(store: Store) -> None:
    await connect(store)
    story = await open_position(store)
    last = fill(2, side=Side.SELL, price="59000.5", fee="10", when=at(60), order_number=2)
    ended, entry = closed(story, last)

    for _ in range(2):  # the second time the fill is known, and nothing is told again
        await store.record_fill(ACCOUNT, last, entry, None, ended)

    result = "Result: \N{MINUS SIGN}499.75 USD before fees (22.3456 USD) and interest."
    assert await told(store) == [
        ("position.opened", Severity.INFO, "BTC/USD: a long is opened, 0.5 BTC at 60000 USD so far."),
        ("position.closed", Severity.INFO, f"BTC/USD: the long of 0.5 BTC is closed. {result}"),
    ]
