"""Our requests and readings against ccxt's for the same wishes. Where the venue's documentation shows ccxt wrong, the
test names the trap and shows that we do not fall into it.

What differs on purpose is taken away on both sides: the client order id (ccxt sends one only when asked) and the words
that are defaults of the venue and that we state (`orderFilter`, `timeInForce`).
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest

from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import exact
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType, TimeInForce, VenueOrderId
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import bybit as signing
from jarvis.venues.base import Amendment
from jarvis.venues.bybit import CATALOGUE, orders, parse
from jarvis.venues.bybit.orders import OrderFilter
from jarvis.venues.bybit.requests import amend_order, cancel_order, create_order
from tests.venues.bybit.test_parse import NOW, terms
from tests.venues.bybit.test_requests import wish
from tests.venues.bybit.wires import ScriptedTransport as Wire
from tests.venues.bybit.wires import bybit, listed, result, sample, symbols

D = Decimal
ORDER = VenueOrderId("1700000000000000001")
SYMBOL = "BTC/USDT"
BTC = Pair.parse(SYMBOL)
CREATE, AMEND, CANCEL = "/v5/order/create", "/v5/order/amend", "/v5/order/cancel"
LEVERAGED = {"isLeverage": 1}


class Witness(ccxt.bybit):  # type: ignore[misc]
    """ccxt with the venue's answers prepared and its requests kept."""

    def __init__(self) -> None:
        super().__init__(
            {
                "apiKey": "test-key-0001",
                "secret": "test-secret-0001",
                "options": {
                    "defaultType": "spot",
                    "fetchMarkets": {"types": ["spot"]},
                    "enableUnifiedMargin": False,
                    "enableUnifiedAccount": True,
                    "unifiedMarginStatus": 6,
                },
            }
        )
        self.has["fetchCurrencies"] = False
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.prepared = {"/v5/market/instruments-info": sample("instruments_info")}
        self.load_markets()

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        parts = urlsplit(url)
        fields = json.loads(body) if body else dict(parse_qsl(parts.query))
        self.requests.append((parts.path, fields))
        return json.loads(self.prepared.get(parts.path, sample("order_created")))

    def said(self, path: str) -> dict[str, Any]:
        return next(fields for name, fields in reversed(self.requests) if name == path)


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


def comparable(fields: Mapping[str, Any], *without: str) -> dict[str, object]:
    """The fields with numbers as numbers; what is a default of the venue and differs in nothing else is left out."""
    kept = {key: value for key, value in fields.items() if key not in without}
    if kept.get("orderFilter") == "Order":
        del kept["orderFilter"]
    if kept.get("timeInForce") == ("IOC" if kept.get("orderType") == "Market" else "GTC"):
        del kept["timeInForce"]
    return {key: exact(value) if _is_number(value) else value for key, value in kept.items()}


