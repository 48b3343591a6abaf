"""Bybit's refusals: a number, a sentence, and sometimes what else the answer carries.

Most follow from what a client sends or from its account. `SWITCHED` are the venue's own trouble or its measures against
an account, which no request provokes: the faults `code_before_accept` and `code_after_accept` answer with them.

Not here, of those that the venue lists: -2015, the older spot API's word for 10003.
"""

from typing import Any

SERVER_TIMEOUT = 10000
BAD_PARAMETER = 10001
BAD_TIMESTAMP = 10002
BAD_KEY = 10003
BAD_SIGN = 10004
PERMISSION_DENIED = 10005
TOO_MANY_VISITS = 10006
AUTHENTICATION_FAILED = 10007
ACCOUNT_BANNED = 10008
ADDRESS_BANNED = 10009
BAD_IP = 10010
DUPLICATE_REQUEST = 10014
SERVER_ERROR = 10016
NO_ROUTE = 10017
RESTARTING = 10019
NOT_COMPLIANT = 10024
UNIFIED_ONLY = 10028
KEY_EXPIRED = 33004
TIMED_OUT = 170007
MARGIN_INSUFFICIENT = 170033
LIABILITY_OVERFLOW = 170034
MARGIN_NOT_ENABLED = 170036
COIN_WITHOUT_MARGIN = 170037
BAD_SYMBOL = 170121
TOO_LARGE = 170124
BAD_ORDER_PARAMETER = 170130
BALANCE_INSUFFICIENT = 170131
PRICE_TOO_HIGH = 170132
PRICE_TOO_LOW = 170133
PRICE_DECIMALS = 170134
QUANTITY_TOO_LOW = 170136
QUANTITY_DECIMALS = 170137
VALUE_TOO_LOW = 170140
DUPLICATE_LINK_ID = 170141
ORDER_CANCELLED = 170142
ORDER_NOT_IN_BOOK = 170143
CREATION_TIMED_OUT = 170146
CANCELLATION_TIMED_OUT = 170147
MARKET_AMOUNT_DECIMALS = 170148
ORDER_FINISHED = 170190
BUY_PRICE_BAND = 170193
SELL_PRICE_BAND = 170194
BAD_EXIT = 170201
BAD_FILTER = 170202
BAD_TRIGGER = 170203
TRIGGERED_ALREADY = 170204
POOL_SHORT = 170207
NEW_ORDER_REJECTED = 170210
NO_SUCH_ORDER = 170213
POST_ONLY_PAIR = 170217
POST_ONLY_WOULD_TAKE = 170218
LIQUIDATING = 170226
SYMBOL_WITHOUT_MARGIN = 170344
SITE_WITHOUT_SPOT_MARGIN = 170359
AMENDED_BUY_PRICE_BAND = 170371
AMENDED_SELL_PRICE_BAND = 170372
TOO_MANY_ORDERS = 170810
QUIZ_MISSING = 176002
NO_LEVERAGE_BEFORE_QUIZ = 176008
NO_LOAN_BEFORE_QUIZ = 176009
COIN_NOT_BORROWABLE = 176011
PAIR_NOT_BORROWABLE = 176012
SITE_WITHOUT_LOANS = 176013
BORROW_POOL_SHORT = 176028
BORROW_LIMIT = 176029
BAD_LEVERAGE = 176034
MARGIN_IS_OFF = 176038
HAS_BORROWED = 176039
HAS_LEVERAGE_ORDER = 176040
ISOLATED_MODE = 182021
REPAY_LIQUIDATING = 182100
NO_LIABILITY = 182101
REPAY_REFUSED = 182102
NOTHING_TO_REPAY_WITH = 182103
MANUAL_BORROW_ONLY = 182120
MARGIN_MODE_FAILED = 3400045

WS_ADDRESS_TOO_FAST = 10403
WS_BAD_OP = 10404
WS_BUSY = 10429
WS_REPEATED_AUTH = 20001
WS_SESSION_TOO_FAST = 20003
WS_DUPLICATE_REQUEST = 20006

