"""Every code of the venue's tables: provoked by a client, answered by a switch, or named as not occurring here."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from jarvis.emulators.bybit import errors
from jarvis.emulators.bybit.errors import OPEN_OUTCOMES, SWITCHED, sentence
from jarvis.emulators.faults import FaultKind
from jarvis.sim.models import BYBIT
from tests.emulators.bybit.actors import BTC, Stream, Venue
from tests.emulators.bybit.test_sockets import LIMIT, message

CREATE = "POST /v5/order/create"
HERE = Path(__file__).parent

# The codes of the venue's tables, as they are written down there.
TABLE = frozenset(
    {
        *(10000, 10001, 10002, 10003, 10004, 10005, 10006, 10007, 10008, 10009, 10010, 10014, 10016, 10017, 10019),
        *(10024, 10028, 10403, 10404, 10429, 20001, 20003, 20006, 33004, -2015),
        *(170007, 170033, 170034, 170036, 170037, 170121, 170124, 170130, 170131, 170132, 170133, 170134, 170136),
        *(170137, 170140, 170141, 170142, 170143, 170146, 170147, 170148, 170190, 170193, 170194, 170201, 170202),
        *(170203, 170204, 170207, 170210, 170213, 170217, 170218, 170226, 170344, 170359, 170371, 170372, 170810),
        *(176002, 176008, 176009, 176011, 176012, 176013, 176028, 176034, 176038, 176039, 176040),
        *(182021, 182100, 182101, 182102, 182103, 182120),
    }
)
# What a client provokes by what it sends or by what it owns, and the module that does so over the wire.
PROVOKED = {
    10001: "test_orders",
    10002: "test_signature",
    10003: "test_signature",
    10004: "test_signature",
    10005: "test_account",
    10006: "test_account",
    10010: "test_signature",
    10017: "test_orders",
    10019: "test_faults",
    10028: "test_account",
    10403: "test_codes",
    10404: "test_sockets",
    20001: "test_sockets",
    20006: "test_sockets",
    33004: "test_signature",
    170033: "test_orders",
    170034: "test_orders",
    170036: "test_account",
    170037: "test_orders",
    170121: "test_orders",
    170124: "test_orders",
    170130: "test_orders",
    170131: "test_orders",
    170132: "test_orders",
    170133: "test_orders",
    170134: "test_orders",
    170136: "test_orders",
    170137: "test_orders",
    170140: "test_orders",
    170141: "test_orders",
    170142: "test_orders",
    170143: "test_orders",
    170148: "test_orders",
    170190: "test_orders",
    170193: "test_orders",
    170194: "test_orders",
    170201: "test_orders",
    170202: "test_orders",
    170203: "test_orders",
    170204: "test_orders",
    170207: "test_orders",
    170210: "test_faults",
    170213: "test_orders",
    170217: "test_faults",
    170218: "test_codes",
    170226: "test_account",
    170344: "test_orders",
    170371: "test_codes",
    170372: "test_codes",
    170810: "test_orders",
    176002: "test_account",
    176008: "test_codes",
    176009: "test_account",
    176011: "test_codes",
    176028: "test_orders",
    176034: "test_account",
    176038: "test_account",
    176039: "test_account",
    176040: "test_account",
    182021: "test_account",
    182100: "test_account",
    182101: "test_account",
    182102: "test_account",
    182103: "test_account",
    182120: "test_account",
}
ELSEWHERE = frozenset({-2015})


def test_every_code_of_the_tables_is_accounted_for() -> None:
    assert PROVOKED.keys() | SWITCHED | ELSEWHERE == TABLE
    assert not PROVOKED.keys() & SWITCHED
    assert not ELSEWHERE & (PROVOKED.keys() | SWITCHED)
    for code, module in PROVOKED.items():
        source = (HERE / f"{module}.py").read_text().rpartition("def test_every_code_of_the_tables")[2]
        assert re.search(rf"{code}\b", source), f"{module} does not provoke {code}"
    for code in ELSEWHERE:
        assert str(code) in (errors.__doc__ or ""), f"nothing says why {code} cannot occur"


@pytest.mark.parametrize("code", sorted(SWITCHED))
async def test_a_switched_code_answers_before_anything_happened(code: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(FaultKind.CODE_BEFORE_ACCEPT, operation=CREATE, code=str(code))

    answer = await client.answer("POST", "order/create", LIMIT)

    assert (answer["retCode"], answer["retMsg"]) == (code, sentence(code))
    assert await client.open_orders() == []
    venue.bybit.clear_faults()
    assert await client.rest()


@pytest.mark.parametrize("code", OPEN_OUTCOMES)
async def test_a_code_of_an_open_outcome_may_hide_an_order(code: int) -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(FaultKind.CODE_AFTER_ACCEPT, count=1, operation=CREATE, code=str(code))

    assert await client.refused("POST", "order/create", **LIMIT) == code
    assert len(await client.open_orders()) == 1


async def test_a_switch_without_a_code_leaves_the_outcome_open() -> None:
    venue = Venue()
    client = venue.client()
    codes = set()
    for _ in OPEN_OUTCOMES:
        venue.bybit.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1)
        codes.add(await client.refused("GET", "account/info"))

    assert codes == set(OPEN_OUTCOMES)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.CODE_BEFORE_ACCEPT, "170131"),
        (FaultKind.CODE_BEFORE_ACCEPT, "what"),
        (FaultKind.CODE_AFTER_ACCEPT, "10008"),
    ],
)
def test_a_switch_takes_no_code_that_it_cannot_answer(kind: FaultKind, code: str) -> None:
    with pytest.raises(ValueError, match="takes one of the codes"):
        Venue().bybit.add_fault(kind, code=code)


async def test_a_ban_shuts_out_one_account_on_every_way_in() -> None:
    venue = Venue()
    client, other = venue.client(), venue.client("bob")
    trade = await client.stream(path="/v5/trade")
    venue.bybit.add_fault(FaultKind.CODE_BEFORE_ACCEPT, account="ann", code="10008")

    trade.socket.receive(message(client, "order.create", LIMIT))

    assert (await trade.next())["retCode"] == 10008
    assert await client.refused("GET", "account/info") == 10008
    assert (await Stream(venue.bybit.connect("/v5/private")).login(client))["retCode"] == 10008
    assert await other.rest()


async def test_the_trade_socket_may_lose_an_order_behind_a_code() -> None:
    venue = Venue()
    client = venue.client()
    trade = await client.stream(path="/v5/trade")
    venue.bybit.add_fault(FaultKind.CODE_AFTER_ACCEPT, count=1, code="170146")

    trade.socket.receive(message(client, "order.create", LIMIT))

    assert (await trade.next())["retCode"] == 170146
    assert len(await client.open_orders()) == 1


async def test_an_address_may_send_so_many_orders_a_second() -> None:
    venue = Venue()
    client = venue.client()
    trade = await client.stream(path="/v5/trade")
    malformed = message(client, "order.create", LIMIT, "x" * 37)
    for _ in range(3000):
        trade.socket.receive(malformed)
        assert (await trade.next())["retCode"] == 10001

    trade.socket.receive(malformed)

    assert (await trade.next())["retCode"] == 10403
    venue.move()
    trade.socket.receive(malformed)
    assert (await trade.next())["retCode"] == 10001


async def test_a_changed_price_stays_within_the_band() -> None:
    client = Venue().client(deposits={"BTC": "1", "USDT": "10000"})
    buy, sell = await client.rest(), await client.rest("52000", side="Sell")

    async def amended(order_id: str, price: str) -> int:
        return await client.refused(
            "POST", "order/amend", category="spot", symbol="BTCUSDT", orderId=order_id, price=price
        )

    assert await amended(buy, "52500.1") == 170371
    assert await amended(sell, "47499.9") == 170372


async def test_a_pair_that_takes_makers_only_refuses_what_would_take() -> None:
    venue = Venue()
    client = venue.client()
    venue.bybit.add_fault(FaultKind.POST_ONLY, pair=BTC)

    fields = {"orderType": "Limit", "side": "Buy", "qty": "0.1", "price": "51000", "timeInForce": "PostOnly"}

    assert await client.refused_order(**fields) == 170218
    assert await client.history() == []


async def test_a_coin_that_nobody_lends_is_not_borrowed() -> None:
    wallet = BYBIT.wallet
    assert wallet is not None
    rates = {coin: rate for coin, rate in wallet.hourly_rates.items() if coin != "BTC"}
    client = Venue(model=replace(BYBIT, wallet=replace(wallet, hourly_rates=rates))).client()

    assert await client.refused("POST", "account/borrow", coin="BTC", amount="0.1") == 176011


async def test_leverage_needs_the_quiz() -> None:
    client = Venue().client(profile="no-quiz")

    assert await client.refused("POST", "spot-margin-trade/set-leverage", leverage="3") == 176008
