"""`jarvis trade` against an installation elsewhere: by its address and a token, never by its database."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from jarvis.cli.wiring import CommandError, say

if TYPE_CHECKING:
    from jarvis.client import Jarvis
    from jarvis.client.records import AccountNow, OrderLine, PositionLine

T = TypeVar("T")

Url = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="JARVIS_URL", help="An installation elsewhere, asked with JARVIS_TOKEN or client.toml."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AccountName = Annotated[
    str | None, typer.Option("--account", help="Its id, or the beginning of it; left out: the only one.")
]
Pair = Annotated[str | None, typer.Option(help="Only this pair, like BTC/USD.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")]


def register(trade: typer.Typer) -> None:
    """Add the commands of this module."""
    trade.command()(positions)
    trade.command()(orders)
    trade.command()(watch)


def positions(
    *,
    url: Url = None,
    account: AccountName = None,
    pair: Pair = None,
    closed: Annotated[bool, typer.Option("--closed", help="Closed ones instead of open ones.")] = False,
    limit: Most = 50,
    as_json: Json = False,
) -> None:
    """List positions of a running installation, asked by its address and a token."""

    def read(client: "Jarvis", name: str) -> "Iterator[PositionLine]":
        wishes = {"state": "closed" if closed else "open", "pair": pair, "limit": min(limit, 500)}
        return (one for page in client.pages(client.positions, name, **wishes) for one in page.positions)

    found = _listed(url, account, limit, read)
    _show(found, as_json=as_json, line=_position_line, empty="no closed position" if closed else "no open position")


def orders(
    *,
    url: Url = None,
    account: AccountName = None,
    pair: Pair = None,
    status: Annotated[str | None, typer.Option(help="Only in this state, like open or unknown.")] = None,
    limit: Most = 50,
    as_json: Json = False,
) -> None:
    """List orders of a running installation, the latest first, asked by its address and a token."""

    def read(client: "Jarvis", name: str) -> "Iterator[OrderLine]":
        wishes = {"status": status, "pair": pair, "limit": min(limit, 500)}
        return (one for page in client.pages(client.orders, name, **wishes) for one in page.orders)

    _show(_listed(url, account, limit, read), as_json=as_json, line=_order_line, empty="no order")


def watch(
    *,
    url: Url = None,
    account: AccountName = None,
    after: Annotated[int | None, typer.Option(min=0, help="Go on after this event; left out: from now on.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Leave after so many.")] = None,
    as_json: Json = False,
) -> None:
    """Follow what changes on a running installation, one line for each event, through cuts of the line."""
    asyncio.run(_watch(url, account, after, count, as_json=as_json))


def status(url: str, account: str | None, *, as_json: bool) -> None:
    """Say what an account elsewhere holds, and what protects it."""

    def read(client: "Jarvis") -> "tuple[AccountNow, list[PositionLine]]":
        name = _chosen(client, account)
        held = [each for page in client.pages(client.positions, name, state="open") for each in page.positions]
        return client.account(name), held

    now, held = _ask(url, read)
    if as_json:
        say(_json({"account": now, "positions": held}))
        return
    say(f"{now.account_id}  {now.venue} ({now.environment})  {now.state}{'  paused' if now.paused else ''}")
    for block in now.blocks:
        say(f"  entries wait: {block}")
    if now.margin is not None:
        margin = now.margin
        level = "flat" if margin.margin_level is None else f"{margin.margin_level * 100:.0f} %"
        say(f"  equity {margin.equity} {margin.asset}, free margin {margin.free_margin}, level {level}")
    for each in held:
        say(f"  {_position_line(each)}")
    if not held:
        say("  no open position")


def command(kind: str, url: str, account: str | None, pair: str | None) -> None:
    """Ask an account elsewhere to pause, resume or flatten."""

    def ask(client: "Jarvis") -> int:
        name = _chosen(client, account)
        match kind:
            case "pause":
                return client.pause(name).command_id
            case "resume":
                return client.resume(name).command_id
        return client.flatten(name, pair=pair).command_id

    number = _ask(url, ask)
    say(f"asked to {kind} (command {number}); `jarvis trade status --url {url}` shows what came of it")


async def _watch(url: str | None, account: str | None, after: int | None, count: int | None, *, as_json: bool) -> None:
    from jarvis.client import ClientError, Event, Jarvis

    heard = 0
    try:
        client = Jarvis.from_environment(url=url or "")
        chosen = None if account is None else await asyncio.to_thread(_chosen, client, account)
        async with client.events(account=chosen, after=after) as stream:
            async for event in stream:
                if isinstance(event, Event):
                    what = " ".join(f"{name}={value}" for name, value in event.what.items())
                    say(_json(event) if as_json else f"{event.event_id}  {event.account_id}  {event.kind}  {what}")
                else:
                    say(_json({"resync": event.event_id}) if as_json else f"{event.event_id}  missed too much to tell")
                heard += 1
                if heard == count:
                    return
    except ClientError as error:
        raise CommandError(str(error)) from error


def _listed(url: str | None, account: str | None, limit: int, read: "Callable[[Jarvis, str], Iterator[T]]") -> list[T]:
    from itertools import islice

    return _ask(url, lambda client: list(islice(read(client, _chosen(client, account)), limit)))


def _ask(url: str | None, work: "Callable[[Jarvis], T]") -> T:
    """What an installation answers. Raises CommandError."""
    from jarvis.client import ClientError, Jarvis

    try:
        return work(Jarvis.from_environment(url=url or ""))
    except ClientError as error:
        raise CommandError(str(error)) from error


def _chosen(client: "Jarvis", wanted: str | None) -> str:
    """The id of the account that begins with `wanted`, or of the only one."""
    found = [each.account_id for each in client.accounts().accounts]
    matching = [each for each in found if wanted is None or each.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    if not found:
        raise CommandError("no venue is connected there; sign in and paste a key on the account page")
    raise CommandError(f"say which account with --account: {', '.join(found)}")


def _show(found: "list[T]", *, as_json: bool, line: "Callable[[T], str]", empty: str) -> None:
    if as_json:
        say(_json(found))
        return
    for one in found:
        say(line(one))
    if not found:
        say(empty)


def _json(value: Any) -> str:
    import msgspec

    text: str = json.dumps(msgspec.to_builtins(value, builtin_types=()))
    return text


def _position_line(one: "PositionLine") -> str:
    state = f"closed {one.closed_at:%Y-%m-%d %H:%M} UTC" if one.closed_at else f"stop {one.stop_price or 'NONE'}"
    price = "" if one.entry_price is None else f" at {one.entry_price}"
    result = "" if one.result is None else f", booked {one.result} {one.quote}"
    return (
        f"{one.position_id}  {one.pair} {one.side} {one.quantity} {one.base}{price}, {one.leverage}x, {state}{result}"
    )


def _order_line(one: "OrderLine") -> str:
    price = one.trigger_price if one.trigger_price is not None else one.limit_price
    at = "" if price is None else f" at {price} {one.quote}"
    return (
        f"{one.client_order_id}  {one.pair} {one.side} {one.type} {one.quantity} {one.base}{at}, {one.role}, "
        f"{one.status}, filled {one.filled_quantity}"
    )