_SENTENCES = {
    SERVER_TIMEOUT: "Server Timeout.",
    BAD_PARAMETER: "Request parameter error.",
    BAD_TIMESTAMP: "invalid request, please check your server timestamp or recv_window param.",
    BAD_KEY: "API key is invalid.",
    BAD_SIGN: "error sign! please check your sign generation algorithm.",
    PERMISSION_DENIED: "Permission denied, please check your API key permissions.",
    TOO_MANY_VISITS: "Too many visits. Exceeded the API Rate Limit.",
    AUTHENTICATION_FAILED: "User authentication failed.",
    ACCOUNT_BANNED: "Common banned.",
    ADDRESS_BANNED: "IP has been banned.",
    BAD_IP: "Unmatched IP, please check your API key's bound IP addresses.",
    DUPLICATE_REQUEST: "Invalid duplicate request.",
    SERVER_ERROR: "Server error.",
    NO_ROUTE: "Route not found.",
    RESTARTING: "Service is restarting, please try again later.",
    NOT_COMPLIANT: "Compliance rules triggered.",
    UNIFIED_ONLY: "The API can only be accessed by unified account users.",
    KEY_EXPIRED: "Your api key has expired.",
    TIMED_OUT: "Timeout waiting for response from backend server.",
    MARGIN_INSUFFICIENT: "Margin insufficient account.",
    LIABILITY_OVERFLOW: "Liability over flow in spot leverage trade!",
    MARGIN_NOT_ENABLED: "Your account is not enabled for margin trading.",
    COIN_WITHOUT_MARGIN: "The coin does not support margin trading.",
    BAD_SYMBOL: "Invalid symbol.",
    TOO_LARGE: "Order amount too large.",
    BAD_ORDER_PARAMETER: "Data sent for parameter is not valid.",
    BALANCE_INSUFFICIENT: "Insufficient balance.",
    PRICE_TOO_HIGH: "Order price too high.",
    PRICE_TOO_LOW: "Order price too low.",
    PRICE_DECIMALS: "Order price has too many decimals.",
    QUANTITY_TOO_LOW: "Order quantity exceeded lower limit.",
    QUANTITY_DECIMALS: "Order quantity has too many decimals.",
    VALUE_TOO_LOW: "Order value exceeded lower limit.",
    DUPLICATE_LINK_ID: "Duplicate clientOrderId.",
    ORDER_CANCELLED: "Order has been canceled.",
    ORDER_NOT_IN_BOOK: "Order cannot be found on the order book.",
    CREATION_TIMED_OUT: "Order creation timeout.",
    CANCELLATION_TIMED_OUT: "Order cancellation timeout.",
    MARKET_AMOUNT_DECIMALS: "Market order amount decimal too long.",
    ORDER_FINISHED: "Order has been finished.",
    BUY_PRICE_BAND: "Buy order price cannot be higher than the limit.",
    SELL_PRICE_BAND: "Sell order price cannot be lower than the limit.",
    BAD_EXIT: "Take-profit and stop-loss go with plain orders only.",
    BAD_FILTER: "Invalid orderFilter parameter.",
    BAD_TRIGGER: "Please enter the trigger price.",
    TRIGGERED_ALREADY: "The trigger price must not be the current price.",
    POOL_SHORT: "Platform's loanable funds are insufficient.",
    NEW_ORDER_REJECTED: "New order rejected.",
    NO_SUCH_ORDER: "Order does not exist.",
    POST_ONLY_PAIR: "Only LIMIT-MAKER order is supported for the current pair.",
    POST_ONLY_WOULD_TAKE: "The LIMIT-MAKER order is rejected: it would trade at once.",
    LIQUIDATING: "Your account is being liquidated.",
    SYMBOL_WITHOUT_MARGIN: "Symbol is not supported on Margin Trading.",
    SITE_WITHOUT_SPOT_MARGIN: "Margin trading is not offered to users of this site.",
    AMENDED_BUY_PRICE_BAND: "The changed price of a buy order cannot be higher than the limit.",
    AMENDED_SELL_PRICE_BAND: "The changed price of a sell order cannot be lower than the limit.",
    TOO_MANY_ORDERS: "The number of open orders has reached its limit.",
    QUIZ_MISSING: "Please complete the Q&A before using margin trading.",
    NO_LEVERAGE_BEFORE_QUIZ: "Margin trading is not enabled: please complete the Q&A.",
    NO_LOAN_BEFORE_QUIZ: "Borrowing is not enabled: please complete the Q&A.",
    COIN_NOT_BORROWABLE: "The currency is not supported by margin trading.",
    PAIR_NOT_BORROWABLE: "The pair is not supported by margin trading.",
    SITE_WITHOUT_LOANS: "Margin trading is not available on this site.",
    BORROW_POOL_SHORT: "Platform's loanable amount of this coin is insufficient.",
    BORROW_LIMIT: "Borrowing exceeds the amount that can be borrowed.",
    BAD_LEVERAGE: "Leverage is out of range.",
    MARGIN_IS_OFF: "Margin trading has not been turned on.",
    HAS_BORROWED: "There is a loan that has not been repaid.",
    HAS_LEVERAGE_ORDER: "There are open leverage orders.",
    ISOLATED_MODE: "Spot margin trading is not possible in isolated margin mode.",
    REPAY_LIQUIDATING: "Repayment is not possible during liquidation.",
    NO_LIABILITY: "There is no liability to repay.",
    REPAY_REFUSED: "Repayment is not possible now, please try again later.",
    NOTHING_TO_REPAY_WITH: "There is nothing to repay with.",
    MANUAL_BORROW_ONLY: "The liability comes from a manual loan and cannot be repaid this way.",
    MARGIN_MODE_FAILED: "Set margin mode failed",
    WS_ADDRESS_TOO_FAST: "Exceeded the frequency limit of the IP address.",
    WS_BAD_OP: "op or category is not supported.",
    WS_BUSY: "System level frequency protection.",
    WS_REPEATED_AUTH: "Repeat auth.",
    WS_SESSION_TOO_FAST: "Too frequent requests under the same session.",
    WS_DUPLICATE_REQUEST: "Duplicate reqId.",
}

