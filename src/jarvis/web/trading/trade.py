"""By hand: opening a position after a card that says what it takes, changing what protects one, closing a part or all.

Nothing is sent from here: a wish is written down once, and the account's own trader carries it out within the limits
or says why not. Closing needs no proof and no room.
"""

import secrets
from datetime import timedelta
from decimal import Decimal

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from jarvis.accounts.people import Deed
from jarvis.domain.instrument import Pair
from jarvis.domain.order import PositionId
from jarvis.store.queues import HANDED_OVER
from jarvis.store.records import Overview, PositionRecord, TradingAccount
from jarvis.store.wishes import Wish
from jarvis.trading.events import AdjustByHand, CloseByHand
from jarvis.trading.limits import Refused
from jarvis.web.connecting.account import card_of, pairs_of
from jarvis.web.context import Web
from jarvis.web.desk.positions import position_of
from jarvis.web.forms import Form, FormError
from jarvis.web.trading.byhand import SIZES, Place, Wanted, place_of, read_wish

CONFIRM_WITHIN = timedelta(seconds=60)
MOST_MOVED = Decimal("0.005")
"""By how much the price may have moved since the card was shown."""
SHARES = (25, 50, 75, 100)
_KEY_LENGTH = 43
_SMALL, _MOST = Decimal("0.00000001"), Decimal(10**12)


def router(web: Web) -> APIRouter:
    """The routes of trading by hand."""
    routes = APIRouter(prefix="/desk")

    @routes.get("/{account_id}/trade")
    async def form_page(request: Request, account_id: str) -> Response:
        overview = await _own(web, request, account_id, Deed.TRADE)
        return await _trade_page(web, request, overview, given=dict(request.query_params))

    @routes.post("/{account_id}/trade/card")
    async def card(request: Request, account_id: str) -> Response:
        overview = await _own(web, request, account_id, Deed.TRADE)
        form = await web.form(request)
        place = await place_of(web, overview, _pair_in(form, overview.account))
        wanted = None if isinstance(place, str) else read_wish(form, place)
        if isinstance(place, str) or wanted is None:
            said = place if isinstance(place, str) else ""
            return await _trade_page(web, request, overview, form=form, said=said, status=422)
        return await _card_page(web, request, overview, place, wanted)

    @routes.post("/{account_id}/trade")
    async def open_it(request: Request, account_id: str) -> Response:
        overview = await _own(web, request, account_id, Deed.TRADE)
        form = await web.form(request)
        place = await place_of(web, overview, _pair_in(form, overview.account))
        wanted = None if isinstance(place, str) else read_wish(form, place)
        if isinstance(place, str) or wanted is None:
            said = place if isinstance(place, str) else ""
            return await _trade_page(web, request, overview, form=form, said=said, status=422)
        seen = form.number("seen", minimum=_SMALL, maximum=_MOST)
        if abs(wanted.wish.price - seen) > seen * MOST_MOVED:
            return await _card_page(web, request, overview, place, wanted, said="The price has moved. Look once more.")
        if isinstance(wanted.shown, Refused) or wanted.shown.refused or not overview.account.is_armed:
            return await _card_page(web, request, overview, place, wanted)
        return await _send(web, request, overview.account, wanted.wish, form)

    @routes.get("/{account_id}/sent/{command_id}")
    async def sent(request: Request, account_id: str, command_id: int) -> Response:
        account = await web.account(request, account_id, Deed.PAUSE_AND_FLATTEN)
        values = await _sent(web, account, command_id)
        if request.headers.get("hx-request"):
            return await web.fragment(request, "trading/sent_result.html", values)
        return await web.page(request, "trading/sent.html", values)

    @routes.get("/{account_id}/positions/{position_id}/close")
    async def close_page(request: Request, account_id: str, position_id: str) -> Response:
        return await _change_page(web, request, account_id, position_id, "close")

    @routes.post("/{account_id}/positions/{position_id}/close")
    async def close(request: Request, account_id: str, position_id: str) -> Response:
        form = await web.form(request)
        overview, record = await _open_position(web, request, account_id, position_id, Deed.PAUSE_AND_FLATTEN)
        share = form.number("share", minimum=Decimal(1), maximum=Decimal(100)) / 100
        if form.errors:
            return await _change_page(web, request, account_id, position_id, "close", form, 422)
        wish = CloseByHand(web.now(), record.story.pair, share)
        return await _send(web, request, overview.account, wish, form)

    @routes.get("/{account_id}/positions/{position_id}/adjust")
    async def adjust_page(request: Request, account_id: str, position_id: str) -> Response:
        return await _change_page(web, request, account_id, position_id, "adjust")

    @routes.post("/{account_id}/positions/{position_id}/adjust")
    async def adjust(request: Request, account_id: str, position_id: str) -> Response:
        form = await web.form(request)
        overview, record = await _open_position(web, request, account_id, position_id, Deed.TRADE)
        stop = form.number("stop", minimum=_SMALL, maximum=_MOST) if form.text("stop") else None
        hours = form.number("hours", minimum=Decimal("0.1"), maximum=Decimal(2000)) if form.text("hours") else None
        target = form.number("target", minimum=Decimal(0), maximum=_MOST) if form.text("target") else None
        if stop is None and hours is None and target is None and not form.text("trailing") and not form.errors:
            form.object("", "Nothing would change: write a new stop, a target, a time, or let the stop follow.")
        if form.errors:
            return await _change_page(web, request, account_id, position_id, "adjust", form, 422)
        margin = overview.margin
        now = margin.at if margin is not None and overview.account.environment.value != "live" else web.now()
        close_at = None if hours is None else now + timedelta(seconds=int(hours * 3600))
        trailing = {"yes": True, "no": False}.get(form.text("trailing"))
        wish = AdjustByHand(now, record.story.pair, stop, trailing, close_at, target)
        return await _send(web, request, overview.account, wish, form)

    return routes


