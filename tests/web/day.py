"""Writes the account of samples.py into a store, as its trader would have."""

import json
from datetime import timedelta
from decimal import Decimal

from jarvis.domain.account import (
    AccountId,
    Credential,
    CredentialId,
    Environment,
    LedgerKind,
    LedgerRow,
    LedgerRowId,
    UserId,
    VenueName,
)
from jarvis.domain.instrument import Side
from jarvis.domain.market import Quote
from jarvis.domain.money import USD
from jarvis.domain.order import OrderRole
from jarvis.domain.position import NOTHING_REALISED
from jarvis.ledger.journal import entry_for_charge, entry_for_fill, entry_for_row, entry_for_wallet_fill
from jarvis.store.db import Store
from jarvis.store.records import AccountState, Assignment, PositionFacts, feed_name
from jarvis.trading.limits import Limits
from jarvis.trading.state import Marks
from jarvis.trading.strategies import STRATEGIES
from jarvis.trading.strategy import resolve
from jarvis.venues.catalog import VENUES
from tests.web import samples

KRAKEN = VenueName("kraken")
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"><svg/onload=alert(3)>{{7*7}}'
"""What a venue, a key's name or a message might hold: nothing of it may ever become markup."""


async def connect(
    store: Store,
    user_id: UserId,
    environment: Environment,
    number: int = 1,
    venue: VenueName = KRAKEN,
    risks: tuple[str, ...] = (),
) -> AccountId:
    """A connected, disarmed account."""
    account_id = AccountId(f"{user_id[:8]}acc{number}")
    quote = VENUES[venue].quote
    lent = {f"BTC/{quote}": 10, f"SOL/{quote}": 5, **({} if quote == USD else {f"ETH/{quote}": 10})}
    credential = Credential(account_id, venue, CredentialId(f"{user_id[:8]}cred{number}"), environment, b"sealed")
    await store.connect_account(
        user_id,
        credential,
        fingerprint=f"{user_id}-{number}",
        label=HOSTILE,
        public_id="aB3k…uXvQ",
        permissions_json=json.dumps({"granted": [], "risks": risks, "leverages": lent}),
        verdict="accepted",
        execution_venue=VENUES[venue].execution_venues[0],
        at=samples.NOW - timedelta(days=1),
    )
    return account_id


async def lived(store: Store, user_id: UserId) -> AccountId:
    """An armed account with two open positions, one closed one, orders in every state, and something said."""
    account_id = await connect(store, user_id, Environment.SANDBOX)
    donchian = STRATEGIES["donchian_breakout"]
    assignment = Assignment(donchian.name, samples.BTC, timedelta(minutes=15), resolve(donchian, {}))
    await store.save_assignments(user_id, account_id, [assignment])
    await store.save_limits(user_id, account_id, Limits(allowed_pairs=frozenset({samples.BTC, samples.SOL})))
    await store.set_account_state(account_id, AccountState.ARMED, "", samples.NOW)
    await store.record_marks(account_id, Marks(day=samples.NOW.date(), day_equity=Decimal("25100.00")))
    fence = await store.acquire_lease(account_id, "a test", timedelta(minutes=5))
    assert fence is not None
    for order in (*samples.orders(), *samples.closed_orders()):
        await store.record_intent(account_id, order, fence)
        await store.record_order(account_id, order)
    for story in (samples.btc_story(), samples.sol_story()):
        opening = samples.opening_of(story)
        order = next(each for each in samples.orders() if each.client_order_id == story.entry_id)
        entry = entry_for_fill(opening, NOTHING_REALISED, story.position_id)
        await store.record_fill(account_id, opening, entry, order, story)
    await _record_closed(store, account_id)
    await _record_rollover(store, account_id)
    await store.record_facts(
        account_id,
        [
            PositionFacts(
                story.position_id, samples.NOW, Decimal(used), liquidation_price=liquidation, is_modelled=True
            )
            for story, used, liquidation in (
                (samples.btc_story(), "4562.52", None),
                (samples.sol_story(), "2405.04", Decimal("398.2")),
            )
        ],
    )
    for number in range(60):
        at = samples.NOW - timedelta(minutes=5 * (60 - number))
        await store.record_equity(account_id, samples.margin(at, str(25000 + number * 4 + number * 17 % 29)))
    await store.record_equity(account_id, samples.margin())
    for pair in (samples.BTC, samples.SOL):
        await store.record_bars(feed_name(KRAKEN, Environment.SANDBOX), samples.bars(pair))
    last = samples.bars()[-1].close
    await store.record_quotes(
        feed_name(KRAKEN, Environment.SANDBOX), [Quote(samples.BTC, last, last + 1, last, samples.NOW)]
    )
    for severity, message in (
        ("info", "BTC/USD: opened a long position of 0.25 BTC."),
        ("warning", f"The venue said {HOSTILE}"),
        ("critical", "SOL/USD: the stop's outcome is not known; it is being looked up."),
    ):
        await store.record_activity(account_id, "said", severity, message, at=samples.NOW, pair=samples.BTC)
    return account_id


