"""Our requests and readings against ccxt's for the same wishes. Where OKX's documentation shows ccxt wrong, the test
says so: each trap that ccxt's users fell into has a name here.

What differs on purpose is taken away on both sides: ids and deadlines (ccxt sends none unless asked) and our own
`purpose`, which is never sent.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import ccxt
import pytest

from jarvis.domain.account import LedgerKind
from jarvis.domain.instrument import Side
from jarvis.domain.money import exact
from jarvis.domain.order import OrderRole, OrderType, VenueOrderId
from jarvis.venues.base import Amendment
from jarvis.venues.okx import history, parse, requests
from jarvis.venues.okx.account import balances_of, parse_wallet
from tests.venues.okx.test_requests import EXPIRY, TICK
from tests.venues.okx.told import order_of
from tests.venues.okx.wires import ALGO, BTC, row, rows, sample, stop, wish

D = Decimal
SYMBOL = "BTC/USDT"
ORDER = VenueOrderId("2510789768709120001")
CROSS = {"marginMode": "cross", "tdMode": "cross"}

pytestmark = pytest.mark.witness


class Witness(ccxt.okx):  # type: ignore[misc]
    """ccxt with the venue's answers prepared and its requests kept."""

    def __init__(self) -> None:
        super().__init__({"apiKey": "made-up", "secret": "made-up", "password": "made-up"})
        self.has["fetchCurrencies"] = False
        self.options["fetchMarkets"] = {"types": ["spot"]}
        self.requests: list[tuple[str, Any]] = []
        self.prepared: dict[str, bytes] = {"public/instruments": sample("instruments_spot")}
        self.load_markets()

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        path, _, query = url.partition("?")
        path = path.partition("/api/v5/")[2]
        fields = json.loads(body) if isinstance(body, str) else dict(parse_qsl(query))
        self.requests.append((path, fields))
        return json.loads(self.prepared.get(path, sample("place_order")))

    def said(self, path: str) -> dict[str, Any]:
        told = next(fields for name, fields in reversed(self.requests) if name == path)
        (only,) = told if isinstance(told, list) else [told]
        return dict(only)


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


def comparable(parameters: Mapping[str, Any]) -> dict[str, object]:
    """The parameters without what differs on purpose; numbers as numbers, booleans as they are sent."""
    dropped = ("clOrdId", "algoClOrdId", "tag", "expTime", "purpose", "timestamp")
    kept = {key: value for key, value in parameters.items() if key not in dropped}
    return {key: _value(value) for key, value in kept.items()}


def _value(value: object) -> object:
    if value in ("true", "false"):
        return value == "true"
    try:
        return exact(str(value))
    except ValueError:
        return value


def ours(request: Any, price: Decimal | None) -> dict[str, object]:
    return comparable(requests.place_order(request, price=price, reduces=True, expires_at=EXPIRY))


def test_a_limit_buy_is_the_same_request(witness: Witness) -> None:
    witness.create_order(SYMBOL, "limit", "buy", 0.01, 59000, CROSS)

    limit = wish(order_type=OrderType.LIMIT, limit_price=D(59000))
    assert comparable(witness.said("trade/batch-orders")) == ours(limit, D(59000))


@pytest.mark.parametrize(("params", "changes"), [({"postOnly": True}, {"post_only": True})])
def test_a_post_only_order_is_the_same_request(
    witness: Witness, params: dict[str, object], changes: dict[str, object]
) -> None:
    witness.create_order(SYMBOL, "limit", "buy", 0.01, 59000, {**CROSS, **params})

    limit = wish(order_type=OrderType.LIMIT, limit_price=D(59000), **changes)
    assert comparable(witness.said("trade/batch-orders")) == ours(limit, D(59000))


def test_trap_a_market_buy_of_a_hundredth_would_be_sent_as_a_hundredth_of_a_dollar(witness: Witness) -> None:
    """The size of a market buy on margin is quote, whatever tgtCcy says (ccxt/ccxt#15931)."""
    witness.create_order(SYMBOL, "market", "buy", 0.01, None, CROSS)
    theirs = comparable(witness.said("trade/batch-orders"))

    assert (theirs["ordType"], theirs["sz"]) == ("market", D("0.01"))
    assert "tgtCcy" not in theirs
    # Ours names a price, and so is sized in base.
    own = ours(wish(), D("60600.1"))
    assert (own["ordType"], own["sz"], own["px"]) == ("ioc", D("0.01"), D("60600.1"))
    assert {key: value for key, value in own.items() if key not in ("ordType", "px")} == {
        key: value for key, value in theirs.items() if key != "ordType"
    }


def test_trap_a_close_of_a_long_would_open_a_short_margined_in_its_base(witness: Witness) -> None:
    """A sell without `ccy` is margined in base: it does not meet the long that is margined in USDT."""
    witness.create_order(SYMBOL, "market", "sell", 0.01, None, {**CROSS, "reduceOnly": True})
    theirs = comparable(witness.said("trade/batch-orders"))

    own = ours(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True), None)
    assert (theirs["ccy"], own["ccy"]) == ("BTC", "USDT")
    assert {**theirs, "ccy": "USDT"} == own


def test_told_the_currency_it_is_the_same_close(witness: Witness) -> None:
    witness.create_order(SYMBOL, "market", "sell", 0.01, None, {**CROSS, "reduceOnly": True, "ccy": "USDT"})

    own = ours(wish(side=Side.SELL, role=OrderRole.FLATTEN, reduce_only=True), None)
    assert comparable(witness.said("trade/batch-orders")) == own


