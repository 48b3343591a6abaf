"""The books against the wallet: whatever is traded, what OKX shows adds up to what the exchange holds."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jarvis.domain.money import Asset
from tests.emulators.okx.actors import Client, Venue

SIZES = st.sampled_from(["0.01", "0.02", "0.0313", "0.5"])
PRICES = st.lists(st.sampled_from(["50000", "52000", "48500", "61000"]), min_size=2, max_size=6)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "close", "reduce", "hour", "day"]), SIZES, st.sampled_from(["BTC", "ETH"])
    ),
    min_size=1,
    max_size=6,
)


def assert_balanced(venue: Venue, name: str = "ann") -> None:
    books = venue.okx._state.books.of(name)
    balances = venue.exchange.balances(name)
    for asset in {*balances, *books.cash}:
        total = balances[asset].total if asset in balances else Decimal(0)
        assert abs(books.net(Asset(asset)) - total) < Decimal("1e-18"), asset


async def act(client: Client, venue: Venue, profile: str, kind: str, size: str, base: str) -> None:
    name = f"{base}-USDT"
    margin: dict[str, Any] = {"tdMode": "cross", "ccy": "USDT"} if profile == "futures" else {}
    margin = margin or {"tdMode": "cash" if profile.startswith("spot") else "cross", "ccy": None}
    price = venue.exchange.quote(next(pair for pair in venue.exchange.instruments if pair.base == base)).last
    match kind:
        case "hour":
            venue.move(60)
        case "day":
            venue.move(150)
        case "close" if profile == "futures":
            await client.send("POST", "trade/close-position", {"instId": name, "mgnMode": "cross", "ccy": "USDT"})
        case "reduce" if profile == "futures":
            for side in ("buy", "sell"):
                spent = f"{Decimal(size) * price:f}" if side == "buy" else size
                order = client.order(instId=name, side=side, sz=spent, reduceOnly=True, **margin)
                await client.send("POST", "trade/order", order)
        case "buy" | "sell":
            spent = f"{Decimal(size) * price:f}" if kind == "buy" else size
            await client.send("POST", "trade/order", client.order(instId=name, side=kind, sz=spent, **margin))
        case _:
            pass


@pytest.mark.parametrize("profile", ["futures", "multi-currency", "spot-borrow", "spot"])
@given(path=PRICES, steps=STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_okx_shows_adds_up_to_the_wallet(profile: str, path: list[str], steps: list[Any]) -> None:
    bars = [f"{a} {a} {b} {b}" if a > b else f"{a} {b} {a} {b}" for a, b in pairwise(path)]
    venue = Venue([bar for bar in bars for _ in range(2)], minutes=60 * 15)
    client = venue.client(profile=profile, deposits={"USDT": "10000", "ETH": "1"})
    for kind, size, base in steps:
        await act(client, venue, profile, kind, size, base)
        venue.move()

        assert_balanced(venue)
        for position in venue.okx._state.books.of("ann").positions.values():
            assert position.held > 0
            assert position.debt >= 0 <= position.interest
        bills = venue.okx._state.books.of("ann").bills
        for asset in {bill.asset for bill in bills}:
            own = [bill for bill in bills if bill.asset == asset]
            assert sum((bill.change for bill in own), Decimal(0)) == own[-1].balance
