"""Our requests against ccxt's for the same wishes. Where the venue's documentation shows ccxt wrong, the test says so.

What differs on purpose is taken away on both sides: the nonce (the signer's), the deadline and the client order id
(ccxt sends neither unless asked), and `oflags=fciq`, Kraken's own default that we state.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import ccxt
import pytest

from jarvis.domain.instrument import Side
from jarvis.domain.money import exact
from jarvis.domain.order import ClientOrderId, OrderRequest, OrderRole, OrderType, TimeInForce, VenueOrderId
from jarvis.venues.base import Amendment
from jarvis.venues.kraken.requests import add_order, amend_order, cancel_order
from tests.venues.test_kraken_requests import DEADLINE, wish
from tests.venues.wires import result, sample

D = Decimal
ORDER = VenueOrderId("OQCLML-BW3P3-BUCMWZ")
SYMBOL = "BTC/USD"


class Witness(ccxt.kraken):  # type: ignore[misc]
    """ccxt with the venue's answers prepared and its requests kept."""

    def __init__(self) -> None:
        super().__init__({"apiKey": "made-up", "secret": "bWFkZS11cA=="})
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.set_markets(self._prepared_markets())

    def _prepared_markets(self) -> Any:
        self.prepared = {"Assets": sample("assets"), "AssetPairs": sample("asset_pairs")}
        return self.fetch_markets()

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        operation = url.partition("?")[0].rpartition("/")[2]
        text = body if isinstance(body, str) else url.partition("?")[2]
        fields = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
        self.requests.append((operation, fields))
        return json.loads(self.prepared.get(operation, b'{"error":[],"result":{"txid":["X"],"count":1}}'))

    def said(self, operation: str) -> dict[str, str]:
        return next(fields for name, fields in reversed(self.requests) if name == operation)


@pytest.fixture(scope="module")
def witness() -> Witness:
    return Witness()


def comparable(parameters: Mapping[str, str]) -> dict[str, object]:
    """The parameters without what differs on purpose; numbers as numbers."""
    kept = {key: value for key, value in parameters.items() if key not in ("nonce", "deadline", "cl_ord_id")}
    return {key: exact(value) if _is_number(value) else value for key, value in kept.items()}


def _is_number(value: str) -> bool:
    try:
        exact(value)
    except ValueError:
        return False
    return True


def ours(request: OrderRequest) -> dict[str, object]:
    return comparable(add_order(request, "XXBTZUSD", deadline=DEADLINE, trigger="last", validate_only=False))


