"""Every code of the venue's tables: provoked by a client, answered by a switch, or named as not occurring here."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from jarvis.emulators.binance import errors, wsapi
from jarvis.emulators.binance.errors import OPEN_OUTCOMES, SWITCHED
from jarvis.emulators.faults import FaultKind
from tests.emulators.binance.actors import BTC, Venue

ORDER = "POST /sapi/v1/margin/order"
HERE = Path(__file__).parent

# The codes of the venue's tables, as they are written down there.
TABLE = frozenset(
    {
        *(-1000, -1001, -1002, -1003, -1006, -1007, -1008, -1013, -1014, -1015, -1016, -1020, -1021, -1022),
        *(-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1111, -1114, -1115, -1116, -1117, -1120, -1121),
        *(-1125, -1127, -1128, -1130, -1158, -1165, -1166, -1168, -1196, -1197, -1198, -1199, -1209),
        *(-2010, -2011, -2013, -2014, -2015, -2026, -2035, -2036, -2042),
        *(-3000, -3001, -3002, -3003, -3004, -3005, -3006, -3007, -3008, -3009, -3010, -3012, -3013, -3014, -3015),
        *(-3016, -3020, -3021, -3022, -3023, -3024, -3025, -3026, -3027, -3028, -3029, -3036, -3038, -3041, -3042),
        *(-3043, -3044, -3045, -3999, -4047, -11001, -11008),
    }
)
# What a client provokes by what it sends or by what it owns, and the module that does so over the wire.
PROVOKED = {
    -1002: "test_permissions",
    -1003: "test_rates",
    -1007: "test_faults",
    -1008: "test_faults",
    -1013: "test_orders",
    -1014: "test_orders",
    -1015: "test_rates",
    -1016: "test_faults",
    -1020: "test_loans",
    -1021: "test_signature",
    -1022: "test_signature",
    -1100: "test_orders",
    -1101: "test_public",
    -1102: "test_orders",
    -1104: "test_orders",
    -1105: "test_public",
    -1106: "test_orders",
    -1108: "test_codes",
    -1111: "test_orders",
    -1114: "test_orders",
    -1115: "test_orders",
    -1116: "test_orders",
    -1117: "test_orders",
    -1120: "test_public",
    -1121: "test_orders",
    -1125: "test_sockets",
    -1127: "test_orders",
    -1128: "test_orders",
    -1130: "test_orders",
    -1158: "test_lists",
    -1165: "test_lists",
    -1166: "test_lists",
    -1168: "test_lists",
    -1196: "test_lists",
    -1197: "test_lists",
    -1198: "test_lists",
    -1199: "test_lists",
    -1209: "test_sockets",
    -2010: "test_orders",
    -2011: "test_orders",
    -2013: "test_orders",
    -2014: "test_signature",
    -2015: "test_permissions",
    -2026: "test_codes",
    -2035: "test_sockets",
    -2036: "test_sockets",
    -2042: "test_codes",
    -3002: "test_loans",
    -3003: "test_isolated",
    -3006: "test_orders",
    -3007: "test_loans",
    -3013: "test_loans",
    -3015: "test_loans",
    -3016: "test_loans",
    -3021: "test_codes",
    -3023: "test_codes",
    -3027: "test_loans",
    -3028: "test_loans",
    -3038: "test_sockets",
    -3041: "test_loans",
    -3045: "test_loans",
    -4047: "test_loans",
    -11001: "test_orders",
    -11008: "test_isolated",
}
ELSEWHERE = frozenset({-1103, -3005, -3020, -3025, -3026, -3029, -3043})


def test_every_code_of_the_tables_is_accounted_for() -> None:
    assert PROVOKED.keys() | SWITCHED.keys() | ELSEWHERE == TABLE
    assert not PROVOKED.keys() & SWITCHED.keys()
    assert not ELSEWHERE & (PROVOKED.keys() | SWITCHED.keys())
    for code, module in PROVOKED.items():
        source = (HERE / f"{module}.py").read_text().rpartition("def test_every_code_of_the_tables")[2]
        assert re.search(rf"{code}\b", source), f"{module} does not provoke {code}"
    for code in ELSEWHERE:
        assert str(code) in (errors.__doc__ or ""), f"nothing says why {code} cannot occur"


@pytest.mark.parametrize("code", sorted(SWITCHED, reverse=True))
async def test_a_switched_code_answers_before_anything_happened(code: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.CODE_BEFORE_ACCEPT, operation=ORDER, code=str(code))

    refused = await client.refused("POST margin/order", **client.order())

    assert refused == (400, code, SWITCHED[code].message)
    assert await client.call("GET margin/allOrders", symbol="BTCUSDT") == []
    venue.binance.clear_faults()
    assert (await client.place())["status"] == "FILLED"


@pytest.mark.parametrize("code", sorted(OPEN_OUTCOMES, reverse=True))
async def test_a_code_of_an_open_outcome_may_hide_an_order(code: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.CODE_AFTER_ACCEPT, count=1, operation=ORDER, code=str(code))

    refused = await client.refused("POST margin/order", **client.order())

    assert refused[1] == code
    (order,) = await client.call("GET margin/allOrders", symbol="BTCUSDT")
    assert order["status"] == "FILLED"


async def test_a_switch_without_a_code_leaves_the_outcome_open() -> None:
    venue = Venue()
    client = venue.client()
    codes = set()
    for _ in OPEN_OUTCOMES:
        venue.binance.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1)
        codes.add((await client.refused("GET margin/account"))[1])

    assert codes == OPEN_OUTCOMES.keys()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.CODE_BEFORE_ACCEPT, "-2010"),
        (FaultKind.CODE_BEFORE_ACCEPT, "what"),
        (FaultKind.CODE_AFTER_ACCEPT, "-3022"),
    ],
)
def test_a_switch_takes_no_code_that_it_cannot_answer(kind: FaultKind, code: str) -> None:
    with pytest.raises(ValueError, match="takes one of the codes"):
        Venue().binance.add_fault(kind, code=code)


async def test_a_ban_holds_for_one_account_until_it_is_lifted() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")
    venue.binance.add_fault(FaultKind.CODE_BEFORE_ACCEPT, operation=ORDER, account="ann", code="-3022")

    first, second = [await client.refused("POST margin/order", **client.order()) for _ in range(2)]

    assert first == second == (400, -3022, "You account's trading is banned.")
    assert (await other.place())["status"] == "FILLED"
    assert await client.call("GET margin/openOrders") == []


async def test_an_asset_that_cannot_be_one_is_invalid() -> None:
    client = Venue().client()

    assert (await client.refused("GET margin/maxBorrowable", asset="usdt"))[:2] == (400, -1108)


async def test_an_order_that_never_filled_is_archived_after_ninety_days() -> None:
    venue = Venue(step=timedelta(days=1))
    client = venue.client()
    rested = await client.rest(quantity="0.01", sideEffectType="NO_SIDE_EFFECT")
    filled = await client.place(sideEffectType="NO_SIDE_EFFECT")
    await client.call("DELETE margin/order", symbol="BTCUSDT", orderId=rested["orderId"])

    venue.move(89 * 1440)
    known = await client.call("GET margin/order", symbol="BTCUSDT", orderId=rested["orderId"])
    venue.move(2 * 1440)

    assert known["status"] == "CANCELED"
    assert (await client.refused("GET margin/order", symbol="BTCUSDT", orderId=rested["orderId"]))[1] == -2026
    assert (await client.call("GET margin/order", symbol="BTCUSDT", orderId=filled["orderId"]))["status"] == "FILLED"


async def test_a_pair_without_margin_takes_no_order() -> None:
    venue = Venue()
    client = venue.client()
    venue.exchange.set_max_leverage(BTC, 1)

    assert (await client.refused("POST margin/order", **client.order()))[:2] == (400, -3021)


async def test_below_the_call_only_what_repays_or_is_covered_is_taken() -> None:
    venue = Venue(["50000 50000 50000 50000", "50000 50000 42200 42200"])
    client = venue.client()
    venue.move()
    await client.place(quantity="0.75")
    venue.move()
    plain = client.order(side="SELL", quantity="0.1", sideEffectType="NO_SIDE_EFFECT")

    refused = await client.refused("POST margin/order", **plain)

    assert refused[:2] == (400, -3023)
    assert (await client.place(side="SELL", quantity="0.1", sideEffectType="AUTO_REPAY"))["status"] == "FILLED"


async def test_a_connection_has_only_so_many_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsapi, "_MOST_SUBSCRIPTIONS", 1)
    client = Venue().client(profile="isolated")
    stream = await client.stream()
    second = await client.call("POST userListenToken", isIsolated="true", symbol="ETHUSDT")

    reply = await stream.ask("userDataStream.subscribe.listenToken", listenToken=second["token"])

    assert reply["error"]["code"] == -2042


async def test_an_answer_that_hides_an_order_is_a_refusal_in_form() -> None:
    venue = Venue()
    client = venue.client()
    venue.binance.add_fault(FaultKind.CODE_AFTER_ACCEPT, count=1, operation=ORDER)

    response = await client.send("POST margin/order", **client.order())

    assert response.status == 400
    assert json.loads(response.body).keys() == {"code", "msg"}
