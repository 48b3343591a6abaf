"""Every code of the venue's tables: provoked by a client, or answered by a switch."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jarvis.emulators.faults import FaultKind
from jarvis.emulators.okx import sockets, trading
from jarvis.emulators.okx.errors import OPEN_OUTCOMES, SWITCHED, SWITCHED_FRAMES
from jarvis.emulators.okx.limits import Limit
from tests.emulators.okx.actors import BTC, Client, Stream, Venue
from tests.emulators.okx.served import served_okx

ORDER = "POST /api/v5/trade/order"
LIMIT = {"ordType": "limit", "px": "49000", "sz": "0.01"}
PRIVATE = "/ws/v5/private"
HERE = Path(__file__).parent

# The codes of the venue's tables, as they are written down there; those of four digits are of close frames.
TABLE = frozenset(
    {
        *("50001", "50004", "50011", "50013", "50014", "50026", "50030", "50035", "50061", "50101", "50102", "50103"),
        *("50104", "50105", "50106", "50107", "50110", "50111", "50112", "50113", "50119", "50120"),
        *("51000", "51001", "51006", "51008", "51010", "51016", "51020", "51054", "51119", "51121", "51127", "51131"),
        *("51133", "51139", "51149", "51186", "51400", "51503", "51603"),
        *("59102", "59104", "59106", "59107", "59108", "59113", "59114"),
        *("60004", "60005", "60006", "60007", "60008", "60009", "60011", "60012", "60013", "60014", "60018", "60023"),
        *("60024", "60027", "60028", "60031", "60032", "63999", "64001", "64002", "64003", "64008"),
        *("4001", "4002", "4003", "4004", "4005", "4006", "4007", "4008", "4009"),
    }
)
# What a client provokes by what it sends or by what it owns, and the module that does so over the wire.
PROVOKED = {
    "4001": "test_sockets",
    "4002": "test_codes",
    "4003": "test_sockets",
    "4004": "test_codes",
    "4005": "test_codes",
    "4007": "test_codes",
    "4008": "test_codes",
    "4009": "test_codes",
    "50001": "test_faults",
    "50011": "test_orders",
    "50014": "test_orders",
    "50030": "test_codes",
    "50035": "test_codes",
    "50061": "test_codes",
    "50101": "test_signature",
    "50102": "test_signature",
    "50103": "test_signature",
    "50104": "test_signature",
    "50105": "test_signature",
    "50106": "test_signature",
    "50107": "test_signature",
    "50110": "test_signature",
    "50111": "test_signature",
    "50112": "test_signature",
    "50113": "test_signature",
    "50119": "test_signature",
    "50120": "test_signature",
    "51000": "test_orders",
    "51001": "test_orders",
    "51006": "test_orders",
    "51008": "test_orders",
    "51010": "test_orders",
    "51016": "test_orders",
    "51020": "test_orders",
    "51119": "test_codes",
    "51121": "test_orders",
    "51127": "test_orders",
    "51131": "test_codes",
    "51133": "test_orders",
    "51139": "test_orders",
    "51186": "test_codes",
    "51400": "test_orders",
    "51503": "test_orders",
    "51603": "test_orders",
    "59102": "test_margin",
    "59104": "test_codes",
    "59106": "test_codes",
    "59107": "test_margin",
    "59108": "test_codes",
    "60004": "test_codes",
    "60005": "test_sockets",
    "60006": "test_sockets",
    "60007": "test_sockets",
    "60008": "test_codes",
    "60009": "test_codes",
    "60011": "test_sockets",
    "60012": "test_sockets",
    "60013": "test_codes",
    "60014": "test_codes",
    "60018": "test_sockets",
    "60024": "test_codes",
    "60027": "test_codes",
    "60028": "test_sockets",
    "60031": "test_sockets",
    "60032": "test_sockets",
    "64001": "test_sockets",
    "64002": "test_codes",
    "64003": "test_sockets",
}


def test_every_code_of_the_tables_is_accounted_for() -> None:
    switched = SWITCHED.keys() | SWITCHED_FRAMES.keys()
    assert PROVOKED.keys() | switched == TABLE
    assert not PROVOKED.keys() & switched
    for code, module in PROVOKED.items():
        source = (HERE / f"{module}.py").read_text().rpartition("def test_every_code_of_the_tables")[2]
        assert re.search(rf"{code}\b", source), f"{module} does not provoke {code}"


def working(venue: Venue) -> int:
    return len(venue.exchange.orders("ann"))


# Switches.


@pytest.mark.parametrize("code", sorted(SWITCHED))
async def test_a_switched_code_answers_before_anything_happened(code: str) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.CODE_BEFORE_ACCEPT, operation=ORDER, code=code)

    status, told = await client.refused("POST", "trade/order", client.order(**LIMIT))

    assert (status, told) == (SWITCHED[code].status, code)
    assert working(venue) == 0
    venue.okx.clear_faults()
    await client.rest()


@pytest.mark.parametrize("code", sorted(OPEN_OUTCOMES))
async def test_a_code_of_an_open_outcome_may_hide_an_order(code: str) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.CODE_AFTER_ACCEPT, count=1, operation=ORDER, code=code)

    _, answer = await client.answer("POST", "trade/order", client.order(**LIMIT, clOrdId="mine"))

    assert working(venue) == 1
    if code.startswith("51"):
        (row,) = answer["data"]
        assert (answer["code"], row["sCode"], row["clOrdId"], row["ordId"]) == ("1", code, "mine", "")
    else:
        assert (answer["code"], answer["data"]) == (code, [])


async def test_a_switch_without_a_code_leaves_the_outcome_open() -> None:
    venue = Venue()
    client = venue.client()
    codes = set()
    for _ in OPEN_OUTCOMES:
        venue.okx.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1)
        codes.add((await client.refused("GET", "account/config"))[1])

    assert codes == OPEN_OUTCOMES.keys()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FaultKind.CODE_BEFORE_ACCEPT, "51008"),
        (FaultKind.CODE_AFTER_ACCEPT, "59113"),
        (FaultKind.CODE_AFTER_ACCEPT, "63999"),
    ],
)
def test_a_switch_takes_no_code_that_it_cannot_answer(kind: FaultKind, code: str) -> None:
    with pytest.raises(ValueError, match="takes one of the codes"):
        Venue().okx.add_fault(kind, code=code)


async def test_an_order_over_the_socket_is_answered_by_the_switch_too() -> None:
    venue = Venue()
    client = venue.client()
    stream = await client.stream()
    venue.okx.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1, code="50026")

    stream.say({"id": "1", "op": "order", "args": [client.order(**LIMIT)]})

    assert (await stream.next())["code"] == "50026"
    assert working(venue) == 0


@pytest.mark.parametrize("code", ["60023", "63999"])
async def test_a_login_may_be_refused_for_the_venues_own_reasons(code: str) -> None:
    venue = Venue()
    client = venue.client()
    venue.okx.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1, code=code)
    await client.get("account/config")
    stream = Stream(venue.okx.connect(PRIVATE))

    told = await stream.log_in(client)

    assert (told["event"], told["code"]) == ("error", code)
    assert stream.socket.close_code == 4001
    assert (await Stream(venue.okx.connect(PRIVATE)).log_in(client))["code"] == "0"


async def test_an_upgrade_is_noticed_ahead_of_the_end() -> None:
    venue = Venue()
    stream = await venue.client().stream()
    venue.okx.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1, code="64008", seconds=0.05)

    told = await stream.next()

    assert (told["event"], told["code"]) == ("notice", "64008")
    assert not stream.socket.is_closed
    await asyncio.sleep(0.06)
    assert stream.socket.is_closed


async def test_a_connection_may_end_abnormally() -> None:
    venue = Venue()
    stream = await venue.client().stream()
    venue.okx.add_fault(FaultKind.CODE_BEFORE_ACCEPT, count=1, code="4006")

    assert await stream.socket.next_frame() is None
    assert stream.socket.close_code == 4006


# Rules.


async def test_a_withdrawal_is_not_for_sub_accounts_nor_for_keys_of_any_address() -> None:
    venue = Venue()
    sub = venue.client("sub", profile="futures-sub")
    loose = venue.client("ann", frozenset({"read_only", "trade", "withdraw"}), ip_allowlist=())
    wanted = {"ccy": "USDT", "amt": "1", "dest": "4", "toAddr": "x"}

    assert await sub.refused("POST", "asset/withdrawal", wanted) == (200, "50030")
    assert await loose.refused("POST", "asset/withdrawal", wanted) == (403, "50035")


async def test_a_sub_account_has_an_order_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "SUB_ACCOUNT_LIMIT", Limit(2))
    venue = Venue()
    sub, client = venue.client("sub", profile="futures-sub"), venue.client()
    own = await sub.rest()
    reference = {"instId": "BTC-USDT", "ordId": own}
    await sub.post("trade/amend-order", reference | {"newPx": "48900"})

    assert await sub.refused("POST", "trade/order", sub.order(**LIMIT)) == (200, "50061")
    assert await sub.refused("POST", "trade/amend-order", reference | {"newPx": "48800"}) == (200, "50061")
    await sub.post("trade/cancel-order", reference)
    for _ in range(3):
        await client.rest()


async def test_short_balances_have_their_own_codes() -> None:
    venue = Venue()
    plain, lender = venue.client("plain", profile="spot"), venue.client("lender", profile="spot-borrow")
    cash: dict[str, Any] = {"tdMode": "cash", "ccy": None}

    empty = await plain.refused_order(**cash, side="sell", sz="0.01")
    own = await plain.rest(**cash)
    grown = await plain.refused("POST", "trade/amend-order", {"instId": "BTC-USDT", "ordId": own, "newSz": "10"})
    await lender.post("account/spot-manual-borrow-repay", ccy="BTC", side="borrow", amt="0.01")
    await lender.place(**cash, side="sell", sz="0.01")
    venue.move()
    repaid = await lender.refused(
        "POST", "account/spot-manual-borrow-repay", {"ccy": "BTC", "side": "repay", "amt": "0.01"}
    )

    assert (empty, grown, repaid) == ("51127", (200, "51119"), (200, "51131"))


async def test_a_leverage_that_is_not_offered_any_more_opens_nothing() -> None:
    venue = Venue()
    client = venue.client()
    await client.post("account/set-leverage", lever="10", mgnMode="cross", instId="BTC-USDT")
    await client.place()
    venue.okx.add_fault(FaultKind.LEVERAGE_CUT, leverage=3, pair=BTC)

    assert await client.refused_order() == "51186"
    await client.place(side="sell", sz="0.01", reduceOnly=True)


async def test_a_leverage_is_not_lowered_below_what_is_owed() -> None:
    venue = Venue()
    futures, multi = venue.client(), venue.client("multi", profile="multi-currency")
    await futures.place(sz="40000")
    await multi.place(ccy=None, sz="40000")
    low = {"lever": "2", "mgnMode": "cross"}

    by_pair = await futures.refused("POST", "account/set-leverage", low | {"instId": "BTC-USDT"})
    by_asset = await multi.refused("POST", "account/set-leverage", low | {"ccy": "USDT"})

    assert by_pair == (200, "59108")
    assert by_asset == (200, "59104")
    await futures.post("account/set-leverage", low | {"instId": "BTC-USDT", "lever": "8"})


async def test_a_leverage_is_not_changed_under_a_trigger() -> None:
    venue = Venue()
    client = venue.client()
    await client.place()
    stop = client.order(side="sell", ordType="conditional", sz="0.01", slTriggerPx="45000", slOrdPx="-1")
    await client.post("trade/order-algo", stop | {"reduceOnly": True})
    change = {"lever": "5", "mgnMode": "cross", "instId": "BTC-USDT"}

    assert await client.refused("POST", "account/set-leverage", change) == (200, "59106")


@pytest.mark.parametrize(
    ("profile", "code"),
    [("futures", "51010"), ("spot-borrow", "51010"), ("multi-currency", "50072"), ("portfolio", "50072")],
)
async def test_isolated_margin_is_refused_in_the_words_of_the_mode(profile: str, code: str) -> None:
    client = Venue().client(profile=profile)
    pair: dict[str, Any] = {"instId": "BTC-USDT", "mgnMode": "isolated"}

    async def told(method: str, path: str, fields: dict[str, Any]) -> str:
        return (await client.refused(method, path, fields))[1]

    assert await client.refused_order(tdMode="isolated") == code
    assert await told("GET", "account/max-size", {"instId": "BTC-USDT", "tdMode": "isolated"}) == code
    assert await told("GET", "account/max-loan", pair) == code
    assert await told("GET", "account/leverage-info", pair) == code
    assert await told("POST", "account/set-leverage", pair | {"lever": "3"}) == code
    assert await told("POST", "trade/close-position", pair | {"ccy": "USDT"}) == code


# Sockets.


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"op": "subscribe", "args": [{"channel": "orders"}]}, "60027"),
        ({"op": "subscribe", "args": [{"channel": "orders", "instType": "COIN"}]}, "60013"),
        ({"op": "order", "id": "1", "args": [{}, {}]}, "60013"),
    ],
)
async def test_arguments_are_refused_by_their_own_codes(message: dict[str, Any], code: str) -> None:
    stream = await Venue().client().stream()

    stream.say(message)

    assert (await stream.next())["code"] == code


async def test_a_login_is_refused_by_what_is_wrong_with_it() -> None:
    venue = Venue()
    client = venue.client(ip_allowlist=("127.0.0.1",))
    login: dict[str, Any] = {"apiKey": client.public, "passphrase": "Wrong-pass-1", "timestamp": "now", "sign": "x"}
    now = str(int(venue.exchange.now.timestamp()))

    async def told(arg: dict[str, Any]) -> str:
        stream = Stream(venue.okx.connect(PRIVATE))
        stream.say({"op": "login", "args": [arg]})
        code = str((await stream.event())["code"])
        assert stream.socket.close_code == 4001
        return code

    assert await told(login) == "60004"
    assert await told(login | {"timestamp": now}) == "60024"
    elsewhere = Stream(venue.okx.connect(PRIVATE, "203.0.113.9"))
    assert (await elsewhere.log_in(client))["code"] == "60009"


async def test_a_connection_may_ask_only_so_often() -> None:
    stream = Stream(Venue().okx.connect("/ws/v5/public"))
    for _ in range(480):
        stream.say({"op": "unsubscribe", "args": [{"channel": "tickers", "instId": "BTC-USDT"}]})
        await stream.event()

    subscribe(stream, "BTC-USDT", channel="tickers")

    assert (await stream.event())["code"] == "60014"


async def test_a_socket_has_its_own_url() -> None:
    venue = Venue()
    client = venue.client()
    business = await client.stream(path="/ws/v5/business")
    public = Stream(venue.okx.connect("/ws/v5/public"))

    business.say({"op": "order", "id": "1", "args": [client.order(**LIMIT)]})

    assert (await business.event())["code"] == "64002"
    assert (await public.log_in(client))["code"] == "60008"
    assert public.socket.close_code == 4001


async def test_a_frame_that_is_too_large_ends_the_connection() -> None:
    stream = Stream(Venue().okx.connect(PRIVATE))

    stream.say(json.dumps({"op": "subscribe", "args": [{"channel": "x" * 70_000}]}))

    assert (await stream.event())["code"] == "60012"
    assert stream.socket.close_code == 4002


def subscribe(stream: Stream, *instruments: str, channel: str = "orders") -> None:
    same = {"channel": channel, "instType": "ANY"}
    args = [same | {"instId": each, "more": str(number)} for number, each in enumerate(instruments)]
    stream.say({"op": "subscribe", "args": args})


async def test_a_key_has_only_so_many_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MOST_OF_KEY", 3)
    client = Venue().client()
    first, second = await client.stream(), await client.stream()

    subscribe(first, "BTC-USDT", "ETH-USDT")
    subscribe(second, "BTC-USDT", "ETH-USDT")

    assert not first.socket.is_closed
    assert second.socket.close_code == 4003


async def test_a_connection_has_only_so_many_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MOST_CHANNELS", 2)
    monkeypatch.setattr(sockets, "MOST_ASKED", 3)
    client = Venue().client()
    asking, having = await client.stream(), await client.stream()

    subscribe(asking, *["BTC-USDT"] * 4)
    subscribe(having, *["BTC-USDT"] * 3)

    assert asking.socket.close_code == 4008
    assert having.socket.close_code == 4009


async def test_a_client_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "LARGEST_BUFFER", 20)
    venue = Venue()
    stream = Stream(venue.okx.connect("/ws/v5/public"))
    stream.say({"op": "subscribe", "args": [{"channel": "tickers", "instId": "BTC-USDT"}]})

    for _ in range(30):
        venue.move()

    assert stream.socket.close_code == 4005


async def test_a_key_that_changes_or_goes_cuts_its_sockets_by_code() -> None:
    venue = Venue()
    client: Client = venue.client()
    changed = await client.stream()

    venue.okx.set_permissions(client.public, frozenset({"read_only"}))

    assert changed.socket.close_code == 4007


async def test_a_silent_connection_is_closed_by_code(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [100.0]
    monkeypatch.setattr(sockets, "loop_time", lambda: seconds[0])
    stream = await Venue().client().stream()

    seconds[0] += 31

    assert await stream.socket.next_frame() is None
    assert stream.socket.close_code == 4004


async def test_codes_reach_a_client_over_the_network() -> None:
    async with served_okx() as box, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{box.ws}/ws/v5/private") as socket:
            await socket.send_json({"op": "login", "args": [{"apiKey": "x"}]})
            told = json.loads((await socket.receive()).data)
            end = await socket.receive()
        fault = {"kind": "code_before_accept", "code": "50026", "count": 1}
        async with session.post(f"{box.url}/sandbox/okx/faults", json=fault) as answer:
            made = await answer.json()
        async with session.post(f"{box.url}/sandbox/okx/faults", json=fault | {"code": "51008"}) as answer:
            refused = answer.status

    assert told["code"] == "60027"
    assert (end.type, end.data) == (aiohttp.WSMsgType.CLOSE, 4001)
    assert made["code"] == "50026"
    assert refused == 422
