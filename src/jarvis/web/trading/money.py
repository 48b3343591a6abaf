"""What limits mean in money, for an account whose equity is known."""

from dataclasses import dataclass
from decimal import Decimal

from jarvis.domain.money import plain
from jarvis.store.connecting import Connecting
from jarvis.store.records import TradingAccount
from jarvis.trading.limits import Limits
from jarvis.venues.catalog import VENUES
from jarvis.web.connecting.account import leverages_of
from jarvis.web.connecting.told import told_from_json
from jarvis.web.context import Web


@dataclass(frozen=True, slots=True)
class Equity:
    """What the account was worth when it was read last."""

    amount: Decimal
    asset: str


async def equity_of(web: Web, account: TradingAccount) -> Equity | None:
    """What the account's trader read last, or what was there at the check; None while nobody has read it."""
    overview = await web.store.overview(account.owner_id, account.account_id)
    if overview is not None and overview.margin is not None:
        return Equity(overview.margin.equity, overview.margin.asset)
    ways = await web.store.connecting_of(account.owner_id)
    told = next((told_from_json(way.told_json) for way in ways if _is_about(way, account)), None)
    if told is None or told.funds is None or told.funds.failure:
        return None
    return Equity(told.funds.equity, told.funds.asset)


def _is_about(way: Connecting, account: TradingAccount) -> bool:
    return way.account_id == account.account_id


def leverage_ceiling(account: TradingAccount) -> int:
    """The highest leverage cap that makes sense here."""
    lent = [leverage for _, leverage in leverages_of(account)]
    return max(lent, default=max(VENUES[account.venue].leverage_caps.values()))


def promises(limits: Limits, equity: Equity | None) -> list[str]:
    """What the limits mean, one sentence each, in money where it is known how much there is."""

    def share(of: Decimal) -> str:
        words = f"{_percent(of)} of your equity"
        if equity is None or equity.amount <= 0:
            return words
        return f"{words} (now {equity.amount * of:,.2f} {equity.asset})"

    sentences = [
        f"At most {limits.leverage_cap}x leverage, whatever the venue offers.",
        f"One trade that goes wrong costs about {share(limits.risk_per_trade)}, if its stop is filled where it rests.",
        f"One position uses at most {share(limits.equity_share_per_position)} as margin.",
        f"No more than {limits.max_open_positions} positions are open at a time, one for each pair.",
    ]
    if limits.daily_loss.block_entries is not None:
        sentences.append(f"After losing {share(limits.daily_loss.block_entries)} in a day, nothing new is opened.")
    if limits.daily_loss.flatten is not None:
        sentences.append(f"After losing {share(limits.daily_loss.flatten)} in a day, everything is closed.")
    if limits.drawdown.flatten is not None:
        sentences.append(f"{_percent(limits.drawdown.flatten)} below its highest equity, everything is closed.")
    return sentences


def _percent(of: Decimal) -> str:
    return f"{plain(of * 100)} %"
