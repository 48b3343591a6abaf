"""Our requests against ccxt's for the same wishes. Where the venue's documentation shows ccxt wrong, the test says so.

What differs on purpose is taken away on both sides: the time and its window (ccxt allows ten seconds), the signature,
and the case of `isIsolated`, which Binance takes either way.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import Asset, exact
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType, TimeInForce
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import binance as signing
from jarvis.venues.binance import account, parse, requests
from tests.venues.binance.test_requests import RULES, exit_, wish
from tests.venues.binance.wires import ACCOUNT, CANCEL, OPEN_ORDERS, ORDER, POTS, QUERY, REPAY, TRADES, sample, told

D = Decimal
SYMBOL = "BTC/USDT"
BTC = Pair.parse(SYMBOL)
OURS = ClientOrderId("jv0000001")
KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PREPARED = {
    "GET /api/v3/exchangeInfo": "exchange_info",
    "GET /sapi/v1/margin/allPairs": "all_pairs",
    "GET /sapi/v1/margin/isolated/allPairs": "isolated_all_pairs",
    ORDER: "place_order",
    CANCEL: "cancel_order",
    QUERY: "order",
    OPEN_ORDERS: "open_orders",
    TRADES: "my_trades",
    ACCOUNT: "margin_account",
    POTS: "isolated_account",
    REPAY: "borrow_repay",
    "GET /sapi/v1/margin/interestHistory": "interest_history",
    "GET /sapi/v1/account/apiRestrictions": "api_restrictions",
    "POST /sapi/v1/userListenToken": "user_listen_token",
}


class Witness(ccxt.binance):  # type: ignore[misc]
    """ccxt with the venue's answers prepared and its requests kept, byte for byte."""

    def __init__(self) -> None:
        super().__init__(
            {
                "apiKey": KEY,
                "secret": SECRET,
                "enableRateLimit": False,
                "options": {
                    "fetchMarkets": {"types": ["spot"]},
                    "fetchCurrencies": False,
                    "warnOnFetchOpenOrdersWithoutSymbol": False,
                },
            }
        )
        self.requests: list[tuple[str, dict[str, str], str]] = []
        self.load_markets()

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        parts = urlsplit(url)
        operation = f"{method} {parts.path}"
        payload = body if isinstance(body, str) and body else parts.query
        self.requests.append((operation, dict(parse_qsl(payload)), payload))
        return json.loads(sample(PREPARED[operation]))

    def said(self, operation: str) -> dict[str, str]:
        return next(fields for name, fields, _ in reversed(self.requests) if name == operation)

    def payload(self, operation: str) -> str:
        return next(payload for name, _, payload in reversed(self.requests) if name == operation)


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


def comparable(parameters: Mapping[str, str], *without: str) -> dict[str, object]:
    """The parameters without what differs on purpose; numbers as numbers."""
    left_out = {"timestamp", "recvWindow", "signature", *without}
    kept = {name: value for name, value in parameters.items() if name not in left_out}
    return {
        name: value.upper() if name == "isIsolated" else exact(value) if is_number(value) else value
        for name, value in kept.items()
    }


def is_number(value: str) -> bool:
    try:
        exact(value)
    except ValueError:
        return False
    return True


ENTRY = {"sideEffectType": "MARGIN_BUY"}
EXIT = {"reduceOnly": True}


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize(
    ("request_", "kind", "price", "params"),
    [
        (wish(), "market", None, ENTRY),
        (wish(side=Side.SELL), "market", None, ENTRY),
        (wish(order_type=OrderType.LIMIT, limit_price=D("60010.5")), "limit", 60010.5, ENTRY),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), time_in_force=TimeInForce.IOC),
            "limit",
            60010.5,
            {**ENTRY, "timeInForce": "IOC"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), post_only=True),
            "limit",
            60010.5,
            {**ENTRY, "postOnly": True},
        ),
        (exit_(), "market", None, EXIT),
        (
            exit_(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(58000)),
            "market",
            None,
            {**EXIT, "stopLossPrice": 58000},
        ),
        (
            exit_(OrderRole.STOP, order_type=OrderType.STOP_LIMIT, trigger_price=D(58000), limit_price=D("57900.1")),
            "limit",
            57900.1,
            {**EXIT, "stopLossPrice": 58000},
        ),
        (
            exit_(OrderRole.TAKE_PROFIT, order_type=OrderType.TAKE_PROFIT, trigger_price=D(70000)),
            "market",
            None,
            {**EXIT, "takeProfitPrice": 70000},
        ),
        (
            exit_(
                OrderRole.TAKE_PROFIT,
                order_type=OrderType.TAKE_PROFIT_LIMIT,
                trigger_price=D(70000),
                limit_price=D(69990),
            ),
            "limit",
            69990,
            {**EXIT, "takeProfitPrice": 70000},
        ),
    ],
)
def test_placing_is_what_ccxt_sends(
    witness: Witness, request_: OrderRequest, kind: str, price: float | None, params: dict[str, object], isolated: bool
) -> None:
    mode = {"marginMode": "isolated" if isolated else "cross", "clientOrderId": OURS, "newOrderRespType": "FULL"}

    witness.create_order(SYMBOL, kind, request_.side.value, float(request_.quantity), price, {**mode, **params})

    ours = comparable(requests.place_order(request_, RULES, isolated=isolated))
    theirs = comparable(witness.said(ORDER))
    # ccxt leaves the default of the cross account out; we say in every call which account is meant.
    assert ours == {"isIsolated": "FALSE", **theirs}


