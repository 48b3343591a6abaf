"""Over real sockets of this machine: signed bytes, pages by their cursor, and both streams."""

import asyncio
from decimal import Decimal
from random import Random

from jarvis.domain.instrument import Side
from jarvis.domain.market import Quote
from jarvis.domain.order import Fill, OrderRole, OrderType
from jarvis.emulators.app import served
from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import bybit
from jarvis.venues.base import Accepted, BarUpdate
from jarvis.venues.bybit import BybitVenue
from jarvis.venues.catalog import sandbox_urls
from jarvis.venues.session import NetworkTransport, VenueUrls
from tests.venues.bybit.bench import BybitBench
from tests.venues.contract.bench import MINUTE, START

D = Decimal


async def test_a_page_cursor_is_sent_as_it_was_signed() -> None:
    lines: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    parameters = {"category": "spot", "cursor": "132766%3A2%2C132766%3A2", "timestamp": "1790000000000"}
    with OpenedKey(bytearray(b"test-key-0001"), bytearray(b"test-secret-0001"), bytearray()) as key:
        call = bybit.build(key, "GET /v5/execution/list", parameters, 1)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        urls = VenueUrls(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/p", f"ws://127.0.0.1:{port}/a")
        async with NetworkTransport([urls]) as transport:
            await transport.request("GET", urls.rest + call.path, call.headers, b"", 5.0)

    assert lines[0].split(b" ")[1] == call.path.encode()


async def test_a_position_is_opened_protected_and_stopped_out_over_the_network() -> None:
    bench = BybitBench()
    credential = bench.signer.credential(bench.key["api_key"], bench.key["secret"], venue=bench.name)
    async with served(bench.sandbox) as origin, NetworkTransport([sandbox_urls(BybitVenue.name, origin)]) as transport:
        venue = BybitVenue(
            transport=transport,
            urls=sandbox_urls(BybitVenue.name, origin),
            signer=bench.signer.bound(credential),
            clock=bench,
            random=Random(1),
        )
        async with venue.account_stream() as account, venue.market_stream([bench.pair], MINUTE) as market:
            # More than a page of fills, so that a cursor goes over the wire.
            for side in (Side.BUY, Side.SELL, Side.BUY, Side.SELL, Side.BUY):
                assert isinstance(await venue.place(bench.wish(side=side, quantity=D(20))), Accepted)
            held = await venue.snapshot()
            quantity = (bench.open_quantity(held)).quantize(D("0.000001")) - D("0.000001")
            stop = bench.closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=D(59_000), quantity=quantity)
            assert isinstance(await venue.place(stop), Accepted)
            bench.advance(8)
            await account.flush()
            await market.flush()
            events, prices = account.pending(), market.pending()
        history = await venue.fills(START)

    fills = [event for event in events if isinstance(event, Fill)]
    assert len(history) > 100
    assert {fill.fill_id: fill for fill in history} == {fill.fill_id: fill for fill in fills}
    assert fills[-1].client_order_id == stop.client_order_id
    assert {type(event) for event in prices} == {BarUpdate, Quote}
