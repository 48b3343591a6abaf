"""Binance's refusals: codes, words and HTTP statuses, and the exception that carries them to the answer.

Most follow from what a client sends or from its account. `SWITCHED` are the venue's own trouble or its measures against
an account, which no request provokes: the faults `code_before_accept` and `code_after_accept` answer with them.

Not here, of those that the venue lists:

- -1103: a parameter that a path does not know is -1104 here, which counts them.
- -3005, -3020: transferring out is not for a trader's key; its path is refused with -1002.
- -3025, -3026: dates and parameters of a history are refused as -1130 here.
- -3029, -3043: transfers, as above.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One line of the venue's error table. `status` is the HTTP status that goes with it."""

    code: int
    message: str
    status: int = 400


class Refused(Exception):
    """The venue's answer is this problem. `retry_after` (seconds) becomes a header."""

    def __init__(self, problem: Problem, *, retry_after: int | None = None) -> None:
        super().__init__(f"{problem.code} {problem.message}")
        self.problem = problem
        self.retry_after = retry_after


# The venue itself.
UNAUTHORISED = Problem(-1002, "You are not authorized to execute this request.", 401)
OVERLOADED = Problem(
    -1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503
)
OUTCOME_UNKNOWN = Problem(
    -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 504
)
SHUTTING_DOWN = Problem(-1016, "This service is no longer available.", 503)
TOO_MANY_ORDERS = Problem(-1015, "Too many new orders; current limit is 10000 orders per 10 SECOND.", 429)

