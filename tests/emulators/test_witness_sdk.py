"""python-kraken-sdk, unmodified, trades on margin against the sandbox and follows its private channels.

It keeps only the host of the address that it is given, so it is given the sandbox's root.
"""

import asyncio
from typing import Any

import pytest
from kraken.exceptions import KrakenPermissionDeniedError
from kraken.spot import Funding, Market, SpotWSClient, Trade, User

from tests.emulators.server import Served

pytestmark = pytest.mark.witness


async def test_the_sdk_places_amends_stops_closes_and_reads_it_all_back(sandbox: Served) -> None:
    how = {"key": sandbox.key, "secret": sandbox.secret, "url": sandbox.url}

    def trade_and_read() -> None:
        trade, user = Trade(**how), User(**how)
        trade.create_order(ordertype="market", side="buy", pair="XBTUSD", volume="0.1", leverage="10")
        stop = trade.create_order(
            ordertype="stop-loss",
            side="sell",
            pair="XBTUSD",
            volume="0.1",
            price="49000",
            leverage="10",
            reduce_only=True,
        )
        (stop_id,) = stop["txid"]
        assert list(user.get_open_orders(trades=True)["open"]) == [stop_id]
        trade.amend_order(extra_params={"txid": stop_id, "trigger_price": "48500"})
        assert user.get_orders_info(txid=stop_id)[stop_id]["descr"]["price"] == "48500.0"
        assert trade.cancel_order(txid=stop_id)["count"] == 1
        (position,) = user.get_open_positions(docalcs=True)
        assert (position["margin"], position["leverage"]) == ("500.05000", "10.00000")
        trade.create_order(ordertype="market", side="sell", pair="XBTUSD", volume="0", leverage="10")

        assert user.get_open_positions() == []
        assert len(user.get_trades_history()["trades"]) == 2
        assert user.get_closed_orders()["count"] == 3
        rows = user.get_ledgers_info()["ledger"]
        assert next(iter(rows.values()))["balance"] == user.get_account_balance()["ZUSD"]
        assert user.get_trade_balance()["m"] == "0.0000"
        assert user.get_trade_volume(pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.4000"
        information: Any = user.request(method="POST", uri="/0/private/GetApiKeyInfo")
        assert information["api_key"] == sandbox.key

    await asyncio.to_thread(trade_and_read)


@pytest.mark.filterwarnings("ignore:The 'get_withdrawal_info' function uses a deprecated:DeprecationWarning")
async def test_the_sdk_is_denied_what_its_key_may_not_do(sandbox: Served) -> None:
    funding = Funding(key=sandbox.key, secret=sandbox.secret, url=sandbox.url)

    with pytest.raises(KrakenPermissionDeniedError):
        await asyncio.to_thread(funding.get_withdrawal_info, asset="XBT", key="mine", amount="1")


async def test_the_sdk_reads_public_data(sandbox: Served) -> None:
    market = Market(url=sandbox.url)

    pairs = await asyncio.to_thread(market.get_asset_pairs)
    book = await asyncio.to_thread(market.get_order_book, pair="XBTUSD", count=5)

    assert pairs["BNBUSD"]["leverage_sell"] == [2, 3, 4, 5]
    assert len(book["XXBTZUSD"]["asks"]) == 5


async def test_the_sdk_follows_executions_and_balances(sandbox: Served) -> None:
    frames: list[dict[str, Any]] = []
    traded = asyncio.Event()

    class Client(SpotWSClient):
        async def on_message(self, message: Any) -> None:
            if isinstance(message, dict) and message.get("type") in ("snapshot", "update"):
                frames.append(message)
                if any(row.get("exec_type") == "filled" for row in message["data"]):
                    traded.set()

    client = Client(
        key=sandbox.key,
        secret=sandbox.secret,
        rest_url=sandbox.url,
        ws_url=f"{sandbox.ws}/ws",
        no_public=True,
        auth_ws_url=f"{sandbox.ws}/ws-auth",
    )
    try:
        await client.start()
        await client.subscribe(params={"channel": "executions"})
        await client.subscribe(params={"channel": "balances"})
        await asyncio.sleep(0.2)
        await client.send_message(
            message={
                "method": "add_order",
                "params": {
                    "order_type": "market",
                    "side": "buy",
                    "order_qty": 0.1,
                    "symbol": "BTC/USD",
                    "margin": True,
                },
            }
        )
        await asyncio.wait_for(traded.wait(), 15)
    finally:
        await client.close()

    kinds = [row["exec_type"] for frame in frames if frame["channel"] == "executions" for row in frame["data"]]
    assert kinds == ["pending_new", "new", "trade", "filled"]
    assert any(frame["channel"] == "balances" and frame["type"] == "snapshot" for frame in frames)
