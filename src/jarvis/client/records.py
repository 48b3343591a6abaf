"""What the API answers and takes, typed: exact amounts are Decimal, instants aware UTC. A test compares it."""

from datetime import date, datetime
from decimal import Decimal

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What a newer server says beyond this is passed over."""


class AccountLine(Record, frozen=True, kw_only=True):
    """One account. `is_own` is false where somebody else lets you look."""

    account_id: str
    venue: str
    environment: str
    label: str
    state: str
    state_reason: str
    is_own: bool
    connected_at: datetime


class Margin(Record, frozen=True, kw_only=True):
    """The account's margin as last read from the venue."""

    at: datetime
    asset: str
    equity: Decimal
    free_margin: Decimal
    used_margin: Decimal
    unrealised: Decimal
    margin_level: Decimal | None


class AccountNow(Record, frozen=True, kw_only=True):
    """One account now; `margin` is null while nothing was read."""

    account_id: str
    venue: str
    environment: str
    label: str
    state: str
    state_reason: str
    is_own: bool
    connected_at: datetime
    paused: bool
    blocks: tuple[str, ...]
    margin: Margin | None


class Accounts(Record, frozen=True, kw_only=True):
    """Accounts that you may look at, your own first."""

    accounts: tuple[AccountLine, ...]


class Happened(Record, frozen=True, kw_only=True):
    """One line of what the account's owner should know."""

    activity_id: int
    at: datetime
    kind: str
    severity: str
    message: str
    pair: str | None


class Activities(Record, frozen=True, kw_only=True):
    """What happened on an account."""

    activities: tuple[Happened, ...]
    next: str | None


class AdjustWish(Record, frozen=True, kw_only=True):
    """What is to be another way; what is left out stays. A stop moves towards less risk only."""

    stop_price: Decimal | None = None
    trailing: bool | None = None
    close_after_minutes: int | None = None
    target_price: Decimal | None = None


class Asked(Record, frozen=True, kw_only=True):
    """The account's trader was asked; the command says when it has happened."""

    asked: str
    command_id: int


class Changed(Record, frozen=True, kw_only=True):
    """Why cash changed, and by how much."""

    part: str
    amount: Decimal


class AssetStatement(Record, frozen=True, kw_only=True):
    """One asset in a period: `opening` and all `parts` sum to `closing`."""

    asset: str
    opening: Decimal
    closing: Decimal
    parts: tuple[Changed, ...]


class AssetSum(Record, frozen=True, kw_only=True):
    """An amount of one asset."""

    asset: str
    amount: Decimal


class AssignmentLine(Record, frozen=True, kw_only=True):
    """A strategy that is followed on one pair. A value that is left out is the strategy's default."""

    strategy: str
    pair: str
    interval: str
    values: dict[str, str]


class Assignments(Record, frozen=True, kw_only=True):
    """What an account follows: at most one strategy for a pair."""

    assignments: tuple[AssignmentLine, ...]


class AtVenue(Record, frozen=True, kw_only=True):
    """What the venue last said of an open position."""

    at: datetime
    used_margin: Decimal | None
    borrowed: Decimal
    borrowed_asset: str | None
    interest: Decimal
    liquidation_price: Decimal | None
    liquidation_price_is_modelled: bool


class Balance(Record, frozen=True, kw_only=True):
    """One asset: what the journal says that it is, and what the venue does.

    `difference` is zero, or something is missing from the books. Where the venue keeps a wallet for each asset,
    `total` and what follows are what it last said; elsewhere they are null.
    """

    asset: str
    cash: Decimal
    at_venue: Decimal
    clearing: Decimal
    difference: Decimal
    total: Decimal | None
    available: Decimal | None
    borrowed: Decimal | None
    interest: Decimal | None


class Balances(Record, frozen=True, kw_only=True):
    """The account's assets, the books held against the venue."""

    balances: tuple[Balance, ...]


class Candle(Record, frozen=True, kw_only=True):
    """One candle; prices in the pair's quote, volume in its base."""

    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class Candles(Record, frozen=True, kw_only=True):
    """Finished candles, oldest first; `before` the first of them for what is older."""

    pair: str
    interval: str
    candles: tuple[Candle, ...]


