"""pybit, unmodified, trades spot margin against the served venue and follows its streams."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pybit._websocket_trading
import pybit.unified_trading
import pytest
from pybit.exceptions import InvalidRequestError
from pybit.unified_trading import HTTP, WebSocket, WebSocketTrading

from tests.emulators.bybit.server import ServedBybit, bybit_served

pytestmark = [pytest.mark.witness]
LIMIT: dict[str, Any] = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "price": "48000",
    "isLeverage": 1,
}


@pytest.fixture
async def sandbox() -> AsyncIterator[ServedBybit]:
    async with bybit_served() as venue:
        yield venue


@pytest.fixture
async def far(sandbox: ServedBybit) -> AsyncIterator[str]:
    async with distant(sandbox.ws) as address:
        yield address


@pytest.fixture
def http(sandbox: ServedBybit) -> Iterator[HTTP]:
    session = HTTP(api_key=sandbox.key, api_secret=sandbox.secret, recv_window=3_600_000)
    session.endpoint = sandbox.rest
    yield session
    session.client.close()


async def told(call: Callable[..., Any], **fields: Any) -> Any:
    """The result of a blocking call, made beside the loop that serves it."""
    answer = await asyncio.to_thread(call, **fields)
    assert answer["retCode"] == 0
    return answer["result"]


async def test_pybit_reads_the_key_the_account_and_the_market(http: HTTP, sandbox: ServedBybit) -> None:
    sandbox.move(3)

    key = await told(http.get_api_key_information)
    account = await told(http.get_account_info)
    wallet = await told(http.get_wallet_balance, accountType="UNIFIED", coin="USDT")
    (instrument,) = (await told(http.get_instruments_info, category="spot", symbol="BTCUSDT"))["list"]
    candles = (await told(http.get_kline, category="spot", symbol="BTCUSDT", interval=1))["list"]

    assert (key["readOnly"], key["permissions"]["Spot"], key["uta"]) == (0, ["SpotTrade"], 1)
    assert account["marginMode"] == "REGULAR_MARGIN"
    assert wallet["list"][0]["coin"][0]["walletBalance"] == "10000"
    assert instrument["marginTrading"] == "utaOnly"
    assert candles[0][4] == "50000"


async def test_pybit_places_stops_amends_cancels_and_reads_it_all_back(http: HTTP, sandbox: ServedBybit) -> None:
    short = await told(
        http.place_order,
        category="spot",
        symbol="BTCUSDT",
        side="Sell",
        orderType="Market",
        qty=0.1,
        isLeverage=1,
        orderLinkId="short",
    )
    stop = await told(
        http.place_order,
        category="spot",
        symbol="BTCUSDT",
        side="Buy",
        orderType="Market",
        qty="0.1",
        marketUnit="baseCoin",
        isLeverage=1,
        triggerPrice="51000",
        orderFilter="StopOrder",
    )
    limit = await told(http.place_order, **LIMIT, qty="0.1")
    await told(http.amend_order, category="spot", symbol="BTCUSDT", orderId=limit["orderId"], price="47900")
    resting = await told(http.get_open_orders, category="spot", limit=1)
    page = await told(http.get_open_orders, category="spot", limit=1, cursor=resting["nextPageCursor"])
    await told(http.cancel_order, category="spot", symbol="BTCUSDT", orderId=limit["orderId"])
    await told(http.cancel_all_orders, category="spot", orderFilter="StopOrder")

    assert [row["orderId"] for row in (*resting["list"], *page["list"])] == [limit["orderId"], stop["orderId"]]
    assert resting["list"][0]["price"] == "47900"
    assert (await told(http.get_open_orders, category="spot"))["list"] == []
    (fill,) = (await told(http.get_executions, category="spot", orderLinkId="short"))["list"]
    assert (fill["orderId"], fill["feeCurrency"]) == (short["orderId"], "USDT")
    history = (await told(http.get_order_history, category="spot"))["list"]
    assert {row["orderStatus"] for row in history} == {"Filled", "Cancelled", "Deactivated"}


async def test_pybit_uses_the_margin_paths(http: HTTP, sandbox: ServedBybit) -> None:
    await told(http.place_order, **LIMIT | {"orderType": "Market", "side": "Sell"}, qty="0.1")
    sandbox.until_interest()

    state = await told(http.spot_margin_trade_get_status_and_leverage)
    await told(http.spot_margin_trade_set_leverage, leverage="4")
    charged = (await told(http.get_borrow_history, currency="BTC"))["list"]
    log = (await told(http.get_transaction_log, accountType="UNIFIED", type="INTEREST"))["list"]
    collateral = (await told(http.get_collateral_info, currency="BTC"))["list"]

    assert state["spotMarginMode"] == "1"
    assert float(charged[0]["borrowCost"]) == -float(log[0]["change"]) > 0
    assert collateral[0]["borrowable"] is True


async def test_pybit_hears_refusals(http: HTTP) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await told(http.place_order, **LIMIT | {"isLeverage": 0}, qty="10")

    assert refused.value.status_code == 170131


@contextmanager
def addresses(ws: str) -> Iterator[None]:
    """pybit's socket addresses, pointed at the sandbox."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pybit.unified_trading, "PRIVATE_WSS", f"{ws}/v5/private")
        patch.setattr(pybit.unified_trading, "PUBLIC_WSS", f"{ws}/v5/public/{{CHANNEL_TYPE}}")
        patch.setattr(pybit._websocket_trading, "TRADE_WSS", f"{ws}/v5/trade")
        yield