@pytest.mark.parametrize(
    ("request_", "kind", "price", "params"),
    [
        (wish(), "market", None, {"leverage": 10}),
        (wish(order_type=OrderType.LIMIT, limit_price=D("60010.5")), "limit", 60010.5, {"leverage": 10}),
        (
            wish(side=Side.SELL, leverage=3, role=OrderRole.SIGNAL_EXIT, reduce_only=True),
            "market",
            None,
            {"leverage": 3, "reduceOnly": True},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), time_in_force=TimeInForce.IOC),
            "limit",
            60010.5,
            {"leverage": 10, "timeInForce": "IOC"},
        ),
        (
            wish(order_type=OrderType.LIMIT, limit_price=D("60010.5"), post_only=True),
            "limit",
            60010.5,
            {"leverage": 10, "postOnly": True},
        ),
        (
            wish(
                side=Side.SELL, order_type=OrderType.STOP, trigger_price=D(58000), role=OrderRole.STOP, reduce_only=True
            ),
            "market",
            None,
            {"leverage": 10, "reduceOnly": True, "stopLossPrice": 58000, "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.STOP_LIMIT, trigger_price=D(58000), limit_price=D("58100.1")),
            "limit",
            58100.1,
            {"leverage": 10, "stopLossPrice": 58000, "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.TAKE_PROFIT, trigger_price=D(70000)),
            "market",
            None,
            {"leverage": 10, "takeProfitPrice": 70000, "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.TAKE_PROFIT_LIMIT, trigger_price=D(70000), limit_price=D(69990)),
            "limit",
            69990,
            {"leverage": 10, "takeProfitPrice": 70000, "trigger": "last"},
        ),
        (
            wish(order_type=OrderType.TRAILING_STOP, trailing_offset=D("150.5")),
            "market",
            None,
            {"leverage": 10, "trailingAmount": "150.5"},
        ),
    ],
)
def test_placing_is_what_ccxt_sends(
    witness: Witness, request_: OrderRequest, kind: str, price: float | None, params: dict[str, object]
) -> None:
    flags = "fciq"  # ccxt adds its own flags to these

    witness.create_order(
        SYMBOL, kind, request_.side.value, float(request_.quantity), price, {**params, "oflags": flags}
    )

    assert ours(request_) == comparable(witness.said("AddOrder"))


def test_client_order_id_and_deadline_are_what_ccxt_sends_when_asked(witness: Witness) -> None:
    request_ = wish(client_order_id=ClientOrderId("jv0000009"))
    parameters = add_order(request_, "XXBTZUSD", deadline=DEADLINE, trigger="last", validate_only=True)

    witness.create_order(
        SYMBOL,
        "market",
        "buy",
        0.0125,
        None,
        {
            "leverage": 10,
            "oflags": "fciq",
            "clientOrderId": "jv0000009",
            "deadline": parameters["deadline"],
            "validate": "true",
        },
    )

    said = witness.said("AddOrder")
    assert {key: said[key] for key in ("cl_ord_id", "deadline", "validate")} == {
        key: parameters[key] for key in ("cl_ord_id", "deadline", "validate")
    }


def test_ccxt_is_wrong_without_leverage_it_places_a_plain_spot_order(witness: Witness) -> None:
    """Ours always says it: https://docs.kraken.com/api/docs/rest-api/add-order, `leverage`, seen 2025-10."""
    witness.create_order(SYMBOL, "market", "sell", 0.0125, None, {"reduceOnly": True})

    assert "leverage" not in witness.said("AddOrder")
    assert "leverage" in ours(wish(side=Side.SELL))


def test_ccxt_is_wrong_a_python_true_is_not_a_truth_on_the_wire(witness: Witness) -> None:
    """`validate=True` of ccxt goes out as `True`, which the venue's documentation does not know; ours is `true`."""
    witness.create_order(SYMBOL, "market", "buy", 0.0125, None, {"leverage": 10, "validate": True})

    assert witness.said("AddOrder")["validate"] == "True"
    checked = add_order(wish(), "XXBTZUSD", deadline=DEADLINE, trigger="last", validate_only=True)
    assert checked["validate"] == "true"


@pytest.mark.parametrize(
    ("change", "amount", "price", "params"),
    [
        (Amendment(quantity=D("0.03")), 0.03, None, {}),
        (Amendment(quantity=D("0.03"), limit_price=D("60000.1")), 0.03, 60000.1, {}),
        (Amendment(trigger_price=D("58500.5")), None, None, {"stopLossPrice": 58500.5}),
        (Amendment(quantity=D("0.03"), trigger_price=D("58500.5")), 0.03, None, {"stopLossPrice": 58500.5}),
    ],
)
def test_amending_is_what_ccxt_sends(
    witness: Witness, change: Amendment, amount: float | None, price: float | None, params: dict[str, object]
) -> None:
    witness.edit_order(ORDER, SYMBOL, "limit", "buy", amount, price, params)

    assert comparable(amend_order(ORDER, change, deadline=DEADLINE)) == comparable(witness.said("AmendOrder"))


def test_cancelling_is_what_ccxt_sends(witness: Witness) -> None:
    witness.cancel_order(ORDER, SYMBOL)

    assert comparable(cancel_order(ClientOrderId("jv0000001"), ORDER)) == comparable(witness.said("CancelOrder"))

    witness.cancel_order("", SYMBOL, {"clientOrderId": "jv0000001"})

    assert witness.said("CancelOrder")["cl_ord_id"] == cancel_order(ClientOrderId("jv0000001"), None)["cl_ord_id"]


def test_markets_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    from jarvis.venues.kraken import CATALOGUE, parse
    from tests.venues.wires import symbols

    instruments = parse.parse_instruments(result("asset_pairs"), symbols(), CATALOGUE)

    for pair, instrument in instruments.items():
        market = witness.market(str(pair))
        assert market["id"] == instrument.symbol
        assert exact(str(market["precision"]["price"])) == instrument.tick
        assert exact(str(market["precision"]["amount"])) == instrument.lot
        assert exact(str(market["limits"]["amount"]["min"])) == instrument.min_quantity
        assert int(market["limits"]["leverage"]["max"]) == max(instrument.leverage_long)


def test_trades_are_read_like_ccxt_reads_them(witness: Witness) -> None:
    from jarvis.venues.kraken import parse
    from tests.venues.wires import symbols

    witness.prepared["TradesHistory"] = sample("trades_history")
    fills = {fill.fill_id: fill for fill in parse.parse_fills(result("trades_history"), symbols(), lambda _: None)}

    for trade in witness.fetch_my_trades():
        fill = fills[trade["id"]]
        assert (trade["symbol"], trade["side"], trade["order"]) == (
            str(fill.pair),
            fill.side.value,
            fill.venue_order_id,
        )
        assert exact(str(trade["price"])) == fill.price
        assert exact(str(trade["amount"])) == fill.quantity
        assert exact(str(trade["fee"]["cost"])) == fill.fee
        assert trade["takerOrMaker"] == ("maker" if fill.is_maker else "taker")
