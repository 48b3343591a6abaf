"""python-okx, unmodified, asks, trades and listens at the emulated OKX."""

import asyncio
import gc
import json
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import websockets
from okx import Account, MarketData, PublicData, Trade  # type: ignore[import-untyped]
from okx.websocket import WebSocketFactory, WsPrivateAsync  # type: ignore[import-untyped]

from tests.emulators.okx.actors import PASSPHRASE
from tests.emulators.okx.served import ServedOkx, served_okx

pytestmark = [
    pytest.mark.witness,
    # The client hands its bodies to httpx in the old way.
    pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes/text content:DeprecationWarning"),
]
NAME = "BTC-USDT"


@pytest.fixture
async def sandbox() -> AsyncIterator[ServedOkx]:
    async with served_okx() as box:
        yield box


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack
    with warnings.catch_warnings():
        # What the client leaves open is found here, not in a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def signing(kind: Any, sandbox: ServedOkx) -> Any:
    return kind(sandbox.key, sandbox.secret, PASSPHRASE, flag="0", domain=sandbox.rest, debug=False)


def data(answer: dict[str, Any]) -> Any:
    assert answer["code"] == "0", answer
    return answer["data"]


async def test_the_sdk_reads_its_key_and_the_market(sandbox: ServedOkx, clients: ExitStack) -> None:
    def ask() -> None:
        account = clients.enter_context(signing(Account.AccountAPI, sandbox))
        public = clients.enter_context(PublicData.PublicAPI(flag="0", domain=sandbox.rest, debug=False))
        prices = clients.enter_context(MarketData.MarketAPI(flag="0", domain=sandbox.rest, debug=False))

        (config,) = data(account.get_account_config())
        assert (config["acctLv"], config["perm"], config["label"]) == ("2", "read_only,trade", "witness")
        (balance,) = data(account.get_account_balance())
        assert [row["cashBal"] for row in balance["details"]] == ["10000"]
        rows = data(public.get_instruments(instType="MARGIN"))
        assert {row["instId"]: row["lever"] for row in rows} == {"BNB-USDT": "5", "BTC-USDT": "10", "ETH-USDT": "10"}
        assert data(prices.get_candlesticks(NAME, bar="1m", limit="5"))[0][0] > "0"
        assert data(prices.get_orderbook(NAME, sz="3"))[0]["asks"][2]
        assert data(public.get_position_tiers("MARGIN", "cross", instId=NAME))[0]["mmr"] == "0.03"
        assert data(account.get_interest_rate("USDT"))[0]["ccy"] == "USDT"
        assert data(account.get_max_order_size(NAME, "cross", "USDT"))[0]["maxBuy"] > "0"

    await asyncio.to_thread(ask)


async def test_the_sdk_trades_on_margin(sandbox: ServedOkx, clients: ExitStack) -> None:
    def trade() -> None:
        orders = clients.enter_context(signing(Trade.TradeAPI, sandbox))
        account = clients.enter_context(signing(Account.AccountAPI, sandbox))

        (entry,) = data(orders.place_order(NAME, "cross", "buy", "market", "1000", ccy="USDT", clOrdId="s1"))
        assert data(orders.get_order(NAME, ordId=entry["ordId"]))[0]["state"] == "filled"
        (position,) = data(account.get_positions(instType="MARGIN"))
        assert (position["posCcy"], position["liabCcy"]) == ("BTC", "USDT")

        stop = data(
            orders.place_algo_order(
                NAME,
                "cross",
                "sell",
                "conditional",
                "0.0199",
                ccy="USDT",
                reduceOnly="true",
                slTriggerPx="49000",
                slOrdPx="-1",
                algoClOrdId="stop1",
            )
        )[0]
        assert data(orders.order_algos_list("conditional"))[0]["algoId"] == stop["algoId"]
        data(orders.amend_algo_order(NAME, algoId=stop["algoId"], newSlTriggerPx="48900"))
        data(orders.cancel_algo_order([{"instId": NAME, "algoId": stop["algoId"]}]))

        limit = data(orders.place_order(NAME, "cross", "buy", "post_only", "0.01", ccy="USDT", px="48000"))[0]
        data(orders.amend_order(NAME, ordId=limit["ordId"], newPx="48100"))
        assert [row["px"] for row in data(orders.get_order_list(instType="MARGIN"))] == ["48100"]
        data(orders.cancel_order(NAME, ordId=limit["ordId"]))
        data(orders.close_positions(NAME, "cross", ccy="USDT"))

        assert data(account.get_positions()) == []
        assert [fill["side"] for fill in data(orders.get_fills("MARGIN"))] == ["sell", "buy"]
        assert data(account.get_account_bills())[0]["ccy"] == "USDT"
        assert data(account.get_interest_accrued()) == []

    await asyncio.to_thread(trade)


async def test_the_sdk_listens_to_its_orders(
    sandbox: ServedOkx, clients: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def plain(self: Any) -> Any:
        # The factory insists on TLS, which a loopback address has not.
        self.websocket = await websockets.connect(self.url)
        return self.websocket

    monkeypatch.setattr(WebSocketFactory.WebSocketFactory, "connect", plain)
    pushed: asyncio.Queue[Any] = asyncio.Queue()

    def hear(text: str) -> None:
        frame = json.loads(text)
        if "data" in frame:
            pushed.put_nowait(frame)

    listener = WsPrivateAsync.WsPrivateAsync(sandbox.key, PASSPHRASE, sandbox.secret, f"{sandbox.ws}/ws/v5/private")
    await listener.start()
    await listener.subscribe([{"channel": "orders", "instType": "ANY"}], callback=hear)

    def trade() -> None:
        orders = Trade.TradeAPI(sandbox.key, sandbox.secret, PASSPHRASE, flag="0", domain=sandbox.rest, debug=False)
        data(orders.place_order(NAME, "cross", "buy", "market", "1000", ccy="USDT", clOrdId="s2"))

    await asyncio.to_thread(trade)
    async with asyncio.timeout(10):
        states = [(await pushed.get())["data"][0]["state"] for _ in range(2)]
    await listener.websocket.close()
    await asyncio.sleep(0.1)

    assert states == ["live", "filled"]
