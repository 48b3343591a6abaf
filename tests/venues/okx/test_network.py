"""Over real sockets of this machine: signed bytes as they are sent, and both streams."""

import asyncio
from decimal import Decimal
from random import Random

from jarvis.domain.market import Quote
from jarvis.domain.order import Fill, OrderRole, OrderType
from jarvis.emulators.app import served
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import okx
from jarvis.venues.base import Accepted, BarUpdate
from jarvis.venues.catalog import sandbox_urls
from jarvis.venues.okx import OkxVenue
from jarvis.venues.session import NetworkTransport, VenueUrls
from tests.venues.contract.bench import MINUTE, START
from tests.venues.okx.bench import OkxBench

D = Decimal


async def test_a_list_in_a_query_is_sent_as_it_was_signed() -> None:
    lines: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    parameters = {"mgnMode": "cross", "instId": "BTC-USDT,ETH-USDT", "timestamp": "1790000000000"}
    with OpenedKey(bytearray(b"test-key-0001"), bytearray(b"test-secret-0001"), bytearray(b"test-pass-0001")) as key:
        call = okx.build(key, "GET /api/v5/account/leverage-info", parameters, 1)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        urls = VenueUrls(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/p", f"ws://127.0.0.1:{port}/a")
        async with NetworkTransport([urls]) as transport:
            await transport.request("GET", urls.rest + call.path, call.headers, b"", 5.0)

    assert b"%2C" in lines[0]
    assert lines[0].split(b" ")[1] == call.path.encode()


async def test_a_position_is_opened_protected_and_stopped_out_over_the_network() -> None:
    bench = OkxBench()
    credential = bench.signer.credential(
        bench.key["api_key"], bench.key["secret"], venue=bench.name, passphrase=bench.inputs["passphrase"]
    )
    async with served(bench.sandbox) as origin, NetworkTransport([sandbox_urls(OkxVenue.name, origin)]) as transport:
        venue = OkxVenue(
            transport=transport,
            urls=sandbox_urls(OkxVenue.name, origin),
            signer=bench.signer.bound(credential),
            clock=bench,
            random=Random(1),
        )
        async with venue.account_stream() as account, venue.market_stream([bench.pair], MINUTE) as market:
            assert isinstance(await venue.place(bench.wish()), Accepted)
            held = await venue.snapshot()
            stop = bench.closing(
                OrderRole.STOP,
                order_type=OrderType.STOP,
                trigger_price=D(59_000),
                quantity=bench.open_quantity(held),
            )
            assert isinstance(await venue.place(stop), Accepted)
            bench.advance(8)
            await account.flush()
            await market.flush()
            events, prices = account.pending(), market.pending()
        history = await venue.fills(START)
        after = await venue.snapshot()

    fills = [event for event in events if isinstance(event, Fill)]
    assert len(history) == 2
    assert {fill.fill_id: fill for fill in history} == {fill.fill_id: fill for fill in fills}
    assert fills[-1].client_order_id == stop.client_order_id
    assert {type(event) for event in prices} == {BarUpdate, Quote}
    assert (len(held.positions), after.positions, bench.open_quantity(after)) == (1, (), D(0))