class CloseWish(Record, frozen=True, kw_only=True):
    """How much of what is open is to be closed."""

    share: Decimal = Decimal(1)


class CommandNow(Record, frozen=True, kw_only=True):
    """What became of a command. `result` is empty while it waits."""

    command_id: int
    is_finished: bool
    result: str


class CurvePoint(Record, frozen=True, kw_only=True):
    """Equity at an instant. `flow` is what was paid in (or, negative, out) since the point before."""

    at: datetime
    equity: Decimal
    flow: Decimal


class Posted(Record, frozen=True, kw_only=True):
    """An amount on one account of the journal; positive is a debit."""

    account: str
    asset: str
    amount: Decimal


class Entry(Record, frozen=True, kw_only=True):
    """One entry of the journal; its postings sum to zero per asset. `balances` are the cash of what it moved, after it.

    `reference` is the venue's: of a fill, or of a row of its own ledger.
    """

    entry_id: int
    at: datetime
    kind: str
    reference: str
    pair: str | None
    position_id: str | None
    postings: tuple[Posted, ...]
    balances: tuple[AssetSum, ...]


class EquityCurve(Record, frozen=True, kw_only=True):
    """The equity curve, oldest point first. `asset` is null while there is no point."""

    asset: str | None
    since: datetime | None
    points: tuple[CurvePoint, ...]


class FillLine(Record, frozen=True, kw_only=True):
    """One execution. `fee` is the trading fee alone, in `fee_asset`; a rebate is negative."""

    fill_id: str
    client_order_id: str | None
    pair: str
    base: str
    quote: str
    side: str
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    is_liquidation: bool
    at: datetime


class Fills(Record, frozen=True, kw_only=True):
    """Some fills."""

    fills: tuple[FillLine, ...]
    next: str | None


class Ledger(Record, frozen=True, kw_only=True):
    """Some entries of the journal."""

    entries: tuple[Entry, ...]
    next: str | None


class TierLine(Record, frozen=True, kw_only=True):
    """When a limit acts, mildest action first; null leaves one out. Fractions: 0.02 is 2 %."""

    warn: Decimal | None
    block_entries: Decimal | None
    reduce: Decimal | None
    flatten: Decimal | None


class LimitsNow(Record, frozen=True, kw_only=True):
    """What one trader allows on one account; shares and losses are fractions of equity.

    `margin_level_floor` is equity over used margin, where lower is worse.
    """

    leverage_cap: int
    equity_share_per_position: Decimal
    risk_per_trade: Decimal
    max_open_positions: int
    daily_loss: TierLine
    drawdown: TierLine
    margin_level_floor: TierLine
    allowed_pairs: tuple[str, ...]


class UseLine(Record, frozen=True, kw_only=True):
    """One limit, and how much of it is used now."""

    name: str
    used: Decimal | None
    limit: Decimal
    pair: str | None


class RungLine(Record, frozen=True, kw_only=True):
    """One step of a graded limit."""

    action: str
    threshold: Decimal
    is_reached: bool
    quote: str
    equity: Decimal | None


class LadderLine(Record, frozen=True, kw_only=True):
    """A graded limit: where it stands, and its steps, mildest first."""

    rule: str
    now: Decimal | None
    rungs: tuple[RungLine, ...]


class ExposureLine(Record, frozen=True, kw_only=True):
    """All that rides on one pair or one venue."""

    name: str
    quote: str
    long: Decimal
    short: Decimal


class ExposureNow(Record, frozen=True, kw_only=True):
    """What is held of one kind of money. USD, USDT and sandbox money never add."""

    environment: str
    quote: str
    long: Decimal
    short: Decimal
    equity: Decimal | None
    gross_leverage: Decimal | None
    by_pair: tuple[ExposureLine, ...]
    by_venue: tuple[ExposureLine, ...]


class Exposures(Record, frozen=True, kw_only=True):
    """How much rides on what, for each kind of money."""

    exposures: tuple[ExposureNow, ...]


