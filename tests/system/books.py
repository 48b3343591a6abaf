"""Our journal and our orders, held against the venue's own records to the last digit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from jarvis.cli.wiring import opened_store
from jarvis.domain.order import Fill, OrderStatus
from jarvis.live.worker import order_prefix
from tests.system.installation import Installation, until

DUST = Decimal("0.0002")
"""Less than any of these venues takes as an order, in BTC at the prices of the tests."""


def total(values: Iterable[str]) -> Decimal:
    return sum((Decimal(value) for value in values), Decimal(0))


def in_usd(status: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(status["realised"][name].get("USD", "0"))


def is_wallet(venue: Mapping[str, Any]) -> bool:
    """Whether base and quote change hands there, so that positions are balances."""
    return "lots" not in venue


def held_at(venue: Mapping[str, Any]) -> dict[str, Decimal]:
    """Signed open quantities by pair; of a wallet without what no order can hold."""
    if is_wallet(venue):
        held = {pair: Decimal(quantity) for pair, quantity in venue["positions"].items()}
        return {pair: quantity for pair, quantity in held.items() if abs(quantity) >= DUST}
    held = {}
    for lot in venue["lots"]:
        sign = 1 if lot["side"] == "buy" else -1
        held[lot["pair"]] = held.get(lot["pair"], Decimal(0)) + sign * Decimal(lot["remaining_quantity"])
    return {pair: quantity for pair, quantity in held.items() if quantity}


def stops_at(venue: Mapping[str, Any], pair: str) -> Decimal:
    """What resting stops of a pair could still trade."""
    return total(
        str(Decimal(order["quantity"]) - Decimal(order["filled_quantity"]))
        for order in venue["open_orders"]
        if order["pair"] == pair and order["order_type"].lower().startswith("stop")
    )


def names_at(venue: Mapping[str, Any]) -> list[str]:
    """The client order ids of everything that the venue ever took; an algo order of OKX has its own."""
    orders = [*venue["open_orders"], *venue["closed_orders"]]
    names = [order["client_order_id"] for order in orders if order["client_order_id"]]
    return names + [algo["algoClOrdId"] for algo in venue.get("algos", ())]


def assert_that_a_wallet_agrees(status: Mapping[str, Any], venue: Mapping[str, Any]) -> None:
    """Every asset of our journal is what the venue has, net of debts; every fill is there; interest is what it took."""
    fills = venue["fills"]
    assert status["fills"] == len(fills)
    assert Decimal(status["bought"]) == total(fill["quantity"] for fill in fills if fill["side"] == "buy")
    assert Decimal(status["sold"]) == total(fill["quantity"] for fill in fills if fill["side"] == "sell")
    at_venue = {asset: Decimal(balance["total"]) for asset, balance in venue["balances"].items()}
    ours = {asset: Decimal(amount) for asset, amount in status["cash"].items()}
    for asset in {*at_venue, *ours}:
        assert ours.get(asset, 0) == at_venue.get(asset, 0), asset
    assert not any(Decimal(amount) for amount in (*status["residual"].values(), *status["clearing"].values()))
    assert not any(Decimal(amount) for amount in status["realised"]["adjustment"].values())
    assert status["balanced"]


def assert_that_the_books_agree(status: Mapping[str, Any], venue: Mapping[str, Any]) -> None:
    """Quantities, fees, rollover and realised PnL of our journal are those of the venue's own records."""
    if is_wallet(venue):
        assert_that_a_wallet_agrees(status, venue)
        return
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
    assert held == held_at(venue)


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
    names = Counter(names_at(venue))
    assert [name for name, times in names.items() if times > 1] == [], "sent twice"
    assert [name for name in names if not str(name).startswith(prefix)] == [], "not ours"
    assert set(names) - set(ours) == set(), "at the venue and not on our paper"
    for there in at_venue if not is_wallet(venue) else ():
        here = ours[there["client_order_id"]]
        assert here.status.value == there["status"], (here, there)
        assert here.filled_quantity == Decimal(there["filled_quantity"]), (here, there)
    never_there = {name: order for name, order in ours.items() if name not in names}
    assert {order.status for order in never_there.values()} <= {OrderStatus.REJECTED}, never_there
    assert not any(order.filled_quantity for order in never_there.values())
    assert Counter(map(_told, kept_fills)) == Counter(
        (fill["pair"], fill["side"], Decimal(fill["quantity"]), Decimal(fill["price"]), Decimal(fill["fee"]))
        for fill in venue["fills"]
    )


def _told(fill: Fill) -> tuple[str, str, Decimal, Decimal, Decimal]:
    """What a fill is, whatever the venue calls it."""
    return str(fill.pair), fill.side.value, fill.quantity, fill.price, fill.fee


async def ended_flat(installation: Installation) -> Mapping[str, Any]:
    """Flatten as a person would, let the worker finish, and give what the venue then says."""

    async def is_flat_and_quiet() -> bool:
        venue = await installation.venue()
        return not held_at(venue) and not venue["open_orders"]

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