# Who asks.
KEY_FORMAT = Problem(-2014, "API-key format invalid.", 401)
KEY_REFUSED = Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
BAD_SIGNATURE = Problem(-1022, "Signature for this request is not valid.")
LATE = Problem(-1021, "Timestamp for this request is outside of the recvWindow.")
EARLY = Problem(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
RECV_WINDOW = Problem(-1131, "recvWindow must be less than 60000.")

# What was sent.
DUPLICATE_PARAMETER = Problem(-1101, "Duplicate values for a parameter detected.")
OPTIONAL_COMBINATION = Problem(-1128, "Combination of optional parameters invalid.")
UNSUPPORTED_COMBINATION = Problem(-1014, "Unsupported order combination.")
UNSUPPORTED = Problem(-1020, "This operation is not supported.")
INVALID_ASSET = Problem(-1108, "Invalid asset.")
TIF_NOT_REQUIRED = Problem(-1114, "TimeInForce parameter sent when not required.")
INVALID_TIF = Problem(-1115, "Invalid timeInForce.")
INVALID_TYPE = Problem(-1116, "Invalid orderType.")
INVALID_SIDE = Problem(-1117, "Invalid side.")
INVALID_INTERVAL = Problem(-1120, "Invalid interval.")
INVALID_SYMBOL = Problem(-1121, "Invalid symbol.")
SPAN_TOO_LONG = Problem(-1127, "More than 24 hours between startTime and endTime.")
INVALID_LISTEN_KEY = Problem(-1125, "This listenKey does not exist.")
INVALID_LISTEN_TOKEN = Problem(-1209, "Invalid listenToken.")
OCO_TYPE = Problem(-1158, "Order type not supported in OCO.")
BUY_LIMIT_BELOW = Problem(-1165, "A limit order in a buy OCO must be below.")
SELL_LIMIT_ABOVE = Problem(-1166, "A limit order in a sell OCO must be above.")
BOTH_LIMITS = Problem(-1168, "At least one OCO order must be contingent.")
BUY_STOP_ABOVE = Problem(-1196, "A stop loss order in a buy OCO must be above.")
SELL_STOP_BELOW = Problem(-1197, "A stop loss order in a sell OCO must be below.")
BUY_PROFIT_BELOW = Problem(-1198, "A take profit order in a buy OCO must be below.")
SELL_PROFIT_ABOVE = Problem(-1199, "A take profit order in a sell OCO must be above.")

# Orders.
INSUFFICIENT_BALANCE = Problem(-2010, "Account has insufficient balance for requested action.")
WOULD_TRIGGER = Problem(-2010, "Order would trigger immediately.")
WOULD_TAKE = Problem(-2010, "Order would immediately match and take.")
PRICE_RELATION = Problem(-2010, "The relationship of the prices for the orders is not correct.")
MARKET_CLOSED = Problem(-2010, "Market is closed.")
DUPLICATE_ORDER = Problem(-2010, "Duplicate order sent.")
ACTION_DISABLED = Problem(-2010, "This action is disabled on this account.")
UNKNOWN_ORDER_SENT = Problem(-2011, "Unknown order sent.")
NO_SUCH_ORDER = Problem(-2013, "Order does not exist.")
NO_SUCH_LIST = Problem(-2018, "Order list does not exist.")
ORDER_ARCHIVED = Problem(
    -2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived."
)
SUBSCRIPTION_ACTIVE = Problem(-2035, "Subscription is already active.")
SUBSCRIPTION_INACTIVE = Problem(-2036, "Subscription is not active.")
SUBSCRIPTIONS_EXHAUSTED = Problem(-2042, "Subscription ids are exhausted on this connection.")

# Margin.
ASSET_UNKNOWN = Problem(-3002, "We don't have this asset.")
NO_MARGIN_ACCOUNT = Problem(-3003, "Margin account does not exist.")
MAX_BORROW = Problem(-3006, "Your borrow amount has exceed maximum borrow amount.")
PENDING_TRANSACTION = Problem(-3007, "You have pending transaction, please try again later.")
BELOW_MIN_BORROW = Problem(-3013, "Borrow amount less than minimum borrow amount.")
REPAY_EXCEEDS_DEBT = Problem(-3015, "Repay amount exceeds borrow amount.")
BELOW_MIN_REPAY = Problem(-3016, "Repay amount less than minimum repay amount.")
PAIR_NOT_ALLOWED = Problem(-3021, "Margin account are not allowed to trade this trading pair.")
LEVEL_TOO_LOW = Problem(-3023, "You can't transfer out/place order under current margin level.")
NOT_MARGIN_ASSET = Problem(-3027, "Not a valid margin asset.")
NOT_MARGIN_PAIR = Problem(-3028, "Not a valid margin pair.")
RISK_LISTEN_KEY = Problem(-3038, "This listen key does not exist.")
BALANCE_NOT_ENOUGH = Problem(-3041, "Balance is not enough.")
NO_INVENTORY = Problem(-3045, "The system does not have enough asset now.")
FLOW_SPAN_TOO_LONG = Problem(-4047, "Time interval must be within 0-7 days.")
NO_ISOLATED_ACCOUNT = Problem(-11001, "Isolated margin account does not exist.")
ISOLATED_MAX_BORROW = Problem(-11008, "Exceeding the account's maximum borrowable limit.")

OPEN_OUTCOMES = {
    -1000: Problem(-1000, "An unknown error occurred while processing the request."),
    -1001: Problem(-1001, "Internal error; unable to process your request. Please try again."),
    -1006: Problem(-1006, "An unexpected response was received from the message bus. Execution status unknown."),
    -3000: Problem(-3000, "Internal server error."),
    -3999: Problem(-3999, "System error."),
}
"""What leaves open whether a request took effect."""
SWITCHED: Mapping[int, Problem] = OPEN_OUTCOMES | {
    -3001: Problem(-3001, "Please enable 2FA first."),
    -3004: Problem(-3004, "Trade not allowed."),
    -3008: Problem(-3008, "Borrow not allowed."),
    -3009: Problem(-3009, "This asset is not allowed to be used on margin currently."),
    -3010: Problem(-3010, "Repay not allowed."),
    -3012: Problem(-3012, "Borrow is banned for this asset."),
    -3014: Problem(-3014, "Borrow is banned for this account."),
    -3022: Problem(-3022, "You account's trading is banned."),
    -3024: Problem(-3024, "The unpaid debt is too small after this repayment."),
    -3036: Problem(-3036, "This account is not allowed to repay."),
    -3042: Problem(-3042, "PriceIndex not available for this margin pair."),
    -3044: Problem(-3044, "System busy."),
}
"""What the faults of a code answer with: nothing that a request alone provokes."""


def missing(name: str) -> Refused:
    """The refusal of a mandatory parameter that is absent, empty or malformed."""
    return Refused(
        Problem(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
    )


def malformed(name: str, pattern: str) -> Refused:
    """The refusal of characters that a parameter may not hold."""
    return Refused(Problem(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'."))


def empty(name: str) -> Refused:
    """The refusal of a parameter that was sent without a value."""
    return Refused(Problem(-1105, f"Parameter '{name}' was empty."))


def not_required(name: str) -> Refused:
    """The refusal of a parameter that does not belong to this order."""
    return Refused(Problem(-1106, f"Parameter '{name}' sent when not required."))


def too_precise(name: str) -> Refused:
    """The refusal of more decimals than the asset has."""
    return Refused(Problem(-1111, f"Parameter '{name}' has too much precision."))


def invalid(name: str) -> Refused:
    """The refusal of a value that means nothing."""
    return Refused(Problem(-1130, f"Data sent for parameter '{name}' is not valid."))


def unread(read: int, sent: int) -> Refused:
    """The refusal of parameters that this path does not know."""
    return Refused(
        Problem(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")
    )


def filter_failure(name: str) -> Refused:
    """The refusal by one of the symbol's filters."""
    return Refused(Problem(-1013, f"Filter failure: {name}"))
