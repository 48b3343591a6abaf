"""The same conversation over real sockets on this machine: the network transport against the served sandbox."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.domain.order import Fill, OrderRole, OrderType
from jarvis.emulators.app import served
from jarvis.emulators.sandbox import Sandbox
from jarvis.emulators.venue import KeyForm
from jarvis.sim.market import RecordedMarket
from jarvis.venues.base import Accepted, BarUpdate
from jarvis.venues.binance import BinanceVenue
from jarvis.venues.catalog import open_venue, sandbox_urls
from jarvis.venues.session import NetworkTransport
from tests.signer.inprocess import InProcessSigner
from tests.venues.binance.bench import BinanceBench, BinanceIsolatedBench
from tests.venues.contract.bench import BTC, DRAWN, MINUTE, START, closing, path, wish
from tests.venues.wires import HandClock

PAIR = Pair(BTC.base, BinanceBench.quote)


class MarketClock(HandClock):
    """The served sandbox's time."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.now = lambda: sandbox.now  # type: ignore[method-assign]


def pem_of(key: Ed25519PrivateKey) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("kind", [BinanceBench, BinanceIsolatedBench])
@pytest.mark.parametrize("key_type", ["system", "self"])
async def test_a_position_is_opened_protected_and_stopped_out_over_the_network(
    kind: type[BinanceBench], key_type: str
) -> None:
    sandbox = Sandbox(RecordedMarket({BTC: path(BTC, *DRAWN[:60])}), seed=3, venues=("binance",))
    emulator = sandbox.venues["binance"]
    emulator.open_account("owner", {Asset("USDT"): Decimal(100_000)}, kind.profile)
    private, public = pem_of(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    inputs = {"key_type": key_type, **({"public_key": public} if key_type == "self" else {})}
    shown = emulator.make_key("owner", KeyForm("Jarvis, live", frozenset(kind.needed), inputs))
    values = {value.name: value.value for value in shown}
    signer = InProcessSigner(lambda: int(sandbox.now.timestamp()) * 1_000_000_000)
    secret = private if key_type == "self" else values["secret"]
    credential = signer.credential(values["api_key"], secret, venue="binance")
    async with served(sandbox) as origin:
        urls = sandbox_urls(BinanceVenue.name, origin)
        async with NetworkTransport([urls]) as transport:
            venue = open_venue(
                BinanceVenue.name,
                transport=transport,
                urls=urls,
                signer=signer.bound(credential),
                clock=MarketClock(sandbox),
                random=Random(1),
                execution_venue=kind.execution_venue,
            )
            entry = wish(PAIR, leverage=kind.leverage)
            stop = closing(
                OrderRole.STOP,
                pair=PAIR,
                leverage=kind.leverage,
                order_type=OrderType.STOP,
                trigger_price=Decimal(59_000),
                quantity=Decimal("0.0999"),
            )
            async with venue.account_stream() as account, venue.market_stream([PAIR], MINUTE) as market:
                assert isinstance(await venue.place(entry), Accepted)
                assert isinstance(await venue.place(stop), Accepted)
                before = await venue.snapshot()
                for _ in range(8):
                    sandbox.advance(sandbox.now + MINUTE)
                await account.flush()
                await market.flush()
                events, prices = account.pending(), market.pending()
            after = await venue.snapshot()
            history = await venue.fills(START - timedelta(hours=1))

    opening, *closed = [event for event in events if isinstance(event, Fill)]
    assert {balance.asset: balance.total for balance in before.balances}[PAIR.base] == Decimal("0.0999")
    assert [order.client_order_id for order in before.open_orders] == [stop.client_order_id]
    assert {fill.client_order_id for fill in closed} == {stop.client_order_id}
    assert [opening, *closed] == list(history)
    assert after.open_orders == ()
    assert all(balance.total == 0 for balance in after.balances if balance.asset == PAIR.base)
    assert any(isinstance(event, BarUpdate) for event in prices)