async def lived_on_borrowed_money(store: Store, user_id: UserId, venue: VenueName, number: int = 7) -> AccountId:
    """An armed account at a venue whose fills settle in the wallet: short 2 ETH, with the debt and interest of it."""
    account_id = await connect(store, user_id, Environment.SANDBOX, number, venue)
    await store.save_limits(user_id, account_id, Limits(allowed_pairs=frozenset({samples.ETH_USDT})))
    await store.set_account_state(account_id, AccountState.ARMED, "", samples.NOW)
    fence = await store.acquire_lease(account_id, "a test", timedelta(minutes=5))
    assert fence is not None
    story = samples.eth_story()
    opening, (order, stop) = samples.opening_of(story), samples.eth_orders()
    for each in (order, stop):
        await store.record_intent(account_id, each, fence)
        await store.record_order(account_id, each)
    entry = entry_for_wallet_fill(opening, NOTHING_REALISED, story.position_id, samples.CENT)
    await store.record_fill(account_id, opening, entry, order, story)
    for hour in (1, 2, 3):
        row = LedgerRow(
            LedgerRowId(f"interest-{hour}"),
            "",
            samples.NOW - timedelta(hours=4 - hour),
            LedgerKind.INTEREST,
            samples.ETH_USDT.base,
            Decimal(0),
            Decimal("0.00004"),
            None,
        )
        charge = entry_for_charge(row, row.fee, story.position_id, story.pair, grows_debt=True)
        await store.record_ledger_row(account_id, row, charge)
    await store.record_facts(account_id, [samples.eth_facts()])
    await store.record_equity(account_id, samples.wallet_margin())
    return account_id


async def _record_closed(store: Store, account_id: AccountId) -> None:
    story, opening, closing = samples.closed_story()
    realised = samples.opened_position(opening).apply(closing)[1]
    entry_order, exit_order = samples.closed_orders()
    await store.record_fill(
        account_id, opening, entry_for_fill(opening, NOTHING_REALISED, story.position_id), entry_order, story
    )
    await store.record_fill(
        account_id, closing, entry_for_fill(closing, realised, story.position_id), exit_order, story
    )
    assert exit_order.request.role is OrderRole.STOP
    assert closing.side is Side.SELL


async def _record_rollover(store: Store, account_id: AccountId) -> None:
    story = samples.sol_story()
    row = LedgerRow(
        LedgerRowId("LAAAAA-BBBBB-000009"),
        story.fill_ids[0],
        samples.NOW - timedelta(hours=1),
        LedgerKind.ROLLOVER,
        USD,
        Decimal(0),
        Decimal("1.2025"),
        Decimal("25000.1"),
    )
    entry = entry_for_row(row, samples.opening_of(story), NOTHING_REALISED, None, story.position_id)
    await store.record_ledger_row(account_id, row, entry)