def _is_number(value: object) -> bool:
    try:
        exact(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def body_of(operation: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What the signer makes of our parameters: the very JSON that is sent."""
    with OpenedKey(bytearray(b"key"), bytearray(b"secret"), bytearray()) as key:
        body = signing.build(key, f"POST {operation}", {**parameters, "timestamp": "1790000000000"}, 1).body
    read: dict[str, Any] = json.loads(body)
    return read


def ours(request: OrderRequest) -> dict[str, object]:
    return comparable(body_of(CREATE, create_order(request, "BTCUSDT")), "orderLinkId")


@pytest.mark.witness
@pytest.mark.parametrize(
    ("request_", "kind", "price", "params"),
    [
        (wish(), "market", None, {}),
        (wish(side=Side.SELL, role=OrderRole.SIGNAL_EXIT, reduce_only=True), "market", None, {}),
        (wish(order_type=OrderType.LIMIT, limit_price=D("60010.5")), "limit", 60010.5, {}),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), time_in_force=TimeInForce.IOC),
            "limit",
            60010.5,
            {"timeInForce": "IOC"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), post_only=True),
            "limit",
            60010.5,
            {"postOnly": True},
        ),
        (
            wish(side=Side.SELL, order_type=OrderType.STOP, trigger_price=D(58000)),
            "market",
            None,
            {"triggerPrice": 58000},
        ),
        (
            wish(order_type=OrderType.TAKE_PROFIT_LIMIT, trigger_price=D(58000), limit_price=D("58100.1")),
            "limit",
            58100.1,
            {"triggerPrice": 58000},
        ),
    ],
)
def test_placing_is_what_ccxt_sends_once_it_is_told_to_borrow(
    witness: Witness, request_: OrderRequest, kind: str, price: float | None, params: dict[str, object]
) -> None:
    side, quantity = request_.side.value, float(request_.quantity)

    witness.create_order(SYMBOL, kind, side, quantity, price, {**LEVERAGED, **params})

    assert ours(request_) == comparable(witness.said(CREATE))
    assert isinstance(body_of(CREATE, create_order(request_, "BTCUSDT"))["isLeverage"], int)


@pytest.mark.witness
def test_a_client_order_id_is_what_ccxt_sends_when_asked(witness: Witness) -> None:
    witness.create_order(SYMBOL, "market", "buy", 0.0125, None, {**LEVERAGED, "clientOrderId": "jv0000009"})

    request_ = wish(client_order_id=ClientOrderId("jv0000009"))
    assert witness.said(CREATE)["orderLinkId"] == create_order(request_, "BTCUSDT")["orderLinkId"]


@pytest.mark.witness
def test_trap_a_margin_mode_does_not_make_ccxt_borrow(witness: Witness) -> None:
    """`isLeverage` is absent, so the venue places a plain spot order. Ours cannot even be signed without it."""
    witness.create_order(SYMBOL, "market", "sell", 0.0125, None, {"marginMode": "cross"})

    assert "isLeverage" not in witness.said(CREATE)
    assert ours(wish(side=Side.SELL))["isLeverage"] == 1


@pytest.mark.witness
def test_trap_a_market_buy_with_a_price_is_by_value(witness: Witness) -> None:
    """With a price ccxt sends quantity times price and no unit; ours is in base, and says so."""
    witness.create_order(SYMBOL, "market", "buy", 0.0125, 60000, LEVERAGED)

    said = witness.said(CREATE)
    assert (exact(said["qty"]), said.get("marketUnit")) == (D(750), None)
    assert (ours(wish())["qty"], ours(wish())["marketUnit"]) == (D("0.0125"), "baseCoin")


@pytest.mark.witness
def test_trap_a_stop_loss_price_makes_a_list_of_its_own_that_locks_coins(witness: Witness) -> None:
    """`tpslOrder` locks at placement, and carries fields that spot ignores. Ours is a `StopOrder`."""
    witness.create_order(SYMBOL, "market", "sell", 0.0125, None, {**LEVERAGED, "stopLossPrice": 58000})

    said = witness.said(CREATE)
    assert (said["orderFilter"], said["reduceOnly"]) == ("tpslOrder", True)
    stop = wish(
        side=Side.SELL, order_type=OrderType.STOP, trigger_price=D(58000), role=OrderRole.STOP, reduce_only=True
    )
    assert ours(stop)["orderFilter"] == "StopOrder"
    assert "reduceOnly" not in ours(stop)


@pytest.mark.witness
@pytest.mark.parametrize(
    ("order_filter", "params"), [(OrderFilter.ORDER, {}), (OrderFilter.STOP_ORDER, {"trigger": True})]
)
def test_cancelling_is_what_ccxt_sends_for_the_same_list(
    witness: Witness, order_filter: OrderFilter, params: dict[str, object]
) -> None:
    witness.cancel_order(ORDER, SYMBOL, params)

    sent = body_of(CANCEL, cancel_order(ClientOrderId("jv1"), ORDER, "BTCUSDT", order_filter))
    assert comparable(sent) == comparable(witness.said(CANCEL))


@pytest.mark.witness
async def test_trap_ccxt_looks_for_a_stop_in_the_wrong_list(witness: Witness) -> None:
    """Without a hint it names `Order`, and the venue answers 170213 for a stop. We look in every list."""
    witness.cancel_order(ORDER, SYMBOL)
    wire = Wire()
    wire.says(CANCEL, sample("insufficient").replace(b"170131", b"170213"))

    assert not await bybit(wire).cancel(ClientOrderId("jv1"), ORDER, BTC)

    assert witness.said(CANCEL)["orderFilter"] == "Order"
    assert {query["orderFilter"] for query in wire.sent(CANCEL)} == {"Order", "StopOrder", "tpslOrder"}


@pytest.mark.witness
@pytest.mark.parametrize(
    ("change", "amount", "price", "params"),
    [
        (Amendment(quantity=D("0.03")), 0.03, None, {}),
        (Amendment(quantity=D("0.03"), limit_price=D("60000.1")), 0.03, 60000.1, {}),
        (Amendment(trigger_price=D("58500.5")), None, None, {"triggerPrice": 58500.5}),
    ],
)
def test_amending_is_what_ccxt_sends(
    witness: Witness, change: Amendment, amount: float | None, price: float | None, params: dict[str, object]
) -> None:
    witness.edit_order(ORDER, SYMBOL, "limit", "buy", amount, price, params)

    # `triggerBy` is of derivatives, and without effect on spot.
    assert comparable(body_of(AMEND, amend_order(ORDER, "BTCUSDT", change))) == comparable(
        witness.said(AMEND), "triggerBy"
    )


@pytest.mark.witness
def test_markets_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    instruments = parse.parse_instruments(result("instruments_info"), symbols(), CATALOGUE, terms())

    assert instruments
    for pair, instrument in instruments.items():
        market = witness.market(str(pair))
        assert market["id"] == instrument.symbol
        assert market["margin"]
        assert exact(str(market["precision"]["price"])) == instrument.tick
        assert exact(str(market["precision"]["amount"])) == instrument.lot
        assert exact(str(market["limits"]["cost"]["min"])) == instrument.min_cost


@pytest.mark.witness
def test_fills_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    witness.prepared["/v5/execution/list"] = sample("execution_list")
    read = orders.parse_executions(result("execution_list"), symbols(), lambda _: None)
    fills = {each.fill.fill_id.partition(":")[2]: each.fill for each in read}

    for trade in witness.fetch_my_trades(SYMBOL):
        fill = fills[trade["id"]]
        assert (trade["side"], trade["order"]) == (fill.side.value, fill.venue_order_id)
        assert exact(str(trade["price"])) == fill.price
        assert exact(str(trade["amount"])) == fill.quantity
        assert trade["takerOrMaker"] == ("maker" if fill.is_maker else "taker")


@pytest.mark.witness
async def test_trap_ccxt_hides_liquidations_and_all_but_a_week(witness: Witness) -> None:
    """It asks for `execType=Trade`, in one window. We ask for every kind, week by week."""
    witness.prepared["/v5/execution/list"] = sample("execution_list")
    witness.fetch_my_trades(SYMBOL, 1780000000000)
    wire = Wire()
    wire.says("/v5/execution/list", listed())

    await bybit(wire).fills(NOW.replace(month=8))

    assert witness.said("/v5/execution/list")["execType"] == "Trade"
    asked = wire.sent("/v5/execution/list")
    assert len({query["startTime"] for query in asked}) == 5
    assert all("execType" not in query for query in asked)


@pytest.mark.witness
def test_trap_ccxt_counts_borrowed_coins_as_the_accounts_own(witness: Witness) -> None:
    """Its total is the wallet's, loans included; ours is net, and so falls by what is owed."""
    witness.prepared["/v5/account/wallet-balance"] = sample("wallet_balance")

    told = witness.fetch_balance()
    wallet = parse.parse_wallet(result("wallet_balance"), NOW)

    for balance in wallet.balances:
        assert exact(str(told[balance.asset]["total"])) == balance.total + balance.owed
    assert exact(str(told["ETH"]["total"])) == D("0.5")
    assert wallet.balances[2].total == D("-0.060001")


@pytest.mark.witness
def test_trap_the_ledger_of_ccxt_reaches_back_a_day(witness: Witness) -> None:
    """Without an end it leaves the window to the venue, whose default is 24 hours."""
    witness.prepared["/v5/account/transaction-log"] = sample("transaction_log")

    witness.fetch_ledger()

    assert "startTime" not in witness.said("/v5/account/transaction-log")


@pytest.mark.witness
def test_order_statuses_are_read_like_ccxt_reads_them_but_for_those_that_end_with_a_part_filled(
    witness: Witness,
) -> None:
    """A part that was filled and then cancelled is `closed` there, which elsewhere means filled; a rejection with
    fills is `rejected` there, which elsewhere means without any."""
    theirs = {"open": {"open", "partly_filled"}, "closed": {"filled"}, "canceled": {"cancelled"}}
    for name in ("order_realtime", "order_history"):
        for row in json.loads(sample(name))["result"]["list"]:
            told = witness.parse_order(row)["status"]
            report = orders.parse_order(row, symbols(), name).report
            if row["orderStatus"] == "Rejected":
                assert told == "rejected"
                assert report.status.value == ("cancelled" if report.filled_quantity else "rejected")
            elif row["orderStatus"] == "PartiallyFilledCanceled":
                assert (told, report.status.value) == ("closed", "cancelled")
            else:
                assert report.status.value in theirs[told], row["orderStatus"]
