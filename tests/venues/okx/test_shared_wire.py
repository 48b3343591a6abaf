"""Every reader over payload shapes that others recorded, where they are at hand."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jarvis.domain.order import VenueOrderId
from jarvis.venues.okx import CATALOGUE, history, parse
from jarvis.venues.okx.account import balances_of, parse_config, parse_positions, parse_wallet
from jarvis.venues.okx.fields import decode
from jarvis.venues.okx.streams import parse_quote
from tests.venues.okx.told import fill_of, order_of, spawned_of
from tests.venues.okx.wires import BTC

SHARED = Path(__file__).resolve().parents[4] / "shared" / "wire" / "okx"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no shared payload shapes beside this repository")
MINUTE = timedelta(minutes=1)


def rest(name: str) -> Any:
    """The `data` of the answer in a file: the first lines say method, path and whether the call is signed."""
    text = (SHARED / "Endpoints" / "UnifiedApi" / f"{name}.txt").read_text()
    return decode(text[text.index("{") :])["data"]


def pushed(name: str) -> list[dict[str, Any]]:
    """The rows of the data frames in a file of a subscription."""
    text = (SHARED / "Subscriptions" / "Unified" / f"{name}.txt").read_text()
    frames = [json.loads(part) for part in re.split(r"^\s*=", text, flags=re.MULTILINE)[1:]]
    return [row for frame in frames for row in frame["data"]]


def test_markets() -> None:
    assert BTC in parse.parse_instruments(rest("ExchangeData/GetSymbols"), CATALOGUE)
    assert parse.parse_first_tier(rest("ExchangeData/GetPositionTiers")).largest == 50
    assert parse.parse_ask(rest("ExchangeData/GetTicker")) > 0
    for name in ("GetKlines", "GetKlineHistory"):
        assert [parse.parse_bar(row, BTC, MINUTE) for row in rest(f"ExchangeData/{name}")]


def test_the_account() -> None:
    config = parse_config(rest("Account/GetAccountConfiguration"))
    assert config.permissions.granted == {"read_only", "trade", "withdraw"}
    assert len(config.permissions.ip_allowlist) == 2
    assert balances_of(parse_wallet(rest("Account/GetAccountBalance")), ())
    assert parse_positions(rest("Account/GetAccountPositions")) == ()  # a contract's
    assert parse.parse_fee_rates(rest("Account/GetFeeRates"), {BTC: ""})[BTC].taker_rate > 0
    assert len(parse.parse_interest_rates(rest("Account/GetInterestRate"))) == 2
    assert parse.parse_max_size(rest("Account/GetMaximumAmount"))[0] > 0


@pytest.mark.parametrize(
    ("name", "many"),
    [("GetOrderDetails", 1), ("GetOrders", 1), ("GetOrderHistory", 1), ("GetOrderArchive", 1)],
)
def test_orders(name: str, many: int) -> None:
    told = [row for row in rest(f"Trading/{name}") if parse.is_spot(row, name)]

    reports = [order_of(row, name, spawned_of(row, name)) for row in told]
    assert len(reports) >= many or not told


@pytest.mark.parametrize("name", ["GetAlgoOrder", "GetAlgoOrderList", "GetAlgoOrderHistory"])
def test_algo_orders(name: str) -> None:
    assert [parse.parse_algo_order(row, name) for row in rest(f"Trading/{name}") if parse.is_spot(row, name)]


@pytest.mark.parametrize("name", ["GetUserTrades", "GetUserTradesArchive"])
def test_fills(name: str) -> None:
    told = [row for row in rest(f"Trading/{name}") if parse.is_spot(row, name)]

    fills = [history.parse_fill(row, lambda _: None, spot_is_margin=True) for row in told]
    assert all(fill.fee > 0 and fill.fee_asset == "BTC" for fill in fills)


@pytest.mark.parametrize("name", ["GetBillHistory", "GetBillArchive"])
def test_bills(name: str) -> None:
    # A trade on spot: told as a fill, not here.
    assert [history.parse_bill(row) for row in rest(f"Account/{name}")] == [None]


def test_interest() -> None:
    first, second = [history.parse_interest(row) for row in rest("Account/GetInterestAccrued")]

    assert first.fee > 0
    assert first.row_id != second.row_id


def test_streams() -> None:
    (order,) = pushed("Trading/Order")
    fill = fill_of(order, None, spot_is_margin=True)
    assert fill is not None
    assert (fill.is_maker, fill.fee_asset) == (True, "USDT")
    assert order_of(order, "orders", None).venue_order_id == VenueOrderId("452197707845865472")
    (algo,) = pushed("Trading/AlgoOrder")
    assert parse.parse_algo_order(algo, "orders-algo").report.trigger_price == 1
    (ticker,) = pushed("ExchangeData/Ticker")
    assert parse_quote(ticker) is not None
    for row in pushed("Account/Balance"):
        assert balances_of(parse_wallet([row]), ())