def test_a_stop_is_the_same_algo_order(witness: Witness) -> None:
    witness.prepared["trade/order-algo"] = sample("place_algo_order")
    witness.create_order(
        SYMBOL, "market", "sell", 0.01, None, {**CROSS, "ccy": "USDT", "reduceOnly": True, "stopLossPrice": 59000}
    )

    theirs = comparable(witness.said("trade/order-algo"))
    own = comparable(requests.place_algo_order(stop(), tick=TICK, reduces=True))
    assert theirs == own


def test_trap_an_algo_orders_client_id_goes_in_a_field_of_its_own(witness: Witness) -> None:
    witness.prepared["trade/order-algo"] = sample("place_algo_order")
    params = {**CROSS, "ccy": "USDT", "stopLossPrice": 59000, "clientOrderId": "jv1"}
    witness.create_order(SYMBOL, "market", "sell", 0.01, None, params)

    assert "algoClOrdId" not in witness.said("trade/order-algo")
    assert "algoClOrdId" in requests.place_algo_order(stop(), tick=TICK, reduces=True)


def test_an_amendment_is_the_same_request(witness: Witness) -> None:
    witness.prepared["trade/amend-order"] = sample("amend_order")
    witness.edit_order(str(ORDER), SYMBOL, "limit", "buy", 0.02, 58000)

    own = requests.amend_order(
        ORDER, "BTC-USDT", Amendment(quantity=D("0.02"), limit_price=D(58000)), expires_at=EXPIRY
    )
    assert comparable(witness.said("trade/amend-order")) == comparable(own)


def test_a_cancellation_is_the_same_request(witness: Witness) -> None:
    witness.prepared["trade/cancel-order"] = sample("cancel_order")
    witness.cancel_order(str(ORDER), SYMBOL)

    assert comparable(witness.said("trade/cancel-order")) == comparable(
        requests.cancel_order(wish().client_order_id, ORDER, "BTC-USDT")
    )


def test_a_stops_cancellation_is_the_same_list(witness: Witness) -> None:
    witness.prepared["trade/cancel-algos"] = sample("cancel_algo_order")
    witness.cancel_order(ALGO, SYMBOL, {"trigger": True})

    own = requests.cancel_algo_order(wish().client_order_id, parse.algo_order_id(ALGO), "BTC-USDT")
    assert comparable(witness.said("trade/cancel-algos")) == comparable(own)


def test_an_order_is_read_the_same(witness: Witness) -> None:
    theirs = witness.parse_order(row("order_live", accFillSz="0.004", avgPx="59000"))
    own = order_of(row("order_live", accFillSz="0.004", avgPx="59000"), "order", None)

    assert theirs["id"] == own.venue_order_id
    assert theirs["clientOrderId"] == own.client_order_id
    assert exact(str(theirs["amount"])) == own.quantity
    assert exact(str(theirs["filled"])) == own.filled_quantity
    assert exact(str(theirs["price"])) == own.limit_price
    assert theirs["side"] == "buy"


def test_a_fill_is_read_the_same(witness: Witness) -> None:
    for told in rows("fills_history"):
        theirs = witness.parse_trade(told)
        own = history.parse_fill(told, lambda _: None, spot_is_margin=False)

        assert exact(str(theirs["price"])) == own.price
        assert exact(str(theirs["amount"])) == own.quantity
        assert exact(f"{theirs['fee']['cost']:.10f}") == own.fee  # both turn the sign
        assert theirs["fee"]["currency"] == own.fee_asset
        assert theirs["takerOrMaker"] == ("maker" if own.is_maker else "taker")


def test_instruments_are_read_the_same(witness: Witness) -> None:
    listed = parse.parse_instruments(rows("instruments_spot"), [BTC])[BTC].instrument
    market = witness.market(SYMBOL)

    assert market["margin"] is True
    assert exact(str(market["precision"]["price"])) == listed.tick
    assert exact(str(market["precision"]["amount"])) == listed.lot
    assert exact(str(market["limits"]["amount"]["min"])) == listed.min_quantity
    assert market["limits"]["leverage"]["max"] == max(listed.leverage_long)


def test_trap_a_debt_does_not_show_in_a_unified_balance(witness: Witness) -> None:
    witness.prepared["account/balance"] = sample("balance_multi_currency")
    theirs = witness.fetch_balance()
    own = {each.asset: each for each in balances_of(parse_wallet(rows("balance_multi_currency")), ())}

    assert theirs["USDT"].get("debt") is None
    assert (own["USDT"].borrowed, own["USDT"].interest) == (D(2000), D("0.25"))  # type: ignore[index]
    assert exact(str(theirs["USDT"]["total"])) == own["USDT"].total + own["USDT"].interest  # type: ignore[index]


def test_trap_a_unified_ledger_asks_for_spot_only_and_hides_margin_and_interest(witness: Witness) -> None:
    witness.prepared["account/bills"] = sample("bills")
    witness.fetch_ledger("USDT")

    assert witness.said("account/bills")["instType"] == "SPOT"
    told = [each for each in map(history.parse_bill, rows("bills")) if each is not None]
    assert LedgerKind.LIQUIDATION_FEE in {each.kind for each in told}


def test_trap_unified_trades_ask_for_spot_only(witness: Witness) -> None:
    witness.prepared["trade/fills-history"] = sample("fills_history")
    witness.fetch_my_trades(SYMBOL)

    assert witness.said("trade/fills-history")["instType"] == "SPOT"


def test_trap_a_key_of_another_region_has_no_class_of_its_own(witness: Witness) -> None:
    assert "50119" not in witness.exceptions["exact"]
    assert "50120" not in witness.exceptions["exact"]
