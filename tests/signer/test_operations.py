import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.signer.errors import SignerRefused
from jarvis.signer.venues import VENUES, check
from jarvis.signer.venues.kraken import OPERATIONS as KRAKEN
from jarvis.signer.venues.kraken import PAIRS as KRAKEN_PAIRS
from jarvis.signer.venues.kraken import may_open
from tests.signer.canary import scan
from tests.signer.inprocess import made_up_key

ENTRY = {
    "cl_ord_id": "jvA0000001",
    "deadline": "2026-11-22T20:18:00.123Z",
    "leverage": "10",
    "oflags": "fciq",
    "ordertype": "market",
    "pair": "XXBTZUSD",
    "type": "buy",
    "volume": "0.0005",
}
STOP = {**ENTRY, "ordertype": "stop-loss", "type": "sell", "price": "37500.1", "trigger": "last", "reduce_only": "true"}
ORDER = "OL7LNO-R4SAD-6UINEU"
AMEND = {"txid": ORDER, "deadline": "2026-11-22T20:18:00Z", "order_qty": "1.5"}

# Everything on Kraken's private REST API that can move funds or change settings, and how it would be called.
FORBIDDEN = {
    "Withdraw": {"asset": "XBT", "key": "mine", "amount": "0.5"},
    "WithdrawCancel": {"asset": "XBT", "refid": "AGBSO6T-UFMTTQ-I7KGS6"},
    "WithdrawInfo": {"asset": "XBT", "key": "mine", "amount": "0.5"},
    "WithdrawMethods": {"asset": "XBT"},
    "WithdrawAddresses": {"asset": "XBT"},
    "WithdrawStatus": {"asset": "XBT"},
    "WalletTransfer": {"asset": "XBT", "from": "Spot Wallet", "to": "Futures Wallet", "amount": "1"},
    "AccountTransfer": {"asset": "XBT", "from": "A", "to": "B", "amount": "1"},
    "CreateSubaccount": {"username": "a", "email": "a@example.org"},
    "DepositMethods": {"asset": "XBT"},
    "DepositAddresses": {"asset": "XBT", "method": "Bitcoin", "new": "true"},
    "DepositStatus": {},
    "Earn/Allocate": {"strategy_id": "x", "amount": "1"},
    "Earn/Deallocate": {"strategy_id": "x", "amount": "1"},
    "Earn/Strategies": {},
    "Stake": {"asset": "XBT", "amount": "1", "method": "x"},
    "Unstake": {"asset": "XBT", "amount": "1"},
    "AddExport": {"report": "trades", "format": "CSV", "description": "x"},
    "RemoveExport": {"id": "x", "type": "delete"},
    "RetrieveExport": {"id": "x"},
    "CancelAll": {},
    "CancelAllOrdersAfter": {"timeout": "60"},
    "CancelOrderBatch": {"orders[0]": ORDER},
    "AddOrderBatch": {"pair": "XBTUSD", "orders": "[]"},
    "EditOrder": {"txid": ORDER, "pair": "XBTUSD", "volume": "1"},
    "oauth/fast-api-key": {},
}


def refusal_of(operation: str, parameters: Mapping[str, str], venue: str = "kraken") -> str:
    with pytest.raises(SignerRefused) as refusal:
        check(venue, operation, parameters)
    return refusal.value.code


@pytest.mark.parametrize("operation", FORBIDDEN)
def test_nothing_that_moves_funds_or_changes_settings_can_be_signed(operation: str) -> None:
    spellings = [operation, operation.lower(), f"../private/{operation}", f"Balance/../{operation}", f" {operation}"]

    codes = {refusal_of(spelling, FORBIDDEN[operation]) for spelling in spellings}

    assert codes == {"operation"}
    assert refusal_of("Balance", FORBIDDEN[operation] or {"asset": "XBT"}) == "parameter"


@pytest.mark.parametrize("operation", KRAKEN)
def test_no_operation_of_the_list_is_about_funds_or_settings(operation: str) -> None:
    assert not re.search(
        r"withdraw|transfer|deposit|earn|stak|subaccount|export|cancelall|batch|setting", operation.lower()
    )


@pytest.mark.parametrize("operation", KRAKEN)
def test_an_operation_name_is_a_plain_path_segment(operation: str) -> None:
    assert re.fullmatch(r"[A-Za-z]{4,30}", operation)


@given(st.text(max_size=40))
def test_no_other_operation_is_signed(operation: str) -> None:
    if operation not in KRAKEN:
        assert refusal_of(operation, {}) == "operation"


