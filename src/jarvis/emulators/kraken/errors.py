"""Kraken's refusals: the exact strings, and the exception that carries them to the envelope."""


class Refused(Exception):
    """The venue's answer is these error strings, in order. HTTP stays 200."""

    def __init__(self, *errors: str) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


INVALID_KEY = "EAPI:Invalid key"
INVALID_SIGNATURE = "EAPI:Invalid signature"
INVALID_NONCE = "EAPI:Invalid nonce"
BAD_REQUEST = "EAPI:Bad request"
REST_RATE_LIMIT = "EAPI:Rate limit exceeded"
LOCKOUT = "EGeneral:Temporary lockout"
PERMISSION_DENIED = "EGeneral:Permission denied"
INVALID_ARGUMENTS = "EGeneral:Invalid arguments"
INDEX_UNAVAILABLE = "EGeneral:Invalid arguments:Index unavailable"
UNKNOWN_METHOD = "EGeneral:Unknown method"
INSUFFICIENT_FUNDS = "EOrder:Insufficient funds"
MARGIN_LEVEL_TOO_LOW = "EOrder:Margin level too low"
INSUFFICIENT_MARGIN_POOL = "EOrder:Insufficient margin"
POSITION_SIZE_EXCEEDED = "EOrder:Margin position size exceeded"
CANNOT_OPEN_POSITION = "EOrder:Cannot open position"
REDUCE_ONLY_NO_POSITION = "EOrder:Reduce only:No position exists"
UNKNOWN_POSITION = "EOrder:Unknown position"
ORDER_MINIMUM = "EOrder:Order minimum not met"
COST_MINIMUM = "EOrder:Cost minimum not met"
TICK_SIZE = "EOrder:Tick size check failed"
POST_ONLY = "EOrder:Post only order"
ORDERS_LIMIT = "EOrder:Orders limit exceeded"
SCHEDULED_LIMIT = "EOrder:Scheduled orders limit exceeded"
ORDER_RATE_LIMIT = "EOrder:Rate limit exceeded"
UNKNOWN_ORDER = "EOrder:Unknown order"
INVALID_ORDER = "EOrder:Invalid order"
UNAVAILABLE = "EService:Unavailable"
DEADLINE_ELAPSED = "EService:Deadline elapsed"
UNKNOWN_PAIR = "EQuery:Unknown asset pair"
UNKNOWN_ASSET = "EQuery:Unknown asset"
INVALID_SESSION = "ESession:Invalid session"
UNKNOWN_WITHDRAW_KEY = "EFunding:Unknown withdraw key"


def invalid_argument(name: str) -> Refused:
    """The refusal that names the parameter."""
    return Refused(f"{INVALID_ARGUMENTS}:{name}")


def throttled(until_unix: int) -> str:
    """Too many requests at once; to be retried at the given unix second."""
    return f"EService:Throttled: {until_unix}"


def market_mode(mode: str) -> str:
    """A pair or the venue takes only some orders: `cancel_only`, `post_only` or `limit_only`."""
    return f"EService:Market in {mode} mode"
