"""Whatever is done, the wallet, the log and the venue's own books say the same."""

import asyncio
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.domain.account import LedgerKind
from jarvis.domain.money import Asset
from tests.emulators.bybit.actors import Client, Venue

PATH = ["50000 50000 50000 50000", "50000 52000 49000 51000", "51000 51500 50500 50800", "50800 50900 47600 47800"]
LENT = {"BORROW", "REPAY"}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(1, 400)),
        st.tuples(st.just("sell"), st.integers(1, 400)),
        st.tuples(st.just("rest"), st.integers(1, 100)),
        st.tuples(st.just("borrow"), st.integers(1, 100)),
        st.tuples(st.just("repay"), st.integers(0, 100)),
        st.tuples(st.just("cancel"), st.just(0)),
        st.tuples(st.just("move"), st.integers(1, 70)),
    ),
    min_size=1,
    max_size=12,
)


async def do(venue: Venue, client: Client, step: str, size: int) -> None:
    """One step; that it may be refused is part of the game."""
    quantity = str(Decimal(size) / 1000)
    order: dict[str, Any] = {"category": "spot", "symbol": "BTCUSDT", "orderType": "Market", "isLeverage": 1}
    match step:
        case "buy":
            fields = order | {"side": "Buy", "qty": quantity, "marketUnit": "baseCoin"}
            await client.answer("POST", "order/create", fields)
        case "sell":
            await client.answer("POST", "order/create", order | {"side": "Sell", "qty": quantity})
        case "rest":
            limit = {"orderType": "Limit", "side": "Buy", "qty": quantity, "price": "48000"}
            await client.answer("POST", "order/create", order | limit)
        case "borrow":
            await client.answer("POST", "account/borrow", {"coin": "BTC", "amount": quantity})
        case "repay":
            amount = {"amount": quantity} if size else {}
            await client.answer("POST", "account/no-convert-repay", {"coin": "BTC", **amount})
        case "cancel":
            await client.answer("POST", "order/cancel-all", {"category": "spot"})
        case _:
            venue.move(size)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_the_log_the_wallet_and_the_venues_books_agree_whatever_is_done(steps: list[tuple[str, int]]) -> None:
    asyncio.run(agree(steps))


async def agree(steps: list[tuple[str, int]]) -> None:
    venue = Venue(PATH, minutes=900)
    client = venue.client()
    for step, size in steps:
        await do(venue, client, step, size)
        venue.bybit.publish(venue.exchange.drain())

    record = venue.bybit.account_record("ann")
    for name in ("BTC", "USDT"):
        coin = await client.coin(name)
        own = [row for row in record["ledger"] if row["currency"] == name]
        held = sum((Decimal(row["change"]) for row in own), Decimal(0))
        net = sum((Decimal(row["change"]) for row in own if row["type"] not in LENT), Decimal(0))
        assert Decimal(coin["walletBalance"]) == held
        assert Decimal(coin["equity"]) == held - Decimal(coin["spotBorrow"])
        # The rows that lend interest out again are worth as much as the interest that was charged.
        assert Decimal(coin["equity"]) == net
        assert Decimal(record["balances"].get(name, {"total": "0"})["total"]) == net
    told = {row["execId"] for row in await client.fills(limit=100)}
    assert told == {fill["fill_id"] for fill in record["fills"]}


async def test_a_record_holds_everything_by_the_ids_that_clients_see() -> None:
    venue = Venue()
    client = venue.client()
    order_id = await client.order(side="Sell", qty="0.1", isLeverage=1, orderLinkId="mine")
    await client.rest("51000", timeInForce="PostOnly")
    resting = await client.rest()
    venue.move(6)
    venue.exchange.adjust("ann", Asset("USDT"), Decimal(5), LedgerKind.REWARD)
    venue.move()

    record = venue.bybit.account_record("ann")

    assert [order["order_id"] for order in record["open_orders"]] == [resting]
    assert {order["status"] for order in record["closed_orders"]} == {"Filled", "Cancelled"}
    (fill,) = record["fills"]
    assert (fill["venue_order_id"], fill["client_order_id"]) == (order_id, "mine")
    assert Decimal(record["positions"]["BTC/USDT"]) < Decimal("-0.1")
    assert Decimal(record["balances"]["BTC"]["borrowed"]) == Decimal("0.1")
    assert Decimal(record["balances"]["BTC"]["interest"]) == Decimal(record["interest"][0]["interest"]) > 0
    assert [row["type"] for row in record["ledger"] if row["currency"] == "USDT"][-1] == "AIRDROP"
    assert Decimal(record["margin"]["level"]) > 1


async def test_every_kind_of_row_has_a_type_of_its_own() -> None:
    venue = Venue()
    client = venue.client()
    for kind, amount in (
        (LedgerKind.WITHDRAWAL, -1),
        (LedgerKind.TRANSFER, 1),
        (LedgerKind.TRANSFER, -1),
        (LedgerKind.ADJUSTMENT, 1),
        (LedgerKind.ADJUSTMENT, -1),
        (LedgerKind.CONVERSION, 1),
        (LedgerKind.CONVERSION, -1),
    ):
        venue.exchange.adjust("ann", Asset("USDT"), Decimal(amount), kind)
    venue.move()

    rows = (await client.get("account/transaction-log", accountType="UNIFIED"))["list"]

    assert [row["type"] for row in reversed(rows)] == [
        "TRANSFER_IN",
        "TRANSFER_OUT",
        "TRANSFER_IN",
        "TRANSFER_OUT",
        "FEE_REFUND",
        "AUTO_DEDUCTION",
        "CURRENCY_BUY",
        "CURRENCY_SELL",
    ]