@pytest.mark.parametrize("venue", ["coinbase", "binance-us", "", "Kraken"])
def test_nothing_is_signed_for_a_venue_without_a_list(venue: str) -> None:
    assert venue not in VENUES
    assert refusal_of("Balance", {}, venue) == "venue"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("GetApiKeyInfo", {}),
        ("GetWebSocketsToken", {}),
        ("Balance", {}),
        ("BalanceEx", {}),
        ("TradeBalance", {"asset": "ZUSD"}),
        ("TradeVolume", {"pair": "XXBTZUSD,XETHZUSD,BNBUSD"}),
        ("OpenOrders", {}),
        ("OpenOrders", {"trades": "true", "cl_ord_id": "jvA0000001"}),
        ("ClosedOrders", {"cl_ord_id": "jvA0000001", "ofs": "50"}),
        ("ClosedOrders", {"start": "1700000000", "end": "1700000000.1234", "closetime": "both"}),
        ("QueryOrders", {"txid": ",".join([ORDER] * 50)}),
        ("TradesHistory", {"start": "1699999999", "consolidate_taker": "false", "ofs": "50", "type": "all"}),
        ("TradesHistory", {"start": "TWA6QJ-ZO4EM-6QIHQJ"}),
        ("QueryTrades", {"txid": "TWA6QJ-ZO4EM-6QIHQJ"}),
        ("OpenPositions", {}),
        ("OpenPositions", {"docalcs": "true", "consolidation": "market"}),
        ("Ledgers", {"start": "0", "ofs": "100", "type": "rollover", "asset": "ZUSD,XXBT,XBT.M"}),
        ("QueryLedgers", {"id": "L4UESK-KG3EQ-UFO4T5"}),
        ("AddOrder", ENTRY),
        ("AddOrder", STOP),
        ("AddOrder", {**ENTRY, "pair": "XBTUSD:BTNL", "validate": "true"}),
        ("AddOrder", {**ENTRY, "pair": "BNBUSD", "leverage": "5"}),
        ("AddOrder", {**STOP, "volume": "0"}),
        ("AddOrder", {**STOP, "ordertype": "trailing-stop", "price": "+12.5"}),
        ("AddOrder", {**STOP, "ordertype": "stop-loss-limit", "price2": "37000"}),
        ("AddOrder", {**STOP, "ordertype": "take-profit", "trigger": "index"}),
        ("AddOrder", {**ENTRY, "ordertype": "limit", "price": "37500", "oflags": "fciq,post", "timeinforce": "GTC"}),
        (
            "AddOrder",
            {**ENTRY, "ordertype": "limit", "price": "1", "timeinforce": "GTD", "expiretm": "1700000000"},
        ),
        ("AddOrder", {**ENTRY, "close[ordertype]": "stop-loss", "close[price]": "30000"}),
        (
            "AddOrder",
            {**ENTRY, "close[ordertype]": "stop-loss-limit", "close[price]": "30000", "close[price2]": "29000"},
        ),
        ("AmendOrder", AMEND),
        ("AmendOrder", {"cl_ord_id": "jvA0000001", "deadline": AMEND["deadline"], "trigger_price": "1.5"}),
        ("CancelOrder", {"txid": ORDER}),
        ("CancelOrder", {"txid": "OAAAAA-AAAAA-AAAAAA"}),
        ("CancelOrder", {"cl_ord_id": "jvA0000001"}),
    ],
)
def test_what_trading_needs_may_be_signed(operation: str, parameters: Mapping[str, str]) -> None:
    check("kraken", operation, parameters)


@pytest.mark.parametrize("missing", ["leverage", "cl_ord_id", "deadline", "ordertype", "type", "pair", "volume"])
def test_an_order_without_a_required_field_is_refused(missing: str) -> None:
    order = {name: value for name, value in ENTRY.items() if name != missing}

    with pytest.raises(SignerRefused, match=missing) as refusal:
        check("kraken", "AddOrder", order)

    assert refusal.value.code == "parameter"