async def _own(web: Web, request: Request, account_id: str, deed: Deed) -> Overview:
    """One's own account; looking is not enough here."""
    await web.account(request, account_id, deed)
    return await web.overview(request, account_id)


async def _send(web: Web, request: Request, account: TradingAccount, wish: Wish, form: Form) -> Response:
    key = form.text("key")
    if len(key) != _KEY_LENGTH:
        raise FormError("The form is not whole. Go back, reload, and try again. Nothing was done.")
    opens = not isinstance(wish, CloseByHand)
    said = {"pair": str(wish.pair), "wish": type(wish).__name__}
    noted = await web.entry(request, "trade.by_hand", account.account_id, **said)
    command = await web.store.enqueue_wish(
        account.owner_id, account.account_id, wish, key=key, at=web.now(), noted=noted if opens else None
    )
    if not opens:  # what takes risk away happens even when it cannot be noted
        await web.store.note_if_possible(noted)
    return RedirectResponse(f"/desk/{account.account_id}/sent/{command}", status_code=303)


async def _sent(web: Web, account: TradingAccount, command_id: int) -> dict[str, object]:
    result = await web.store.command_result(account.owner_id, command_id)
    if result is None:
        raise HTTPException(404)
    is_over = result not in ("", HANDED_OVER)
    return {
        "here": "desk",
        "account": card_of(account),
        "command_id": command_id,
        "is_over": is_over,
        "is_done": result == "done",
        "result": result,
    }


def _pair_in(form: Form, account: TradingAccount) -> Pair:
    known = {str(pair): pair for pair in pairs_of(account)}
    if form.text("pair") not in known:
        raise FormError("There is no such pair here. Go back, reload, and choose one of those offered.")
    return known[form.text("pair")]


# --- the pages ---------------------------------------------------------------------------------------------------


async def _trade_page(
    web: Web,
    request: Request,
    overview: Overview,
    *,
    form: Form | None = None,
    given: dict[str, str] | None = None,
    said: str = "",
    status: int = 200,
) -> Response:
    account = overview.account
    pairs = [str(pair) for pair in pairs_of(account) if pair in account.limits.allowed_pairs]
    quotes = await web.store.quotes(account.feed)
    asked = (given or {}).get("pair", "")
    values = {
        "here": "desk",
        "account": card_of(account),
        "is_armed": account.is_armed,
        "pairs": pairs,
        "quote": next((pair.quote for pair in pairs_of(account)), ""),
        "prices": [(pair, quotes[pair].last) for pair in sorted(quotes) if str(pair) in pairs],
        "sizes": SIZES,
        "typed": _typed(form, _TYPED) if form else {**_typed(None, _TYPED), "pair": asked if asked in pairs else ""},
        "errors": _errors(form, _TYPED),
        "said": said,
        "limits": account.limits,
    }
    return await web.page(request, "trading/trade.html", values, status)


_TYPED = (
    "pair", "side", "size_by", "size", "stop", "leverage", "trailing", "target", "target_share", "second_target",
    "hours",
)  # fmt: skip


_CHANGED = ("share", "stop", "target", "hours")


def _typed(form: Form | None, names: tuple[str, ...]) -> dict[str, str]:
    """What was written in these fields: numbers and choices, never secrets."""
    return {name: form.text(name) if form else "" for name in names}


def _errors(form: Form | None, names: tuple[str, ...]) -> dict[str, str]:
    return {**dict.fromkeys(("", *names), ""), **(form.errors if form else {})}


async def _card_page(
    web: Web, request: Request, overview: Overview, place: Place, wanted: Wanted, said: str = ""
) -> Response:
    shown = wanted.shown
    refused = shown.message if isinstance(shown, Refused) else shown.refused
    values = {
        "here": "desk",
        "account": card_of(overview.account),
        "is_armed": overview.account.is_armed,
        "wish": wanted.wish,
        "shown": None if isinstance(shown, Refused) else shown,
        "refused": refused,
        "instrument": place.instrument,
        "again": wanted.again,
        "key": secrets.token_urlsafe(32),
        "said": said,
        "moved": MOST_MOVED,
    }
    return await web.page(request, "trading/trade_card.html", values, 422 if refused or said else 200)


async def _open_position(
    web: Web, request: Request, account_id: str, position_id: str, deed: Deed
) -> tuple[Overview, PositionRecord]:
    overview = await _own(web, request, account_id, deed)
    account = overview.account
    record = await web.store.position(account.owner_id, account.account_id, PositionId(position_id))
    if record is None or record.story.is_closed or record.story.position.is_flat:
        raise HTTPException(404)
    return overview, record


async def _change_page(
    web: Web,
    request: Request,
    account_id: str,
    position_id: str,
    what: str,
    form: Form | None = None,
    status: int = 200,
) -> Response:
    deed = Deed.PAUSE_AND_FLATTEN if what == "close" else Deed.TRADE
    overview, record = await _open_position(web, request, account_id, position_id, deed)
    quote = (await web.store.quotes(overview.account.feed)).get(record.story.pair)
    now = overview.margin.at if overview.margin is not None else web.now()
    values = {
        "here": "desk",
        "account": card_of(overview.account),
        "position": position_of(record, None if quote is None else quote.last, now),
        "shares": SHARES,
        "key": secrets.token_urlsafe(32),
        "typed": _typed(form, _CHANGED),
        "errors": _errors(form, _CHANGED),
    }
    return await web.page(request, f"trading/position_{what}.html", values, status)
