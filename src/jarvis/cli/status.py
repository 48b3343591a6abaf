"""What is held, what protects it, where every cent went: one account as a record and as text."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jarvis.domain.money import ZERO, plain
from jarvis.domain.order import OrderRole

if TYPE_CHECKING:
    from jarvis.domain.order import Order
    from jarvis.store.db import Store
    from jarvis.store.records import PositionFacts, PositionRecord, TradingAccount


async def account_status(store: "Store", account: "TradingAccount") -> dict[str, Any]:
    """Everything of one account, every number exact text. Realised PnL is read from the journal."""
    from jarvis.ledger.journal import Account

    owner, name = account.owner_id, account.account_id
    overview = await store.overview(owner, name)
    totals = await store.totals(owner, name)
    inner = (Account.EXPOSURE, Account.CONTRA, Account.BASIS)
    quote = {asset for book, asset in totals if book not in inner}

    def per_asset(book: Account, sign: int) -> dict[str, str]:
        return {asset: plain(sign * totals[book, asset]) for asset in sorted(quote) if (book, asset) in totals}

    orders = await store.open_orders(owner, name)
    fills = await store.fills(owner, name)
    margin = overview.margin if overview else None
    sums: dict[str, Decimal] = {}
    for (_, asset), amount in totals.items():
        sums[asset] = sums.get(asset, ZERO) + amount
    return {
        "account": name,
        "venue": account.venue,
        "environment": account.environment.value,
        "state": account.state.value,
        "blocks": [
            *filter(None, [await store.entries_blocked()]),
            *(block.message for block in (overview.marks.blocks if overview else ())),
        ],
        "paused": overview.marks.paused if overview else False,
        "margin": None
        if margin is None
        else {
            "at": margin.at.isoformat(),
            "asset": margin.asset,
            "equity": plain(margin.equity),
            "used_margin": plain(margin.used_margin),
            "free_margin": plain(margin.free_margin),
            "margin_level": None if margin.margin_level is None else plain(margin.margin_level),
        },
        "positions": [_position(each, orders) for each in await store.open_positions(owner, name)],
        "orders": [_order(order) for order in orders],
        "fills": len(fills),
        "bought": plain(sum((fill.quantity for fill in fills if fill.side.sign > 0), ZERO)),
        "sold": plain(sum((fill.quantity for fill in fills if fill.side.sign < 0), ZERO)),
        "realised": {
            "price": per_asset(Account.PRICE, -1),
            "liquidation": per_asset(Account.LIQUIDATION, -1),
            "trading_fee": per_asset(Account.TRADING_FEE, -1),
            "opening_fee": per_asset(Account.OPENING_FEE, -1),
            "rollover": per_asset(Account.ROLLOVER, -1),
            "interest": per_asset(Account.INTEREST, -1),
            "liquidation_fee": per_asset(Account.LIQUIDATION_FEE, -1),
            "adjustment": per_asset(Account.ADJUSTMENT, -1),
        },
        "cash": per_asset(Account.CASH, 1),
        "residual": {each.asset: plain(each.difference) for each in await store.residuals(owner, name)},
        "clearing": {each.asset: plain(each.clearing) for each in await store.residuals(owner, name)},
        "balanced": not any(sums.values()),
    }


def _position(record: "PositionRecord", orders: "list[Order]") -> dict[str, Any]:
    story = record.story
    own = [order for order in orders if order.request.position_id == story.position_id]
    return {
        "position": story.position_id,
        "pair": str(story.pair),
        "strategy": story.strategy,
        "quantity": plain(story.position.quantity),
        "entry_price": None if story.position.entry_price is None else plain(round(story.position.entry_price, 8)),
        "leverage": story.leverage,
        "opened_at": story.opened_at.isoformat(),
        "stops": [_order(order) for order in own if order.request.role is OrderRole.STOP],
        "take_profits": [_order(order) for order in own if order.request.role is OrderRole.TAKE_PROFIT],
        "time_stop_at": (
            (story.opened_at + story.protection.time_stop).isoformat() if story.protection.time_stop else None
        ),
        "at_venue": None if record.facts is None else _facts(record.facts),
    }


def _facts(facts: "PositionFacts") -> dict[str, Any]:
    """What the venue says of an open position, beside its fills."""

    def told(amount: Decimal | None) -> str | None:
        return None if amount is None else plain(amount)

    return {
        "at": facts.at.isoformat(),
        "used_margin": told(facts.used_margin),
        "borrowed": told(facts.borrowed),
        "borrowed_asset": facts.borrowed_asset,
        "interest": told(facts.interest),
        "liquidation_price": told(facts.liquidation_price),
        "liquidation_price_is_modelled": facts.is_modelled,
    }


def _order(order: "Order") -> dict[str, Any]:
    request = order.request
    price = request.trigger_price if request.trigger_price is not None else request.limit_price
    return {
        "client_order_id": order.client_order_id,
        "pair": str(request.pair),
        "side": request.side.value,
        "type": request.order_type.value,
        "role": request.role.value,
        "quantity": plain(request.quantity),
        "filled": plain(order.filled_quantity),
        "price": None if price is None else plain(price),
        "status": order.status.value,
    }


def as_text(record: dict[str, Any]) -> str:
    """The record as a person reads it."""
    lines = [f"{record['account']}  {record['venue']} ({record['environment']})  {record['state']}"]
    lines += [f"  entries wait: {block}" for block in record["blocks"]]
    margin = record["margin"]
    if margin:
        level = f"{Decimal(margin['margin_level']) * 100:.0f} %" if margin["margin_level"] else "flat"
        lines.append(
            f"  equity {margin['equity']} {margin['asset']}, free margin {margin['free_margin']}, level {level}"
        )
    for position in record["positions"]:
        stops = ", ".join(f"{stop['price']} ({stop['status']})" for stop in position["stops"]) or "NONE"
        lines.append(
            f"  {position['pair']} {position['quantity']} at {position['entry_price']}, {position['leverage']}x, "
            f"stop {stops}, time-stop {position['time_stop_at'] or 'none'}"
        )
        facts = position["at_venue"]
        if facts:
            owed = f"{facts['borrowed']} {facts['borrowed_asset']}" if facts["borrowed_asset"] else "nothing"
            near = " or near" if facts["liquidation_price_is_modelled"] else ""
            lines.append(
                f"    borrowed {owed}, interest {facts['interest']}, liquidated at{near} "
                f"{facts['liquidation_price'] or 'no price'}"
            )
    if not record["positions"]:
        lines.append("  no open position")
    for name, amounts in record["realised"].items():
        lines += [f"  {name.replace('_', ' '):<12} {amount:>16} {asset}" for asset, amount in amounts.items()]
    for asset, residual in record["residual"].items():
        lines.append(f"  {'residual':<12} {residual:>16} {asset}")
    lines.append(f"  {record['fills']} fills, books {'balanced' if record['balanced'] else 'NOT BALANCED'}")
    return "\n".join(lines)