@pytest.mark.parametrize(
    "change",
    [
        {"leverage": "1"},
        {"leverage": "11"},
        {"leverage": "20"},
        {"leverage": "none"},
        {"leverage": "٣"},
        {"pair": "BNBUSD", "leverage": "6"},
        {"pair": "XBTUSDT"},
        {"pair": "XBTEUR"},
        {"pair": "BTC/USD"},
        {"pair": "DOTUSD"},
        {"pair": "BNBUSD:BTNL", "leverage": "2"},
        {"pair": "XXBTZUSD,XETHZUSD"},
        {"pair": "XXBTZUSD\n"},
        {"type": "BUY"},
        {"ordertype": "settle-position"},
        {"ordertype": "iceberg", "price": "1"},
        {"volume": "-1"},
        {"volume": "1.\u0663"},
        {"volume": "1\uff11"},
        {"volume": "1e3"},
        {"volume": "NaN"},
        {"volume": "1.5%"},
        {"volume": "0"},
        {"volume": "0.000"},
        {"volume": "01"},
        {"volume": "1" * 16},
        {"price": "37500"},
        {"ordertype": "limit"},
        {"ordertype": "limit", "price": "0"},
        {"ordertype": "limit", "price": "+5"},
        {"ordertype": "limit", "price": "-5"},
        {"ordertype": "limit", "price": "#5%"},
        {"ordertype": "limit", "price": "1", "price2": "2"},
        {"ordertype": "limit", "price": "1", "trigger": "last"},
        {"ordertype": "limit", "price": "1", "timeinforce": "GTD"},
        {"ordertype": "limit", "price": "1", "timeinforce": "FOK"},
        {"ordertype": "stop-loss-limit", "price": "1"},
        {"ordertype": "trailing-stop", "price": "5"},
        {"expiretm": "1700000000"},
        {"oflags": "viqc"},
        {"oflags": "fciq,post"},
        {"oflags": "post;fciq"},
        {"cl_ord_id": ""},
        {"cl_ord_id": "x" * 19},
        {"cl_ord_id": "a&b"},
        {"deadline": "60"},
        {"deadline": "2026-11-22 20:18:00"},
        {"userref": "1"},
        {"reduce_only": "yes"},
        {"close[price]": "1"},
        {"close[ordertype]": "limit", "close[price]": "1", "reduce_only": "true"},
        {"close[ordertype]": "stop-loss"},
        {"close[ordertype]": "market", "close[price]": "1"},
        {"close[ordertype]": "stop-loss-limit", "close[price]": "1"},
        {"nonce": "1"},
        {"otp": "123456"},
        {"asset": "XBT"},
        {"address": "bc1q"},
    ],
    ids=str,
)
def test_an_order_of_another_shape_is_refused(change: Mapping[str, str]) -> None:
    assert refusal_of("AddOrder", {**ENTRY, **change}) == "parameter"


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("CancelOrder", {}),
        ("CancelOrder", {"txid": ORDER, "cl_ord_id": "a"}),
        ("CancelOrder", {"txid": "all"}),
        ("CancelOrder", {"txid": "12345"}),
        ("CancelOrder", {"txid": f"{ORDER},{ORDER}"}),
        ("CancelOrder", {"txid": "TWA6QJ-ZO4EM-6QIHQJ"}),
        ("AmendOrder", {"txid": ORDER, "deadline": AMEND["deadline"]}),
        ("AmendOrder", {**AMEND, "cl_ord_id": "a"}),
        ("AmendOrder", {"deadline": AMEND["deadline"], "order_qty": "1"}),
        ("AmendOrder", {"txid": ORDER, "order_qty": "1"}),
        ("AmendOrder", {**AMEND, "order_qty": "0"}),
        ("AmendOrder", {**AMEND, "display_qty": "1"}),
        ("QueryOrders", {}),
        ("QueryOrders", {"txid": ",".join([ORDER] * 51)}),
        ("TradesHistory", {"type": "withdrawals"}),
        ("Ledgers", {"asset": "x" * 2000}),
        ("OpenPositions", {"consolidation": "all"}),
        ("TradeVolume", {"pair": "XBTEUR"}),
        ("GetApiKeyInfo", {"x": "1"}),
    ],
)
def test_other_calls_of_another_shape_are_refused(operation: str, parameters: Mapping[str, str]) -> None:
    assert refusal_of(operation, parameters) == "parameter"


@given(
    operation=st.sampled_from(sorted(KRAKEN)),
    name=st.text(min_size=1, max_size=30),
    value=st.text(max_size=30),
)
def test_no_unlisted_parameter_passes(operation: str, name: str, value: str) -> None:
    if name not in KRAKEN[operation].parameters:
        base = ENTRY if operation == "AddOrder" else {}

        assert refusal_of(operation, {**base, name: value}) == "parameter"


@given(value=st.text(max_size=40), name=st.sampled_from(sorted(KRAKEN["AddOrder"].parameters)))
def test_no_accepted_value_can_break_out_of_its_field(name: str, value: str) -> None:
    shape = KRAKEN["AddOrder"].parameters[name]

    if shape.pattern.fullmatch(value):
        assert re.fullmatch(r"[A-Za-z0-9+,.:_-]+", value)


def test_a_refusal_names_the_field_and_never_the_value() -> None:
    key, secret = made_up_key("pasted in the wrong place")
    texts = []

    for parameters in ({**ENTRY, "cl_ord_id": secret}, {**ENTRY, secret: "1"}, {**ENTRY, "volume": key}):
        with pytest.raises(SignerRefused) as refusal:
            check("kraken", "AddOrder", parameters)
        texts.append(str(refusal.value))
    with pytest.raises(SignerRefused) as refusal:
        check("kraken", secret, {})
    texts.append(str(refusal.value))

    assert "cl_ord_id" in texts[0]
    assert not scan(texts, {"key": key, "secret": secret})


def test_only_an_order_that_could_open_a_position_is_an_entry() -> None:
    assert may_open("AddOrder", ENTRY)
    assert may_open("AddOrder", {**ENTRY, "reduce_only": "false"})
    assert not may_open("AddOrder", STOP)
    assert not may_open("AddOrder", {**ENTRY, "validate": "true"})
    assert not may_open("CancelOrder", {})
    assert not may_open("AmendOrder", AMEND)
    assert not may_open("BalanceEx", {})


def test_the_nine_pairs_in_all_their_spellings_and_no_other() -> None:
    assert len(KRAKEN_PAIRS) == 9 + 4 + 8
    assert "XDGUSD" in KRAKEN_PAIRS
    assert "BNBUSD:BTNL" not in KRAKEN_PAIRS
