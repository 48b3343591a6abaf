"""Keeping what an account follows and may: noted, told, and known to the signer where that is needed.

Whatever raises a limit asks for a fresh proof here, so that no page can forget it; whatever only lowers them is done at
once and never waits for a proof, the signer, or the audit.
"""

from collections.abc import Collection, Mapping, Sequence

from fastapi import Request

from jarvis.accounts.deeds import Deed
from jarvis.store.records import Assignment, TradingAccount
from jarvis.trading.limits import Limits
from jarvis.trading.tightening import raised
from jarvis.venues.catalog import VENUES
from jarvis.web.context import Web
from jarvis.web.trading.following import followed_of, to_json

SIGNER_BEHIND = "Kept, and in force. The signer could not be told yet: it may still sign for the limits before."


def deed_of(loosened: Collection[str]) -> Deed:
    """What changing limits is for somebody, by what `tightening.raised` says of it."""
    return Deed.CHANGE_LIMITS if loosened else Deed.LOWER_LIMITS


async def keep_limits(web: Web, request: Request, account: TradingAccount, wanted: Limits) -> str:
    """Keep these limits; in a sentence why not, and then nothing was changed.

    Raises what `web.person` raises: ProofNeeded if something is raised and nobody has just proved who they are.
    """
    loosened = raised(account.limits, wanted)
    await web.person(request, deed_of(loosened))
    noted = await web.entry(
        request,
        "limits.changed",
        account.account_id,
        limits=wanted.to_json(),
        before=account.limits.to_json(),
        raised=" ".join(loosened),
    )
    title = VENUES[account.venue].title
    if not loosened:
        if wanted != account.limits:
            await web.store.save_limits(account.owner_id, account.account_id, wanted)
            await web.store.note_if_possible(noted)
        return ""
    if account.is_armed:
        # What the signer may open is drawn before the limits are kept: an order within them can then be signed.
        failed = await web.connector.draw_policy(account, wanted)
        if failed:
            return failed
    words = ", ".join(name.replace("_", " ") for name in loosened)
    told = f"Limits of your account at {title} were raised: {words}."
    await web.store.save_limits(account.owner_id, account.account_id, wanted, noted=noted, told=told)
    return ""


async def tell_signer(web: Web, account: TradingAccount, lowered: Limits) -> str:
    """Have the signer know limits that are lower and kept already; in a sentence if it could not be told."""
    if not account.is_armed:
        return ""
    return SIGNER_BEHIND if await web.connector.draw_policy(account, lowered) else ""


async def keep_following(
    web: Web,
    request: Request,
    account: TradingAccount,
    wanted: Sequence[Assignment],
    details: Mapping[str, str] | None = None,
) -> None:
    """Follow exactly these, and say in the audit how it was and how it is; `details` are more to be said there."""
    was, now = followed_of(account.assignments), followed_of(wanted)
    noted = await web.entry(
        request,
        "strategies.changed",
        account.account_id,
        before=to_json(was),
        after=to_json(now),
        **(details or {}),
    )
    await web.store.save_assignments(account.owner_id, account.account_id, wanted, noted=noted)