@pytest.mark.parametrize("isolated", [False, True])
def test_cancelling_and_looking_up_is_what_ccxt_sends(witness: Witness, isolated: bool) -> None:
    mode = {"marginMode": "isolated" if isolated else "cross", "clientOrderId": OURS}
    ours = comparable(requests.named_order(OURS, BTC, isolated=isolated))

    witness.cancel_order("", SYMBOL, mode)
    witness.fetch_order("", SYMBOL, mode)

    for operation in (CANCEL, QUERY):
        assert ours == {"isIsolated": "FALSE", **comparable(witness.said(operation), "clientOrderId")}


@pytest.mark.parametrize("isolated", [False, True])
def test_asking_for_open_orders_and_trades_is_what_ccxt_sends(witness: Witness, isolated: bool) -> None:
    mode = {"marginMode": "isolated" if isolated else "cross"}
    ours = comparable(requests.orders_of(BTC, isolated=isolated))

    witness.fetch_open_orders(SYMBOL, None, None, mode)
    witness.fetch_my_trades(SYMBOL, None, 1000, {**mode, "fromId": "35"})

    assert ours == {"isIsolated": "FALSE", **comparable(witness.said(OPEN_ORDERS))}
    assert {**ours, "fromId": D(35), "limit": D(1000)} == {"isIsolated": "FALSE", **comparable(witness.said(TRADES))}


def test_repaying_is_what_ccxt_sends(witness: Witness) -> None:
    witness.repay_cross_margin("USDT", 5.4)
    cross = comparable(witness.said(REPAY))
    witness.repay_isolated_margin(SYMBOL, "USDT", 5.4)
    isolated = comparable(witness.said(REPAY))

    assert comparable(requests.repayment(Asset("USDT"), D("5.4"), None)) == cross
    assert comparable(requests.repayment(Asset("USDT"), D("5.4"), BTC)) == isolated


def test_a_call_is_signed_like_ccxt_signs_it(witness: Witness) -> None:
    witness.create_order(SYMBOL, "market", "buy", 0.0125, None, {"marginMode": "cross", "clientOrderId": OURS})
    payload, _, theirs = witness.payload(ORDER).rpartition("&signature=")

    assert signing.signature(SECRET.encode(), payload.encode()) == theirs


def test_a_call_is_sent_where_ccxt_sends_it(witness: Witness) -> None:
    """Orders in the body, reads and cancels in the query."""
    for operation in (ORDER, CANCEL, QUERY, REPAY, "POST /sapi/v1/userListenToken"):
        with OpenedKey(bytearray(KEY.encode()), bytearray(SECRET.encode()), bytearray()) as key:
            call = signing.build(key, operation, {"timestamp": "1"}, 1)
        signed = witness.sign(
            operation.partition("/v1/")[2], "sapi", operation.partition(" ")[0], {"symbol": "BTCUSDT"}
        )

        assert bool(call.body) == bool(signed["body"])
        assert ("signature=" in call.path) == ("signature=" in signed["url"])
        assert call.headers["X-MBX-APIKEY"] == signed["headers"]["X-MBX-APIKEY"]


# What both read of the same answers


def test_markets_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    for pair, listing in parse.parse_listings(told("exchange_info")).items():
        market = witness.market(str(pair))
        assert exact(str(market["precision"]["price"])) == listing.tick
        assert exact(str(market["precision"]["amount"])) == listing.lot
        assert exact(str(market["limits"]["amount"]["min"])) == listing.min_quantity
        assert exact(str(market["limits"]["cost"]["min"])) == listing.min_cost


def test_trades_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    fills = {str(fill.fill_id): fill for fill in parse.parse_fills(told("my_trades"), lambda _: None, ())}

    for trade in witness.fetch_my_trades(SYMBOL, None, None, {"marginMode": "cross"}):
        fill = fills[f"BTCUSDT:{trade['id']}"]
        assert (trade["side"], f"BTCUSDT:{trade['order']}") == (fill.side.value, fill.venue_order_id)
        assert exact(str(trade["price"])) == fill.price
        assert exact(str(trade["amount"])) == fill.quantity
        assert exact(str(trade["cost"])) == fill.cost
        assert (exact(str(trade["fee"]["cost"])), trade["fee"]["currency"]) == (fill.fee, fill.fee_asset)
        assert trade["takerOrMaker"] == ("maker" if fill.is_maker else "taker")
        assert trade["timestamp"] == int(fill.at.timestamp() * 1000)


