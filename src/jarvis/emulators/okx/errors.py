"""OKX's refusals: codes with their texts and HTTP statuses, and the exception that carries one to the envelope.

Codes of the gateway (50xxx) answer a request as a whole; those of trading (51xxx) answer one order of it, below `data`.

Most follow from what a client sends or from its account. `SWITCHED` and, on sockets, `SWITCHED_FRAMES` are the venue's
own trouble or its measures against an account, which no request provokes: the faults `code_before_accept` and
`code_after_accept` answer with them.

Isolated margin is of futures mode only at this venue (50072 in multi-currency and portfolio mode, 51010 in spot mode).
This sandbox keeps no isolated positions: where futures mode asks for them it is 51010 as well.
"""

from collections.abc import Mapping

from jarvis.emulators.faults import Fault
from jarvis.sim.exchange import Refusal, SimRefused


class Refused(Exception):
    """The venue says no. `status` is HTTP's; `sub_code` says more about why an order failed.

    `bare` answers come from the gateway before the API: they have no `data`.
    """

    def __init__(self, code: str, message: str, *, status: int = 200, sub_code: str = "", bare: bool = False) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.sub_code = sub_code
        self.bare = bare

    @property
    def is_of_an_order(self) -> bool:
        """Whether it belongs below `data`, as one order's `sCode`."""
        return self.code.startswith(("51", "59"))


def unauthorised(code: str, message: str) -> Refused:
    """The gateway's refusal of who asks: HTTP 401."""
    return Refused(code, message, status=401, bare=True)


NO_KEY_HEADER = ("50103", 'Request header "OK-ACCESS-KEY" cannot be empty')
NO_PASSPHRASE_HEADER = ("50104", 'Request header "OK-ACCESS-PASSPHRASE" cannot be empty')
NO_SIGN_HEADER = ("50106", 'Request header "OK-ACCESS-SIGN" cannot be empty')
NO_TIMESTAMP_HEADER = ("50107", 'Request header "OK-ACCESS-TIMESTAMP" cannot be empty')
WRONG_ENVIRONMENT = ("50101", "APIKey does not match current environment")
TIMESTAMP_EXPIRED = ("50102", "Timestamp request expired")
WRONG_PASSPHRASE = ("50105", 'Request header "OK-ACCESS-PASSPHRASE" incorrect')
IP_NOT_LISTED = ("50110", "Your IP is not included in your API key's IP whitelist")
INVALID_KEY = ("50111", "Invalid OK-ACCESS-KEY")
INVALID_TIMESTAMP = ("50112", "Invalid OK-ACCESS-TIMESTAMP")
INVALID_SIGN = ("50113", "Invalid Sign")
KEY_NOT_FOUND = ("50119", "API key doesn't exist")


def permission_missing() -> Refused:
    """The key may not do this."""
    return Refused("50120", "This API key doesn't have permission to use this function")


def not_found() -> Refused:
    """There is no such path."""
    return Refused("404", "Requested path not found", status=404, bare=True)


def wrong_method() -> Refused:
    """The path exists, but not for this verb."""
    return Refused("50115", "Invalid request method", status=405)


def body_empty() -> Refused:
    """A POST came without a body."""
    return Refused("50000", "Body for POST request cannot be empty", status=400)


def bad_json() -> Refused:
    """The body is no JSON, or not of the shape that the path takes."""
    return Refused("50002", "JSON syntax error", status=400)


def wrong_content_type() -> Refused:
    """The body is not said to be JSON."""
    return Refused("50006", 'Invalid Content-Type, please use "application/json" format', status=400)


def rate_limited() -> Refused:
    """Too many requests: HTTP 429, no header that says when to come back."""
    return Refused("50011", "Too Many Requests", status=429)


def unavailable() -> Refused:
    """Maintenance, or a service that is down."""
    return Refused("50001", "Service temporarily unavailable. Try again later", status=503)


def busy() -> Refused:
    """The systems are busy."""
    return Refused("50013", "Systems are busy. Please try again later", status=429)


def timed_out() -> Refused:
    """The API gave up waiting: whether the request took effect is not known."""
    return Refused("50004", "API endpoint request timeout (does not mean that the request was successful or failed)")