WAY = 0.05
"""Seconds from the venue to pybit. It sends first and then notes what for: what is answered at once is lost."""


@asynccontextmanager
async def distant(ws: str) -> AsyncIterator[str]:
    """An address as far from here as a real venue is, behind which the sandbox's listens."""
    host, _, port = ws.removeprefix("ws://").partition("/")[0].partition(":")
    ways: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                await asyncio.sleep(seconds)
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        ways.update((asyncio.create_task(carry(reader, back, 0)), asyncio.create_task(carry(there, writer, WAY))))

    server = await asyncio.start_server(between, "127.0.0.1", 0)
    try:
        yield ws.replace(f":{port}", f":{server.sockets[0].getsockname()[1]}", 1)
    finally:
        server.close()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


class Heard:
    """What a stream's callback was told, from another thread."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self._come = threading.Event()

    def __call__(self, frame: Any) -> None:
        self.frames.append(frame)
        self._come.set()

    async def first(self) -> Any:
        assert await asyncio.to_thread(self._come.wait, 10)
        return self.frames[0]


async def bounded(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call of the client gives back. It runs in a thread that nobody waits for: pybit may wait for ever."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def work() -> None:
        try:
            answer, error = call(*args, **kwargs), None
        except BaseException as raised:  # noqa: BLE001 - handed on as it is
            answer, error = None, raised
        loop.call_soon_threadsafe(settle, answer, error)

    def settle(answer: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result(answer) if error is None else done.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return await asyncio.wait_for(done, 20)


async def test_pybit_follows_orders_fills_and_the_wallet(http: HTTP, sandbox: ServedBybit, far: str) -> None:
    with addresses(far):
        stream = await bounded(
            WebSocket,
            testnet=False,
            channel_type="private",
            api_key=sandbox.key,
            api_secret=sandbox.secret,
            private_auth_expire=3600,
        )
    orders, fills, wallet = Heard(), Heard(), Heard()
    try:
        await bounded(stream.order_stream, orders)
        await bounded(stream.execution_stream, fills)
        await bounded(stream.wallet_stream, wallet)
        await asyncio.sleep(0.3)
        placed = await told(http.place_order, **LIMIT | {"orderType": "Market"}, qty="0.1", marketUnit="baseCoin")

        assert (await orders.first())["data"][0]["orderId"] == placed["orderId"]
        assert (await fills.first())["data"][0]["execQty"] == "0.1"
        assert {coin["coin"] for coin in (await wallet.first())["data"][0]["coin"]} == {"BTC", "USDT"}
    finally:
        await bounded(stream.exit)


async def test_pybit_follows_the_market(sandbox: ServedBybit, far: str) -> None:
    with addresses(far):
        stream = await bounded(WebSocket, testnet=False, channel_type="spot")
    books, trades, candles = Heard(), Heard(), Heard()
    try:
        await bounded(stream.orderbook_stream, 50, "BTCUSDT", books)
        await bounded(stream.trade_stream, "BTCUSDT", trades)
        await bounded(stream.kline_stream, 1, "BTCUSDT", candles)
        await asyncio.sleep(0.3)
        sandbox.move(2)

        assert float((await books.first())["data"]["b"][0][0]) < 50000
        assert (await trades.first())["data"][0]["p"] == "50000"
        assert (await candles.first())["data"][0]["close"] == "50000"
    finally:
        await bounded(stream.exit)


async def test_pybit_trades_over_the_socket(http: HTTP, sandbox: ServedBybit, far: str) -> None:
    with addresses(far):
        socket = await bounded(
            WebSocketTrading,
            testnet=False,
            recv_window=3_600_000,
            api_key=sandbox.key,
            api_secret=sandbox.secret,
            private_auth_expire=3600,
        )
    placed, cancelled = Heard(), Heard()
    try:
        await asyncio.sleep(0.3)
        await bounded(socket.place_order, placed, **LIMIT, qty="0.1")
        order_id = (await placed.first())["data"]["orderId"]
        assert [row["orderId"] for row in (await told(http.get_open_orders, category="spot"))["list"]] == [order_id]
        await bounded(socket.cancel_order, cancelled, category="spot", symbol="BTCUSDT", orderId=order_id)

        assert (await cancelled.first())["retCode"] == 0
    finally:
        await bounded(socket.exit)
