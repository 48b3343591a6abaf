"""Bybit's refusals: a number, a sentence, and sometimes what else the answer carries."""

from typing import Any

BAD_PARAMETER = 10001
BAD_TIMESTAMP = 10002
BAD_KEY = 10003
BAD_SIGN = 10004
PERMISSION_DENIED = 10005
TOO_MANY_VISITS = 10006
BAD_IP = 10010
SERVER_ERROR = 10016
NO_ROUTE = 10017
RESTARTING = 10019
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
PRICE_TOO_LOW = 170133
PRICE_DECIMALS = 170134
QUANTITY_TOO_LOW = 170136
QUANTITY_DECIMALS = 170137
VALUE_TOO_LOW = 170140
DUPLICATE_LINK_ID = 170141
ORDER_CANCELLED = 170142
MARKET_AMOUNT_DECIMALS = 170148
ORDER_FINISHED = 170190
BUY_PRICE_BAND = 170193
SELL_PRICE_BAND = 170194
BAD_FILTER = 170202
BAD_TRIGGER = 170203
POOL_SHORT = 170207
NEW_ORDER_REJECTED = 170210
NO_SUCH_ORDER = 170213
POST_ONLY_PAIR = 170217
LIQUIDATING = 170226
SYMBOL_WITHOUT_MARGIN = 170344
TOO_MANY_ORDERS = 170810
QUIZ_MISSING = 176002
COIN_NOT_BORROWABLE = 176011
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

WS_BAD_OP = 10404
WS_REPEATED_AUTH = 20001
WS_DUPLICATE_REQUEST = 20006

_SENTENCES = {
    BAD_PARAMETER: "Request parameter error.",
    BAD_TIMESTAMP: "invalid request, please check your server timestamp or recv_window param.",
    BAD_KEY: "API key is invalid.",
    BAD_SIGN: "error sign! please check your sign generation algorithm.",
    PERMISSION_DENIED: "Permission denied, please check your API key permissions.",
    TOO_MANY_VISITS: "Too many visits. Exceeded the API Rate Limit.",
    BAD_IP: "Unmatched IP, please check your API key's bound IP addresses.",
    SERVER_ERROR: "Server error.",
    NO_ROUTE: "Route not found.",
    RESTARTING: "Service is restarting, please try again later.",
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
    PRICE_TOO_LOW: "Order price too low.",
    PRICE_DECIMALS: "Order price has too many decimals.",
    QUANTITY_TOO_LOW: "Order quantity exceeded lower limit.",
    QUANTITY_DECIMALS: "Order quantity has too many decimals.",
    VALUE_TOO_LOW: "Order value exceeded lower limit.",
    DUPLICATE_LINK_ID: "Duplicate clientOrderId.",
    ORDER_CANCELLED: "Order has been canceled.",
    MARKET_AMOUNT_DECIMALS: "Market order amount decimal too long.",
    ORDER_FINISHED: "Order has been finished.",
    BUY_PRICE_BAND: "Buy order price cannot be higher than the limit.",
    SELL_PRICE_BAND: "Sell order price cannot be lower than the limit.",
    BAD_FILTER: "Invalid orderFilter parameter.",
    BAD_TRIGGER: "Please enter the trigger price.",
    POOL_SHORT: "Platform's loanable funds are insufficient.",
    NEW_ORDER_REJECTED: "New order rejected.",
    NO_SUCH_ORDER: "Order does not exist.",
    POST_ONLY_PAIR: "Only LIMIT-MAKER order is supported for the current pair.",
    LIQUIDATING: "Your account is being liquidated.",
    SYMBOL_WITHOUT_MARGIN: "Symbol is not supported on Margin Trading.",
    TOO_MANY_ORDERS: "The number of open orders has reached its limit.",
    QUIZ_MISSING: "Please complete the Q&A before using margin trading.",
    COIN_NOT_BORROWABLE: "The currency is not supported by margin trading.",
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
    WS_BAD_OP: "op or category is not supported.",
    WS_REPEATED_AUTH: "Repeat auth.",
    WS_DUPLICATE_REQUEST: "Duplicate reqId.",
}


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