class EndingLine(Record, frozen=True, kw_only=True):
    """The first forced closing if all prices move one way, with or without the stops that rest."""

    direction: str
    with_stops: bool
    move: Decimal | None
    venue: str
    account_id: str
    position_id: str


class AfterLine(Record, frozen=True, kw_only=True):
    """An account after the move. If `liquidated_at` is not None the venue stepped in there, and this is that moment."""

    quote: str
    equity: Decimal
    change: Decimal
    level: Decimal | None
    liquidated_at: Decimal | None
    is_called: bool


class AccountAfterLine(Record, frozen=True, kw_only=True):
    """One account at the move: left alone, and as its resting stops would have it."""

    account_id: str
    venue: str
    environment: str
    left_alone: AfterLine
    with_stops: AfterLine


class StopLine(Record, frozen=True, kw_only=True):
    """A stop that trades before the move is reached."""

    account_id: str
    position_id: str
    move: Decimal
    quote: str
    price: Decimal


class WhatIfAnswer(Record, frozen=True, kw_only=True):
    """What one move of all prices would do. Fees, slippage and gaps are left out; prices move together."""

    percent: int
    accounts: tuple[AccountAfterLine, ...]
    endings: tuple[EndingLine, ...]
    stops: tuple[StopLine, ...]
    unknown: tuple[str, ...]


class LimitsUsed(Record, frozen=True, kw_only=True):
    """How much of each limit is used now, and how far every step of the graded ones is."""

    uses: tuple[UseLine, ...]
    ladders: tuple[LadderLine, ...]


class RehearsalLine(Record, frozen=True, kw_only=True):
    """How far a strategy has come on the sandbox, for trading with real money."""

    strategy: str
    closed: int
    days: int
    was_live: bool
    is_enough: bool


class Rehearsals(Record, frozen=True, kw_only=True):
    """Every strategy of this installation, as far as you have rehearsed it."""

    rehearsals: tuple[RehearsalLine, ...]


class VerdictLine(Record, frozen=True, kw_only=True):
    """What was answered about a strategy with its values, before real money."""

    verdict_id: str
    strategy: str
    venue: str
    coins: tuple[str, ...]
    made_at: datetime
    is_well: bool
    against: tuple[str, ...]


class Verdicts(Record, frozen=True, kw_only=True):
    """What was answered about your strategies, the latest first."""

    verdicts: tuple[VerdictLine, ...]


class LowerLimits(Record, frozen=True, kw_only=True):
    """What is to be lowered; what is left out stays. Whatever would loosen a limit is refused, and all else with it."""

    leverage_cap: int | None = None
    equity_share_per_position: Decimal | None = None
    risk_per_trade: Decimal | None = None
    max_open_positions: int | None = None
    daily_loss: TierLine | None = None
    drawdown: TierLine | None = None
    margin_level_floor: TierLine | None = None
    allowed_pairs: tuple[str, ...] | None = None


class Me(Record, frozen=True, kw_only=True):
    """Whose token this is, and what it is good for."""

    user_id: str
    role: str
    scopes: tuple[str, ...]
    expires_at: datetime


class NoticeLine(Record, frozen=True, kw_only=True):
    """What you were told. Only a person on the pages marks it as seen: no script hides an alarm."""

    notice_id: int
    at: datetime
    kind: str
    severity: str
    message: str
    account_id: str | None
    pair: str | None
    seen_at: datetime | None


class Notices(Record, frozen=True, kw_only=True):
    """Some notices."""

    notices: tuple[NoticeLine, ...]
    next: str | None


class Target(Record, frozen=True, kw_only=True):
    """Where a share of what was opened is closed with a profit."""

    price: Decimal
    share: Decimal


class OpenWish(Record, frozen=True, kw_only=True):
    """A position to be opened at market, with its stop."""

    pair: str
    side: str
    quantity: Decimal
    stop_price: Decimal
    leverage: int | None = None
    trailing: bool = False
    targets: tuple[Target, ...] = ()
    close_after_minutes: int | None = None


