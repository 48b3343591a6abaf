"""A venue that answers each call at once with a recorded shape; a process of its own, so that its cost is nobody's."""

import asyncio
import json
from contextlib import suppress
from urllib.parse import parse_qs

from tests.venues.binance.wires import sample as binance
from tests.venues.wires import sample

ANSWERS = {
    "Assets": sample("assets"),
    "AssetPairs": sample("asset_pairs"),
    "Time": sample("time"),
    "AddOrder": sample("add_order"),
    "time": binance("time"),
    "exchangeInfo": binance("exchange_info"),
}
PLACED = json.loads(binance("place_order"))
NOTHING = b'{"error":[],"result":{}}'


def _placed(sent: bytes) -> bytes:
    """Binance names the order as its sender did."""
    (client_order_id,) = parse_qs(sent.decode())["newClientOrderId"]
    return json.dumps({**PLACED, "clientOrderId": client_order_id}).encode()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it is closed."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            lengths = [int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")]
            sent = await reader.readexactly(sum(lengths))
            path = lines[0].split(" ")[1].partition("?")[0]
            operation = path.rpartition("/")[2]
            body = _placed(sent) if path == "/sapi/v1/margin/order" else ANSWERS.get(operation, NOTHING)
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            )
            await writer.drain()
    writer.close()


async def serve() -> None:
    """Serve on a free port of loopback until killed."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"address": f"http://127.0.0.1:{port}"}), flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