OPEN_OUTCOMES = (SERVER_TIMEOUT, SERVER_ERROR, TIMED_OUT, CREATION_TIMED_OUT, CANCELLATION_TIMED_OUT)
"""What leaves open whether a request took effect."""
SWITCHED = frozenset(
    {
        *OPEN_OUTCOMES,
        AUTHENTICATION_FAILED,
        ACCOUNT_BANNED,
        ADDRESS_BANNED,
        DUPLICATE_REQUEST,
        NOT_COMPLIANT,
        SITE_WITHOUT_SPOT_MARGIN,
        PAIR_NOT_BORROWABLE,
        SITE_WITHOUT_LOANS,
        WS_BUSY,
        WS_SESSION_TOO_FAST,
    }
)
"""What the faults of a code answer with: nothing that a request alone provokes."""


def sentence(code: int) -> str:
    """What the venue says with this number. Clients must not rely on the wording."""
    return _SENTENCES[code]


class Refused(Exception):
    """A request that gets a non-zero code. `result` is what the answer carries besides."""

    def __init__(self, code: int, words: str = "", result: Any = None) -> None:
        self.code = code
        self.words = words or sentence(code)
        self.result: Any = {} if result is None else result
        super().__init__(f"{code} {self.words}")


class HttpRefused(Exception):
    """A request that is turned away before the API: an HTTP status and a text."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        self.words = words
        super().__init__(f"{status} {words}")


def parameter_error(words: str) -> Refused:
    """10001 with what is wrong."""
    return Refused(BAD_PARAMETER, words)