class OrderLine(Record, frozen=True, kw_only=True):
    """One order. `unknown` means that the venue is being asked what became of it."""

    client_order_id: str
    venue_order_id: str | None
    pair: str
    base: str
    quote: str
    side: str
    type: str
    role: str
    status: str
    reason: str
    quantity: Decimal
    filled_quantity: Decimal
    limit_price: Decimal | None
    trigger_price: Decimal | None
    leverage: int
    reduce_only: bool
    position_id: str | None
    created_at: datetime


class Orders(Record, frozen=True, kw_only=True):
    """Some orders."""

    orders: tuple[OrderLine, ...]
    next: str | None


class ParameterLine(Record, frozen=True, kw_only=True):
    """One knob of a strategy; numbers are exact text, null where there is no bound."""

    name: str
    label: str
    description: str
    kind: str
    default: str
    minimum: Decimal | None
    maximum: Decimal | None
    step: Decimal | None
    choices: tuple[str, ...]
    unit: str


class Part(Record, frozen=True, kw_only=True):
    """One cause of a result, signed as it helped or hurt."""

    cause: str
    amount: Decimal


class Period(Record, frozen=True, kw_only=True):
    """One day or month, in UTC."""

    begins_on: date
    assets: tuple[AssetStatement, ...]


class PositionLine(Record, frozen=True, kw_only=True):
    """A position from flat to flat; `result` is what the journal has booked so far."""

    position_id: str
    pair: str
    base: str
    quote: str
    side: str
    strategy: str
    leverage: int
    quantity: Decimal
    opened_quantity: Decimal
    entry_price: Decimal | None
    stop_price: Decimal | None
    opened_at: datetime
    closed_at: datetime | None
    result: Decimal | None


class Positions(Record, frozen=True, kw_only=True):
    """Some positions."""

    positions: tuple[PositionLine, ...]
    next: str | None


class QuoteLine(Record, frozen=True, kw_only=True):
    """The best bid and ask of a pair, and its last price; `at` says how fresh they are."""

    pair: str
    quote: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime


class Quotes(Record, frozen=True, kw_only=True):
    """The latest quote of every pair that has one."""

    quotes: tuple[QuoteLine, ...]


class Statements(Record, frozen=True, kw_only=True):
    """Periods in which something happened, the latest first."""

    periods: tuple[Period, ...]


class Story(Record, frozen=True, kw_only=True):
    """A position's whole story. The parts of `waterfall` sum exactly to `result`.

    `protection` are the stops that rest at the venue for it, or may. `time_stop_at` is when it is left anyway.
    """

    position_id: str
    pair: str
    base: str
    quote: str
    side: str
    strategy: str
    leverage: int
    quantity: Decimal
    opened_quantity: Decimal
    entry_price: Decimal | None
    stop_price: Decimal | None
    opened_at: datetime
    closed_at: datetime | None
    result: Decimal | None
    protection: tuple[OrderLine, ...]
    time_stop_at: datetime | None
    at_venue: AtVenue | None
    waterfall: tuple[Part, ...]
    orders: tuple[OrderLine, ...]
    fills: tuple[FillLine, ...]


class StrategyLine(Record, frozen=True, kw_only=True):
    """A strategy and its parameters, in the order of a form."""

    name: str
    title: str
    description: str
    source: str
    weak_point: str
    parameters: tuple[ParameterLine, ...]


class Strategies(Record, frozen=True, kw_only=True):
    """All strategies of this installation."""

    strategies: tuple[StrategyLine, ...]


class Event(Record, frozen=True, kw_only=True):
    """The data of an event: something of an account was written. `what` names it; ask for it to see its numbers."""

    event_id: int
    account_id: str
    kind: str
    what: dict[str, str]


class HookLine(Record, frozen=True, kw_only=True):
    """A door for alerts of a chart. One that is not live only says what would have been."""

    hook_id: str
    account_id: str
    label: str
    pairs: tuple[str, ...]
    quote: str
    most: Decimal
    known_sources: bool
    is_live: bool
    created_at: datetime
    used_at: datetime | None


