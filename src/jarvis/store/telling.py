"""What an account's owner is told of what its trader did: alarms and trades, in the transaction that writes them."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jarvis.domain.account import AccountId
from jarvis.domain.instrument import Pair, Side
from jarvis.domain.money import ZERO, Asset, plain
from jarvis.domain.order import Fill
from jarvis.notify.kinds import is_alarm_told
from jarvis.store.notices import tell
from jarvis.store.tables import accounts, fills
from jarvis.trading.events import Severity
from jarvis.trading.stories import PositionStory

_HELD = {Side.BUY: "long", Side.SELL: "short"}


async def tell_of_alarm(
    connection: AsyncConnection,
    account_id: AccountId,
    kind: str,
    severity: Severity,
    message: str,
    at: datetime,
    pair: Pair | None,
) -> None:
    """Tell the owner of an alarm, unless it heals itself or is told in another way."""
    if is_alarm_told(kind, severity):
        await _tell_owner(connection, account_id, kind, severity, message, at, pair)


async def tell_of_trade(connection: AsyncConnection, account_id: AccountId, fill: Fill, story: PositionStory) -> None:
    """Tell the owner that a position begins with this fill, or ends with it and what came of it."""
    held, pair = _HELD[story.entry_side], story.pair
    if story.is_closed:
        result = await _result(connection, account_id, story)
        message = f"{pair}: the {held} of {plain(story.opened_quantity)} {pair.base} is closed. {result}"
        await _tell_owner(connection, account_id, "position.closed", Severity.INFO, message, fill.at, pair)
    elif len(story.fill_ids) == 1:
        bought = f"{plain(fill.quantity)} {pair.base} at {plain(fill.price)} {pair.quote}"
        message = f"{pair}: a {held} is opened, {bought} so far."
        await _tell_owner(connection, account_id, "position.opened", Severity.INFO, message, fill.at, pair)


async def _result(connection: AsyncConnection, account_id: AccountId, story: PositionStory) -> str:
    asked = select(fills.c.pnl, fills.c.fee, fills.c.fee_asset).where(
        fills.c.account_id == account_id, fills.c.position_id == story.position_id
    )
    rows = (await connection.execute(asked)).all()
    gained = sum((row.pnl for row in rows), ZERO)
    fees = _sums((Asset(row.fee_asset), row.fee) for row in rows)
    paid = " and ".join(f"{plain(fee)} {asset}" for asset, fee in fees.items() if fee) or f"0 {story.pair.quote}"
    sign = "+" if gained > 0 else "\N{MINUS SIGN}" if gained < 0 else ""
    return f"Result: {sign}{plain(abs(gained))} {story.pair.quote} before fees ({paid}) and interest."


def _sums(amounts: Iterable[tuple[Asset, Decimal]]) -> dict[Asset, Decimal]:
    sums: dict[Asset, Decimal] = {}
    for asset, amount in amounts:
        sums[asset] = sums.get(asset, ZERO) + amount
    return sums


async def _tell_owner(
    connection: AsyncConnection,
    account_id: AccountId,
    kind: str,
    severity: Severity,
    message: str,
    at: datetime,
    pair: Pair | None,
) -> None:
    owner = await connection.scalar(select(accounts.c.owner_id).where(accounts.c.account_id == account_id))
    if owner is not None:
        await tell(connection, owner, kind, severity, message, at, account_id=account_id, pair=pair)