def test_orders_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    words = {"open": "OPEN PARTLY_FILLED"}
    for theirs, ours in zip(
        witness.fetch_open_orders(SYMBOL, None, None, {"marginMode": "cross"}),
        parse.parse_orders(told("open_orders"), "it"),
        strict=True,
    ):
        assert (theirs["clientOrderId"], theirs["side"]) == (ours.client_order_id, ours.side.value if ours.side else "")
        assert ours.status.name in words[theirs["status"]]
        assert exact(str(theirs["amount"])) == ours.quantity
        assert exact(str(theirs["filled"])) == ours.filled_quantity
        assert (theirs["triggerPrice"] or None) == (None if ours.trigger_price is None else float(ours.trigger_price))


def test_cross_balances_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    theirs = witness.fetch_balance({"type": "margin"})

    for balance in account.balances_of(account.parse_cross_account(told("margin_account")).holdings):
        assert exact(str(theirs[balance.asset]["free"])) == balance.available
        assert exact(str(theirs[balance.asset]["debt"])) == balance.owed
        assert exact(str(theirs[balance.asset]["total"])) - balance.owed == balance.total


def test_isolated_accounts_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    theirs = witness.fetch_balance({"type": "margin", "marginMode": "isolated"})

    for pair, pot in account.parse_isolated_account(told("isolated_account")).items():
        for holding in (pot.base, pot.quote):
            told_of = theirs[str(pair)][holding.asset]
            assert exact(str(told_of["free"])) == holding.free
            assert exact(str(told_of["used"])) == holding.locked
            assert exact(str(told_of["debt"])) == holding.owed


# Where ccxt is wrong, or does what we do not want


def test_trap_ccxt_trades_by_cost_when_a_market_order_has_a_price(witness: Witness) -> None:
    """A price beside a market order becomes `quoteOrderQty`: it would buy for an amount, not an amount of coins."""
    witness.create_order(SYMBOL, "market", "buy", 0.0125, 60000, {"marginMode": "cross", "quoteOrderQty": 750})

    assert "quoteOrderQty" in witness.said(ORDER)
    assert "quantity" in requests.place_order(wish(decision_price=D(60000)), RULES, isolated=False)
    assert "quoteOrderQty" not in requests.place_order(wish(decision_price=D(60000)), RULES, isolated=False)


def test_trap_ccxt_places_plain_orders_that_borrow_nothing(witness: Witness) -> None:
    """Without a word about it nothing is borrowed and nothing repaid: the default is NO_SIDE_EFFECT."""
    witness.create_order(SYMBOL, "market", "sell", 0.0125, None, {"marginMode": "cross"})

    assert "sideEffectType" not in witness.said(ORDER)
    assert requests.place_order(wish(), RULES, isolated=False)["sideEffectType"] == "MARGIN_BUY"
    assert requests.place_order(exit_(), RULES, isolated=False)["sideEffectType"] == "AUTO_REPAY"


def test_trap_ccxt_puts_its_brokers_name_into_client_order_ids(witness: Witness) -> None:
    witness.create_order(SYMBOL, "market", "buy", 0.0125, None, {"marginMode": "cross"})

    assert witness.said(ORDER)["newClientOrderId"].startswith("x-")
    assert requests.place_order(wish(), RULES, isolated=False)["newClientOrderId"] == OURS


def test_trap_ccxt_allows_a_delayed_order_ten_seconds(witness: Witness) -> None:
    """An order that waited on its way is executed up to `recvWindow` later; ours is refused after five seconds."""
    witness.create_order(SYMBOL, "market", "buy", 0.0125, None, {"marginMode": "cross"})

    assert witness.said(ORDER)["recvWindow"] == "10000"
    assert signing.OPERATIONS[ORDER].parameters["recvWindow"].pattern.pattern == "5000"


def test_trap_ccxt_names_error_codes_otherwise_on_another_address(witness: Witness) -> None:
    """Its table is chosen by the host, so that a sandbox, a proxy or a mirror changes what an error means."""
    from jarvis.venues.base import RefusalReason, Rejected
    from jarvis.venues.binance.errors import error_for

    body = '{"code":-3045,"msg":"The system does not have enough asset now."}'
    kinds = set()
    for url in ("https://api.binance.com/sapi/v1/margin/order", "http://127.0.0.1:9/sapi/v1/margin/order"):
        with pytest.raises(ccxt.BaseError) as caught:
            witness.handle_errors(400, "", url, "POST", {}, body, json.loads(body), {}, "")
        kinds.add(type(caught.value))
    ours = error_for(-3045, "", write=True, now=parse.parse_time(told("time")), retry_after=None)

    assert len(kinds) == 2
    assert isinstance(ours, Rejected)
    assert ours.reason is RefusalReason.LENDING_POOL_EMPTY
