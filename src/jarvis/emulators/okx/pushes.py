"""What the private channels say: orders, algo orders, balances, positions, both together, and warnings."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from jarvis.domain.money import ONE, ZERO, Asset
from jarvis.emulators.okx.algos import Algos
from jarvis.emulators.okx.balances import Standing, balance_row, detail_row, position_id, position_row
from jarvis.emulators.okx.bills import INTEREST, LIQUIDATION, TRANSFER, Bill
from jarvis.emulators.okx.books import AccountBooks
from jarvis.emulators.okx.keys import VenueAccount
from jarvis.emulators.okx.names import inst_id
from jarvis.emulators.okx.orders import CROSS, MARGIN
from jarvis.emulators.okx.positions import MarginPosition
from jarvis.emulators.okx.rows import stream_row
from jarvis.emulators.okx.state import VenueState
from jarvis.emulators.okx.text import Row, Rows, amount, ms
from jarvis.sim.exchange import OrderNews, SimEvent, SimFill, SimMarginCall, SimOrderEvent

_EVENT_TYPES = {INTEREST: "interest_deduction", LIQUIDATION: "liquidation", TRANSFER: "transferred"}
_ZERO_WHEN_CLOSED = ("pos", "availPos", "avgPx", "upl", "uplRatio", "liab", "interest", "imr", "mmr", "notionalUsd")


@dataclass(frozen=True, slots=True)
class News:
    """One row for one channel; `inst_type` and `inst_id` let a subscription choose."""

    channel: str
    account: str
    row: Row
    inst_type: str = ""
    inst_id: str = ""
    envelope: Row | None = None


class Pushes:
    """Turns what happened into news. It remembers up to which bill each account was told."""

    def __init__(self, state: VenueState, algos: Algos) -> None:
        self._state = state
        self._algos = algos
        self._bills: dict[str, int] = {}

    def news(self, events: Sequence[SimEvent], listening: Container[str]) -> list[News]:
        """The news of these events for the accounts that are listening, orders before what they did to balances."""
        told = [
            news for event in events if getattr(event, "account", "") in listening for news in self._of_event(event)
        ]
        changed, self._algos.changed = self._algos.changed, []
        for algo in dict.fromkeys(algo.number for algo in changed):
            latest = next(each for each in changed if each.number == algo)
            if latest.account not in listening:
                continue
            row = self._algos.stream_row(latest)
            told.append(News("orders-algo", latest.account, row, row["instType"], row["instId"]))
        touched = {event.account for event in events if isinstance(event, (SimFill, SimOrderEvent))}
        for name, account in self._state.keys.accounts.items():
            books = self._state.books.of(name)
            if name in listening:
                told += self._of_account(account, books, moved=name in touched)
            else:
                self._bills[name], books.interest_told = len(books.bills), len(books.interest)
                books.touched.clear()
        return told

    def snapshot(self, channel: str, account: VenueAccount) -> list[News]:
        """What a new subscription is told at once."""
        standing = Standing.of(self._state, account)
        books = standing.books
        match channel:
            case "account":
                row = balance_row(standing)
                row["details"] = [self._with_price(each) for each in row["details"]]
                return [self._account_news(account, row, "snapshot")]
            case "positions":
                rows = [position_row(standing, position) for position in books.positions.values()]
                return [self._positions_news(account, rows, "snapshot")]
            case "balance_and_position":
                row = {
                    "pTime": ms(standing.at),
                    "eventType": "snapshot",
                    "balData": [self._cash_row(standing, asset) for asset in standing.assets()],
                    "posData": [self._brief(standing, position) for position in books.positions.values()],
                    "trades": [],
                }
                return [News(channel, account.name, row)]
            case _:
                return []

    def _of_event(self, event: SimEvent) -> list[News]:
        state = self._state
        match event:
            case SimFill() if state.is_visible(event.order):
                row = stream_row(state, event.order, event)
                if event.order.remaining_quantity <= 0:
                    row["state"] = "filled"
                return [self._order_news(event.account, row)]
            case SimOrderEvent(kind=OrderNews.FILLED, order=order) if state.books.of(event.account).fills.get(
                order.order_id
            ):
                # The last fill has said so.
                return []
            case SimOrderEvent() if state.is_visible(event.order):
                row = stream_row(state, event.order, None)
                if event.kind is not OrderNews.AMENDED:
                    row |= {"amendSource": "", "reqId": "", "amendResult": ""}
                return [self._order_news(event.account, row)]
            case SimMarginCall():
                return self._warnings(event)
            case _:
                return []

    def _order_news(self, account: str, row: Row) -> News:
        return News("orders", account, row, row["instType"], row["instId"])

    def _warnings(self, event: SimMarginCall) -> list[News]:
        state = self._state
        account = state.keys.accounts[event.account]
        standing = Standing.of(state, account)
        names = ("cTime", "ccy", "instId", "instType", "lever", "markPx", "mgnMode", "mgnRatio", "pos", "posCcy")
        rows = [position_row(standing, position) for position in standing.books.positions.values()]
        if not rows:
            # Without positions the account as a whole is warned, once per currency that it owes.
            rows = [
                dict.fromkeys((*names, "posId", "posSide", "pTime", "uTime"), "")
                | {"ccy": asset, "instType": MARGIN, "mgnMode": CROSS, "mgnRatio": amount(standing.ratio)}
                | {"pTime": ms(standing.at), "uTime": ms(standing.at)}
                for asset in standing.assets()
                if standing.debt(asset) > 0
            ]
        return [
            News(
                "liquidation-warning",
                event.account,
                {name: row[name] for name in (*names, "posId", "posSide", "pTime", "uTime")},
                MARGIN,
                row["instId"],
            )
            for row in rows
        ]

    def _of_account(self, account: VenueAccount, books: AccountBooks, *, moved: bool) -> list[News]:
        """What changed in the account since it was told last: balances, positions, and both in one."""
        first = self._bills.get(account.name, 0)
        bills = books.bills[first:]
        self._bills[account.name] = len(books.bills)
        touched, books.touched = books.touched, set()
        accrued = books.interest_told != len(books.interest)
        books.interest_told = len(books.interest)
        if not (bills or touched or moved or accrued):
            return []
        standing = Standing.of(self._state, account)
        row = balance_row(standing)
        shown = {detail["ccy"] for detail in row["details"]}
        emptied = sorted({bill.asset for bill in bills} - shown)
        row["details"] += [detail_row(standing, asset) for asset in emptied]
        row["details"] = [self._with_price(each) for each in row["details"]]
        news = [self._account_news(account, row, "event_update")]
        rows: Rows = []
        changed: list[MarginPosition] = []
        for key in sorted(touched, key=str):
            position = books.positions.get(key)
            if position is not None:
                changed.append(position)
                rows.append(position_row(standing, position))
            elif (closed := self._latest_closed(books, key)) is not None:
                changed.append(closed)
                rows.append(position_row(standing, closed) | dict.fromkeys(_ZERO_WHEN_CLOSED, "0"))
        if rows:
            news.append(self._positions_news(account, rows, "event_update"))
        news += self._both(account, standing, bills, changed)
        return news

    def _both(
        self, account: VenueAccount, standing: Standing, bills: Sequence[Bill], changed: Sequence[MarginPosition]
    ) -> list[News]:
        told: list[News] = []
        for kind in dict.fromkeys(bill.kind for bill in bills):
            own = [bill for bill in bills if bill.kind == kind]
            fills = [bill.fill for bill in own if bill.fill is not None]
            row = {
                "pTime": ms(standing.at),
                "eventType": _EVENT_TYPES.get(kind, "filled"),
                "balData": [self._cash_row(standing, asset) for asset in dict.fromkeys(bill.asset for bill in own)],
                "posData": [self._brief(standing, position) for position in changed],
                "trades": [
                    {"instId": inst_id(fill.fill.pair), "tradeId": str(fill.number)}
                    for fill in {fill.number: fill for fill in fills}.values()
                ],
            }
            told.append(News("balance_and_position", account.name, row))
        return told

    def _account_news(self, account: VenueAccount, row: Row, event_type: str) -> News:
        return News("account", account.name, row, envelope={"eventType": event_type, "curPage": 1, "lastPage": True})

    def _positions_news(self, account: VenueAccount, rows: Rows, event_type: str) -> News:
        envelope = {"eventType": event_type, "curPage": 1, "lastPage": True, "rows": rows}
        return News("positions", account.name, {}, envelope=envelope)

    def _cash_row(self, standing: Standing, asset: Asset) -> Row:
        at = standing.books.updated_at.get(asset, standing.account.opened_at)
        return {"ccy": asset, "cashBal": amount(standing.cash(asset)), "uTime": ms(at)}

    def _brief(self, standing: Standing, position: MarginPosition) -> Row:
        is_open = standing.books.positions.get((position.pair, position.margin_asset)) is position
        return {
            "posId": position_id(position),
            "tradeId": position.trade_id,
            "instId": inst_id(position.pair),
            "instType": MARGIN,
            "mgnMode": CROSS,
            "posSide": "net",
            "pos": amount(position.held if is_open else ZERO),
            "ccy": position.margin_asset,
            "posCcy": position.held_asset,
            "avgPx": amount(position.average_price if is_open else ZERO),
            "nonSettleAvgPx": "",
            "settledPnl": "",
            "uTime": ms(position.updated_at),
        }

    def _with_price(self, detail: Row) -> Row:
        return detail | {"coinUsdPrice": amount(self._state.value(detail["ccy"], ONE))}

    def _latest_closed(self, books: AccountBooks, key: tuple[object, Asset]) -> MarginPosition | None:
        return next((each for each in reversed(books.closed) if (each.pair, each.margin_asset) == key), None)