class Hooks(Record, frozen=True, kw_only=True):
    """Your hooks, the oldest first."""

    hooks: tuple[HookLine, ...]


class ProposalLine(Record, frozen=True, kw_only=True):
    """An alert that came through a hook, and what became of it."""

    alert_id: str
    at: datetime
    action: str
    pair: str
    base: str
    quote: str
    quantity: Decimal | None
    stop: Decimal | None
    fate: str
    words: str
    command_id: int | None


class Proposals(Record, frozen=True, kw_only=True):
    """What came through a hook, the latest first."""

    proposals: tuple[ProposalLine, ...]


class Quiet(Record, frozen=True, kw_only=True):
    """The hours in which only alarms are sent."""

    zone: str
    begins: str
    ends: str


class ReceiverLine(Record, frozen=True, kw_only=True):
    """Where notices are sent. What it is reached with is sealed and stands nowhere."""

    receiver_id: str
    kind: str
    label: str
    address: str
    confirmed_at: datetime | None
    failed_at: datetime | None
    failure: str
    choices: dict[str, str]


class Receivers(Record, frozen=True, kw_only=True):
    """Where notices are sent; `quiet` is null where they are sent at any hour."""

    receivers: tuple[ReceiverLine, ...]
    quiet: Quiet | None


class AuditNote(Record, frozen=True, kw_only=True):
    """One line of the audit about you: what was done, by whom, with what was noted beside."""

    number: int
    at: datetime
    kind: str
    actor: str
    account_id: str | None
    details: dict[str, str | int | bool | None] | None
    hash: str


class Audit(Record, frozen=True, kw_only=True):
    """Some lines of the audit about you, the latest first."""

    lines: tuple[AuditNote, ...]
    next: str | None


class Disarmed(Record, frozen=True, kw_only=True):
    """The account as it is now."""

    account_id: str
    state: str


class Gain(Record, frozen=True, kw_only=True):
    """What a target would bring, before fees."""

    base: str
    quote: str
    price: Decimal
    gain: Decimal


class OrderCard(Record, frozen=True, kw_only=True):
    """What a position would come to, at the prices of this moment."""

    pair: str
    base: str
    quote: str
    refused: str
    price: Decimal
    quantity: Decimal
    notional: Decimal
    leverage: int
    borrowed: Decimal
    margin: Decimal
    free_margin_after: Decimal
    margin_level_after: Decimal | None
    stop: Decimal
    fee_in: Decimal
    opening_fee: Decimal
    fee_out: Decimal
    slippage: Decimal
    interest_day: Decimal
    liquidation: Decimal | None
    worst: Decimal
    worst_share: Decimal
    gains: tuple[Gain, ...]
    largest: Decimal
    bound: str


class ResultLine(Record, frozen=True, kw_only=True):
    """What some positions earned together, cause by cause. Money of different assets never adds."""

    key: str
    environment: str
    asset: str
    positions: int
    closed: int
    won: int
    price: Decimal
    slippage: Decimal
    trading_fee: Decimal
    opening_fee: Decimal
    rollover: Decimal
    interest: Decimal
    liquidation: Decimal
    adjustment: Decimal
    total: Decimal


class Results(Record, frozen=True, kw_only=True):
    """What positions earned, in groups."""

    results: tuple[ResultLine, ...]


class TaxLine(Record, frozen=True, kw_only=True):
    """What was paid or got for one reason in a year."""

    kind: str
    asset: str
    amount: Decimal


class TaxSums(Record, frozen=True, kw_only=True):
    """One asset's part of a year."""

    asset: str
    disposals: int
    proceeds: Decimal
    cost: Decimal
    gains: Decimal
    lines: tuple[TaxLine, ...]
    total: Decimal


class Tax(Record, frozen=True, kw_only=True):
    """A year's gains, fees and interest by the method that was asked for. It is no tax advice."""

    year: int | None
    method: str
    pool: str
    accounts: tuple[str, ...]
    sums: tuple[TaxSums, ...]
