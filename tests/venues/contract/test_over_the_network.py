"""The same conversation over real sockets on this machine: the network transport against the served sandbox."""

from datetime import timedelta
from decimal import Decimal
from random import Random

from jarvis.domain.account import LedgerRow
from jarvis.domain.money import USD
from jarvis.domain.order import Fill, OrderRole, OrderType
from jarvis.emulators.app import served
from jarvis.emulators.sandbox import Sandbox
from jarvis.sim.market import RecordedMarket
from jarvis.venues.base import Accepted, BarUpdate
from jarvis.venues.catalog import KRAKEN, open_venue, sandbox_urls
from jarvis.venues.session import NetworkTransport
from tests.signer.inprocess import InProcessSigner
from tests.venues.contract.bench import BTC, DRAWN, MINUTE, NEEDED, START, closing, path, wish
from tests.venues.wires import HandClock


class MarketClock(HandClock):
    """The served sandbox's time."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.now = lambda: sandbox.now  # type: ignore[method-assign]


async def test_a_position_is_opened_protected_and_stopped_out_over_the_network() -> None:
    sandbox = Sandbox(RecordedMarket({BTC: path(BTC, *DRAWN[:60])}), seed=3)
    sandbox.kraken.create_account("owner", {USD: Decimal(100_000)})
    signer = InProcessSigner(lambda: int(sandbox.now.timestamp()) * 1_000_000_000)
    credential = signer.credential(*sandbox.kraken.create_key("owner", NEEDED, "Jarvis, live"))
    async with served(sandbox) as origin, NetworkTransport([sandbox_urls(KRAKEN, origin)]) as transport:
        venue = open_venue(
            KRAKEN,
            transport=transport,
            urls=sandbox_urls(KRAKEN, origin),
            signer=signer.bound(credential),
            clock=MarketClock(sandbox),
            random=Random(1),
        )
        stop = closing(OrderRole.STOP, order_type=OrderType.STOP, trigger_price=Decimal(59_000))
        async with venue.account_stream() as account, venue.market_stream([BTC], MINUTE) as market:
            assert isinstance(await venue.place(wish()), Accepted)
            assert isinstance(await venue.place(stop), Accepted)
            before = await venue.snapshot()
            for _ in range(8):
                sandbox.advance(sandbox.now + MINUTE)
            await account.flush()
            await market.flush()
            events, prices = account.pending(), market.pending()
        after = await venue.snapshot()
        history = await venue.fills(START - timedelta(hours=1))

    opening, closed = [event for event in events if isinstance(event, Fill)]
    assert before.quantity(BTC) == Decimal("0.1")
    assert after.positions == ()
    assert closed.client_order_id == stop.client_order_id
    assert list(history) == [opening, closed]
    rows = [event for event in events if isinstance(event, LedgerRow)]
    assert after.balances[0].total == Decimal(100_000) + sum(row.change for row in rows)
    assert any(isinstance(event, BarUpdate) for event in prices)
