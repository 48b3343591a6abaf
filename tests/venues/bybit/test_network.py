"""A signed query leaves this machine byte for byte: encoded anew, its signature would no longer fit."""

import asyncio

from jarvis.signer.vault import OpenedKey
from jarvis.signer.venues import bybit
from jarvis.venues.session import NetworkTransport, VenueUrls


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