def empty(name: str) -> Refused:
    """A parameter that is needed was not given."""
    return Refused("50014", f"Parameter {name} can not be empty", status=400)


def one_of(*names: str) -> Refused:
    """None of several parameters was given."""
    return Refused("50015", f"Either parameter {' or '.join(names)} is required", status=400)


def bad_parameter(name: str) -> Refused:
    """A parameter means nothing."""
    return Refused("51000", f"Parameter {name} error", status=400)


def unknown_instrument() -> Refused:
    """No such instId here."""
    return Refused("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")


def wrong_mode() -> Refused:
    """The account's mode does not know this."""
    return Refused("51010", "You can't complete this request under your current account mode.")


def insufficient(sub: str, what: str) -> Refused:
    """Not enough: `sub` is 1000 balance, 1001 margin, 1002/1003 borrowing is off, 1004.. nothing left to borrow."""
    return Refused("51008", f"Order failed. {what}", sub_code=f"51008_{sub}")


def no_isolated(*, is_multi_currency: bool) -> Refused:
    """Isolated margin is not to be had in the account's mode."""
    if is_multi_currency:
        return Refused("50072", "Isolated margin trading isn't available in this account mode.")
    return wrong_mode()


OPEN_OUTCOMES = {
    "50004": timed_out(),
    "50026": Refused("50026", "System error. Try again later", status=400),
    "51054": Refused("51054", "Request timed out. Please try again."),
    "51149": Refused("51149", "Order timed out. Please try again."),
}
"""What leaves open whether a request took effect."""
SWITCHED: Mapping[str, Refused] = OPEN_OUTCOMES | {
    "50013": busy(),
    "59113": Refused("59113", "Margin trading isn't available in your region."),
    "59114": Refused("59114", "Borrowing isn't available in your region."),
}
"""What the faults of a code answer with: nothing that a request alone provokes."""
SWITCHED_FRAMES: Mapping[str, str] = {
    "60023": "Bulk login requests too frequent",
    "63999": "Login failed due to internal error. Please try again later.",
    "64008": "The connection will soon be closed for a service upgrade. Please reconnect.",
    "4006": "abnormal disconnection",
}
"""The same on sockets: two answers to a login, a notice some time before the end, and an end without one."""


def switched(fault: Fault) -> Refused:
    """What a fault of a code answers with: its own code, or one that leaves the outcome open."""
    return SWITCHED[fault.code] if fault.code else [*OPEN_OUTCOMES.values()][fault.fault_id % len(OPEN_OUTCOMES)]


_BY_REASON = {
    Refusal.INSUFFICIENT_FUNDS: ("51008", "Order failed. Insufficient balance in account", "51008_1000"),
    Refusal.MARGIN_LEVEL_TOO_LOW: ("51008", "Order failed. Insufficient margin in account", "51008_1001"),
    Refusal.POSITION_LIMIT: ("51004", "Order failed. The order amount exceeds the limit of the current tier", ""),
    Refusal.NOT_ELIGIBLE: ("51010", "You can't complete this request under your current account mode.", ""),
    Refusal.NOTHING_TO_REDUCE: ("51169", "Order failed. You don't have any positions to reduce or close", ""),
    Refusal.BELOW_MINIMUM: ("51020", "Your order should meet or exceed the minimum order amount.", ""),
    Refusal.PRICE_STEP: ("51000", "Parameter px error", ""),
    Refusal.ORDER_LIMIT: ("51174", "The number of pending orders reached the upper limit", ""),
    Refusal.UNKNOWN_ORDER: ("51603", "Order does not exist", ""),
    Refusal.DUPLICATE_ID: ("51016", "Client order ID already exists.", ""),
    Refusal.MARKET_CLOSED: ("51022", "Contract suspended", ""),
    Refusal.INVALID: ("51121", "Order quantity must be a multiple of the lot size.", ""),
}


def refusal_of(refused: SimRefused) -> Refused:
    """What OKX says when the exchange refused an order."""
    code, message, sub_code = _BY_REASON.get(refused.reason, ("51000", f"Order failed. {refused.detail}", ""))
    return Refused(code, message, sub_code=sub_code)
