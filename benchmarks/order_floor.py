"""What an order costs that is not built, not checked and not read: its bytes, its signature and its audit line alone.

`python -m benchmarks.order_floor` prints it against ccxt's whole order. Ours asks a second process over a Unix socket
(which decrypts one sealed key, hashes, signs and appends one line to a file) and writes one prepared request to the
stub, on the loop that workers run on. No signer can be cheaper in Python, and none of what makes it one is here.
"""

import asyncio
import hashlib
import hmac
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import urlsplit

import uvloop
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from benchmarks.measure import Duel, measured
from benchmarks.orders import ccxt_kraken_at, stub

WISH, SEALED, LINE = b"w" * 900, b"s" * 256, b"l" * 300 + b"\n"
BODY = b"nonce=1790000000000000&" + b"b" * 150
HEAD = (
    "POST /0/private/AddOrder HTTP/1.1\r\nHost: {host}\r\nUser-Agent: floor\r\nAPI-Key: {key}\r\nAPI-Sign: {sign}\r\n"
    "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: {size}\r\n\r\n"
)


def answer(path: Path) -> None:
    """Be the second process: one asker, one answer to each of its reads."""
    keys = os.urandom(16), os.urandom(32), os.urandom(64)
    line = os.open(path.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as selector:
        listening.bind(str(path))
        listening.listen()
        print("ready", flush=True)
        asker, _ = listening.accept()
        selector.register(asker, selectors.EVENT_READ)
        while selector.select() and (wish := asker.recv(65536)):
            hmac.digest(keys[1], SEALED, "sha256")
            opening = Cipher(AES(keys[0]), CBC(SEALED[:16])).decryptor()
            opening.update(SEALED)
            hmac.digest(keys[2], hashlib.sha256(BODY).digest(), "sha512")
            os.write(line, LINE)
            asker.send(wish[:400])


class _Bytes(asyncio.Protocol):
    """Whatever comes is the answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)

    async def ask(self, message: bytes) -> bytes:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return await self.answer


@contextmanager
def bare_orders(scale: int) -> Iterator[Duel]:
    """Bytes alone against ccxt's order."""
    batch = 10 * scale
    with ExitStack() as stack:
        address = stack.enter_context(stub())
        path = Path(stack.enter_context(TemporaryDirectory())) / "s"
        second = subprocess.Popen([sys.executable, "-m", "benchmarks.order_floor", str(path)], stdout=subprocess.PIPE)
        stack.callback(second.wait)
        stack.callback(second.terminate)
        assert second.stdout is not None
        stack.enter_context(second.stdout)
        second.stdout.readline()
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        loop, at = runner.get_loop(), urlsplit(address)
        _, signer = runner.run(loop.create_unix_connection(_Bytes, str(path)))
        _, venue = runner.run(loop.create_connection(_Bytes, at.hostname, at.port))  # type: ignore[arg-type]
        peer = runner.run(ccxt_kraken_at(address))
        request = HEAD.format(host=at.netloc, key="k" * 56, sign="s" * 88, size=len(BODY)).encode() + BODY

        async def place() -> int:
            for _ in range(batch):
                await signer.ask(WISH)
                assert b"200 OK" in await venue.ask(request)
            return batch

        async def create() -> int:
            for number in range(batch):
                wanted = {"leverage": 10, "clientOrderId": f"jv{number:07d}"}
                assert (await peer.create_order("BTC/USD", "limit", "buy", 0.0125, 60010.5, wanted))["id"]
            return batch

        yield Duel(
            "an order's bytes alone",
            "order",
            "ccxt create_order",
            lambda: runner.run(place()),
            lambda: runner.run(create()),
            clock=lambda: time.process_time() + time.clock_gettime(~second.pid << 3 | 2),
        )
        runner.run(peer.close())


if __name__ == "__main__":
    if sys.argv[1:]:
        answer(Path(sys.argv[1]))
    else:
        with bare_orders(15) as duel:
            print(measured(duel, rounds=11).line())
