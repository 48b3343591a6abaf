"""Whether a change of limits only takes risk away: what a script may do that may never raise them."""

from decimal import Decimal

from jarvis.trading.limits import Limits, TierAction, Tiers


def raised(before: Limits, after: Limits) -> tuple[str, ...]:
    """The names of the limits that `after` loosens; empty if it allows nothing that `before` did not.

    Of losses a larger threshold, or none any more, is looser; of the margin level a lower one.
    """
    found = [
        name
        for name in ("leverage_cap", "equity_share_per_position", "risk_per_trade", "max_open_positions")
        if getattr(after, name) > getattr(before, name)
    ]
    if _is_looser(before.daily_loss, after.daily_loss, 1):
        found.append("daily_loss")
    if _is_looser(before.drawdown, after.drawdown, 1):
        found.append("drawdown")
    if _is_looser(before.margin_level_floor, after.margin_level_floor, -1):
        found.append("margin_level_floor")
    if not after.allowed_pairs <= before.allowed_pairs:
        found.append("allowed_pairs")
    return tuple(found)


def _is_looser(before: Tiers, after: Tiers, sign: int) -> bool:
    """Whether some action would come later than before; `sign` is 1 where larger is later."""
    return any(
        (now := _of(after, action)) is None or (now - threshold) * sign > 0 for action, threshold in before.given()
    )


def _of(tiers: Tiers, action: TierAction) -> Decimal | None:
    return dict(tiers.given()).get(action)
