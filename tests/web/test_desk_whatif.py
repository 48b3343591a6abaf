"""What if on the pages: the store's figures become pots, and the answer is readable, reachable and honest."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from jarvis.domain.account import AccountId, MarginState
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.market import Quote
from jarvis.domain.money import USD, Asset
from jarvis.domain.order import Order, OrderRole, OrderStatus, OrderType, PositionId
from jarvis.store.db import Store
from jarvis.store.records import ComparedBalance, Overview, PositionFacts, PositionRecord
from jarvis.trading.state import Marks
from jarvis.trading.whatif import liquidation
from jarvis.venues.catalog import BINANCE, OKX
from jarvis.web.desk.portfolio import Book, Holding
from jarvis.web.desk.positions import position_of
from jarvis.web.desk.whatif import asked_move, pots_of, what_if
from tests.web import samples
from tests.web.client import Browser
from tests.web.test_desk import owner_id, words

D = Decimal


async def book(
    store: Store,
    account: AccountId,
    owner: Browser,
    margin: MarginState,
    *held: tuple[Pair, str, str, PositionFacts | None, str],
    balances: dict[str, str] | None = None,
    cash: str | None = None,
    execution_venue: str = "",
) -> Book:
    """A book with these positions: (pair, signed quantity, price, facts, stop or nothing)."""
    overview = await store.overview(await owner_id(store), account)
    assert overview is not None
    told = replace(overview.account, execution_venue=execution_venue or overview.account.execution_venue)
    holdings, quotes = [], {}
    for number, (pair, quantity, price, facts, stop) in enumerate(held):
        side = Side.BUY if Decimal(quantity) > 0 else Side.SELL
        story = samples.story(pair, side, quantity.lstrip("-"), price, stop or price)
        story = replace(
            story, position_id=PositionId(f"{pair.base}-{number}"), opened_at=samples.NOW - timedelta(hours=number)
        )
        orders: tuple[Order, ...] = ()
        if stop:
            size = quantity.lstrip("-")
            made = samples.order(pair, OrderRole.STOP, side.opposite, OrderType.STOP, size, f"s{number}",
                                 price=stop, status=OrderStatus.OPEN)  # fmt: skip
            orders = (made,)
        known = None if facts is None else replace(facts, position_id=story.position_id)
        record = PositionRecord(story, orders, (), (), known)
        holdings.append(Holding(record, position_of(record, D(price), samples.NOW)))
        quotes[pair] = Quote(pair, D(price), D(price), D(price), samples.NOW)
    kept = {
        Asset(asset): ComparedBalance(Asset(asset), D(total), D(0), D(0), D(0), D(total), samples.NOW)
        for asset, total in (balances or {}).items()
    }
    shown = Overview(told, Marks(), margin, None, None)
    return Book(shown, tuple(holdings), quotes, kept, None if cash is None else D(cash), 0, samples.NOW)


def margin(equity: str, used: str, *, asset: Asset = USD, call: str = "0.8", end: str = "0.4") -> MarginState:
    return MarginState(
        asset, samples.NOW, D(equity), D(equity), D(used), D(equity) - D(used), D(0),
        D(equity) / D(used) if D(used) else None, D(call), D(end),
    )  # fmt: skip


def facts(used: str, borrowed: str | None = None, end: str | None = None) -> PositionFacts:
    return PositionFacts(
        PositionId("x"), samples.NOW, D(used), Asset(borrowed) if borrowed else None,
        liquidation_price=None if end is None else D(end),
    )  # fmt: skip


async def test_krakens_pot_keeps_its_margin_and_counts_coins_that_are_no_money(
    store: Store, account: AccountId, owner: Browser
) -> None:
    shown = await book(
        store, account, owner, margin("1000", "800"), (samples.BTC, "0.1", "80000", facts("800"), ""), cash="600"
    )

    (pot,) = pots_of(shown)

    assert (pot.coins, pot.oldest_first, pot.stakes[0].used_scales) == (D(400), True, False)
    found = liquidation(pot, -1, with_stops=False)
    assert found is not None
    assert found.move == (D("0.4") * 800 - 1000) / D(8400)


async def test_a_wallets_short_needs_more_margin_the_dearer_its_debt(
    store: Store, account: AccountId, owner: Browser
) -> None:
    shown = replace(
        await book(
            store, account, owner, margin("1000", "500", asset=Asset("USDT")),
            (samples.ETH_USDT, "-2", "2500", facts("500", "ETH"), ""), balances={"USDT": "6000", "ETH": "-2"},
        )
    )  # fmt: skip
    shown = replace(shown, overview=replace(shown.overview, account=replace(shown.account, venue=OKX)))

    (pot,) = pots_of(shown)

    assert (pot.coins, pot.oldest_first, pot.stakes[0].used_scales) == (D(0), False, True)
    found = liquidation(pot, 1, with_stops=False)
    assert found is not None
    at = found.move
    assert abs((1000 - 5000 * at) / (500 * (1 + at)) - D("0.4")) < D("1e-20")


async def test_a_wallets_coins_count_by_the_weight_that_the_venues_own_figures_show(
    store: Store, account: AccountId, owner: Browser
) -> None:
    shown = await book(
        store, account, owner, margin("750", "400", asset=Asset("USDT")),
        (samples.ETH_USDT, "2", "2500", facts("400", "USDT"), ""), balances={"USDT": "-4000", "ETH": "2"},
    )  # fmt: skip
    shown = replace(shown, overview=replace(shown.overview, account=replace(shown.account, venue=OKX)))

    (pot,) = pots_of(shown)

    assert pot.stakes[0].weight == D("0.95")  # 750 = 5000 x 0.95 - 4000


async def test_isolated_pairs_are_pots_of_their_own_that_end_at_their_own_price(
    store: Store, account: AccountId, owner: Browser
) -> None:
    btc = Pair.parse("BTC/USDT")
    shown = await book(
        store, account, owner, margin("3000", "900", asset=Asset("USDT"), end="0.45"),
        (btc, "0.1", "80000", facts("700", "USDT", "74000"), ""),
        (samples.ETH_USDT, "-1", "2500", facts("200", "ETH", "3000"), ""),
        execution_venue="isolated",
    )  # fmt: skip
    shown = replace(shown, overview=replace(shown.overview, account=replace(shown.account, venue=BINANCE)))

    long, short, rest = pots_of(shown)

    fall, rise = liquidation(long, -1, with_stops=False), liquidation(short, 1, with_stops=False)
    assert fall is not None
    assert rise is not None
    assert abs(fall.move - D("-0.075")) < D("1e-20")
    assert abs(rise.move - D("0.2")) < D("1e-20")
    assert long.equity + short.equity + rest.equity == 3000
    assert what_if([shown], -10).falling.position == "BTC/USDT long"


async def test_only_a_stop_that_is_proved_to_rest_saves(store: Store, account: AccountId, owner: Browser) -> None:
    proved = await book(
        store, account, owner, margin("1000", "800"), (samples.BTC, "0.1", "80000", facts("800"), "78400"), cash="1000"
    )
    bare = await book(
        store, account, owner, margin("1000", "800"), (samples.BTC, "0.1", "80000", facts("800"), ""), cash="1000"
    )

    saved, lost = what_if([proved], -20), what_if([bare], -20)

    assert saved.falling.move == lost.falling.move == D("-0.085")
    assert (saved.falling_stopped.move, lost.falling_stopped.move) == (None, D("-0.085"))
    assert (saved.accounts[0].bare.gone_at, saved.accounts[0].stopped.gone_at) == (D("-0.085"), None)
    assert lost.accounts[0].stopped.gone_at == D("-0.085")
    assert [(stop.move, stop.pair) for stop in saved.stops] == [(D("-0.02"), "BTC/USD")]
    assert saved.accounts[0].stopped.equity == 840


async def test_no_move_is_now_on_the_page_too(owner: Browser, account: AccountId) -> None:
    part = words((await owner.get(f"/desk/{account}/part/whatif")).text)

    assert re.search(r"Without stops 25,312\.45 USD 0\.00 USD 283 %", part)
    assert re.search(r"With the stops 25,312\.45 USD 0\.00 USD 283 %", part)


@pytest.mark.parametrize(
    ("text", "percent"),
    [(None, 0), ("", 0), ("-10", -10), ("7.4", 7), ("500", 50), ("-1e9", -50), ("nan", 0), ("inf", 0), ("<script>", 0)],
)
def test_a_move_that_is_no_number_is_none_and_one_too_far_stops_at_the_edge(text: str | None, percent: int) -> None:
    assert asked_move(text) == percent


async def test_it_works_without_a_script_by_a_form_that_keeps_its_place(owner: Browser, account: AccountId) -> None:
    page = (await owner.get(f"/desk/{account}?move=-20")).text

    assert 'method="get"' in page
    assert f'action="/desk/{account}#whatif"' in page
    assert re.search(r'<input type="range"[^>]*name="move"[^>]*value="-20"', page)
    assert '<button class="button" type="submit">Show</button>' in page
    text = words(page)
    assert "At \N{MINUS SIGN}20 %" in text
    assert "BTC/USD at Kraken, stop 89,939.9 USD" in text
    assert "SOL/USD at Kraken, stop" not in text  # its stop is not proved, and lies the other way


async def test_what_is_assumed_is_said_beside_it(owner: Browser, account: AccountId) -> None:
    part = words((await owner.get(f"/desk/{account}/part/whatif?move=-20")).text)

    for said in (
        "All prices move by the same share", "Fees, slippage, gaps, interest and targets are left out",
        "a stop that is not proved does not count", "Kraken closes the oldest lots first",
    ):  # fmt: skip
        assert said in part, said


async def test_a_liquidation_is_named_with_its_position_and_its_venue(
    owner: Browser, store: Store, account: AccountId
) -> None:
    poor = replace(samples.margin(samples.NOW + timedelta(minutes=1), "9000", "1.0062"), used_margin=D("8944.3"))
    await store.record_equity(account, poor)

    part = words((await owner.get("/desk/all/part/whatif?move=-50")).text)

    assert re.search(r"first liquidated \N{MINUS SIGN}4\d\.\d % SOL/USD short at Kraken", part)  # the oldest lot
    assert "liquidated at \N{MINUS SIGN}4" in part
    assert "with the stops: No liquidation within 50 %" in part
    assert "the stops save it" in part
