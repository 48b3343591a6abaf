"""Our journal and our orders, held against the venue's own records to the last digit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from jarvis.cli.wiring import opened_store
from jarvis.domain.order import OrderStatus
from jarvis.live.worker import order_prefix
from tests.system.installation import Installation, until


def total(values: Iterable[str]) -> Decimal:
    return sum((Decimal(value) for value in values), Decimal(0))


def in_usd(status: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(status["realised"][name].get("USD", "0"))


def assert_that_the_books_agree(status: Mapping[str, Any], venue: Mapping[str, Any]) -> None:
    """Quantities, fees, rollover and realised PnL of our journal are those of the venue's own records."""
    fills, rows = venue["fills"], venue["ledger"]
    margin_rows = [row for row in rows if row["kind"] == "margin"]
    rollovers = [row for row in rows if row["kind"] == "rollover"]
    assert status["fills"] == len(fills)
    assert Decimal(status["bought"]) == total(fill["quantity"] for fill in fills if fill["side"] == "buy")
    assert Decimal(status["sold"]) == total(fill["quantity"] for fill in fills if fill["side"] == "sell")
    assert in_usd(status, "price") == total(fill["realised"] for fill in fills)
    assert in_usd(status, "price") == total(row["amount"] for row in margin_rows)
    assert in_usd(status, "trading_fee") == -total(fill["fee"] for fill in fills)
    assert in_usd(status, "opening_fee") == -total(fill["opening_fee"] for fill in fills)
    assert in_usd(status, "trading_fee") + in_usd(status, "opening_fee") == -total(row["fee"] for row in margin_rows)
    assert in_usd(status, "rollover") == -total(row["fee"] for row in rollovers)
    assert in_usd(status, "liquidation") == in_usd(status, "adjustment") == 0
    assert Decimal(status["cash"]["USD"]) == Decimal(venue["balances"]["USD"]["total"])  # the deposit is booked too
    assert not any(Decimal(amount) for amount in (*status["residual"].values(), *status["clearing"].values()))
    assert status["balanced"]
    held = {position["pair"]: Decimal(position["quantity"]) for position in status["positions"]}
    lots: dict[str, Decimal] = {}
    for lot in venue["lots"]:
        sign = 1 if lot["side"] == "buy" else -1
        lots[lot["pair"]] = lots.get(lot["pair"], Decimal(0)) + sign * Decimal(lot["remaining_quantity"])
    assert held == {pair: quantity for pair, quantity in lots.items() if quantity}


async def assert_that_nothing_is_lost_or_doubled(installation: Installation, venue: Mapping[str, Any]) -> None:
    """Every order of the venue is one order of ours, every order of ours is known for what it was there; fills too."""
    account = await installation.account()
    at_venue = [*venue["open_orders"], *venue["closed_orders"]]
    prefix = order_prefix(account.account_id)
    async with opened_store(installation.given) as store:
        ours = {
            order.client_order_id: order
            for order in await store.recent_orders(account.owner_id, account.account_id, limit=100_000)
        }
        kept_fills = await store.fills(account.owner_id, account.account_id, limit=100_000)
    names = Counter(order["client_order_id"] for order in at_venue)
    assert [name for name, times in names.items() if times > 1] == [], "sent twice"
    assert [name for name in names if not str(name).startswith(prefix)] == [], "not ours"
    assert set(names) - set(ours) == set(), "at the venue and not on our paper"
    for there in at_venue:
        here = ours[there["client_order_id"]]
        assert here.status.value == there["status"], (here, there)
        assert here.filled_quantity == Decimal(there["filled_quantity"]), (here, there)
    never_there = {name: order for name, order in ours.items() if name not in names}
    assert {order.status for order in never_there.values()} <= {OrderStatus.REJECTED}, never_there
    assert not any(order.filled_quantity for order in never_there.values())
    assert Counter(fill.fill_id for fill in kept_fills) == Counter(fill["fill_id"] for fill in venue["fills"])


async def ended_flat(installation: Installation) -> Mapping[str, Any]:
    """Flatten as a person would, let the worker finish, and give what the venue then says."""

    async def is_flat_and_quiet() -> bool:
        venue = await installation.venue()
        return not venue["lots"] and not venue["open_orders"]

    async def is_booked() -> bool:
        status = await installation.status()
        venue = await installation.venue()
        return status["fills"] == len(venue["fills"]) and not status["orders"] and not status["positions"]

    said = await installation.command("trade", "flatten")
    assert said.code == 0, said.err
    await until(is_flat_and_quiet, seconds=30, what="flat, and no order at the venue")
    await until(is_booked, seconds=30, what="every fill and every order's end is on our paper", every=0.5)
    venue: Mapping[str, Any] = await installation.venue()
    return venue


async def until_it_traded(installation: Installation) -> None:
    """Some more fills come: the last worker trades as the first did."""
    before = len((await installation.venue())["fills"])

    async def more() -> bool:
        return len((await installation.venue())["fills"]) >= before + 3

    await until(more, seconds=60, what="three more fills")
