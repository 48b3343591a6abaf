"""What people submit: read once, checked field by field, never echoed.

A form that is wrong comes back with our own sentence beside the field and the field empty. No value that was
submitted is ever put into an answer, a log line or an exception: it may be a key that was pasted in the wrong place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from jarvis.domain.account import VenueName
from jarvis.domain.money import exact, is_multiple, plain
from jarvis.web.security import token_fits
from jarvis.web.venues import FORMS, VenueForm

_FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 200
_MAX_TEXT = 2048
_LONG_TEXTS = {"credential": 16 * 1024}

_API_KEY = re.compile(r"[A-Za-z0-9+/]{56}")
_PRIVATE_KEY = re.compile(r"[A-Za-z0-9+/]{86}(==)?")
_SECRET_FIELDS = frozenset({"api_key", "api_secret", "api_passphrase"})

# Binance, Bybit, OKX, and any key file. Tokens of ours and the passwords of password managers may look the same.
_OTHER_SECRETS = re.compile(r"[A-Za-z0-9]{64}|[A-Za-z0-9]{36}|[0-9A-Fa-f]{32}|-----BEGIN.*", re.DOTALL)
_MAY_LOOK_SECRET = _SECRET_FIELDS | {"form_token", "pending", "password", "again", "new_password", "invitation"}
_KEYS_OF: Mapping[VenueName, re.Pattern[str]] = {
    VenueName("kraken"): _API_KEY,
    VenueName("binance"): re.compile(r"[A-Za-z0-9]{64}"),
    VenueName("okx"): re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    VenueName("bybit"): re.compile(r"[A-Za-z0-9]{18}"),
}
"""How each venue's API keys look: enough to tell them apart. The signer looks more closely."""


class FormError(Exception):
    """A form that cannot be used as a whole: `message` is ours and safe to show."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(slots=True)
class Form:
    """The fields of one form, and what is wrong with them so far."""

    fields: Mapping[str, str] = field(repr=False)
    lists: Mapping[str, tuple[str, ...]] = field(repr=False, default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The field without surrounding white space; empty when it was not sent."""
        return self.fields.get(name, "").strip()

    def raw(self, name: str) -> str:
        """The field as it was typed, for passwords."""
        return self.fields.get(name, "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a field that may be ticked more than once."""
        return self.lists.get(name, ())

    def object(self, name: str, sentence: str) -> None:
        """Note our own sentence about what is wrong with a field."""
        self.errors[name] = sentence

    def number(self, name: str, *, minimum: Decimal, maximum: Decimal, step: Decimal | None = None) -> Decimal:
        """The field as a number within its bounds; notes an error and returns `minimum` when it is not one."""
        try:
            value = exact(self.text(name).replace(" ", "").replace("\N{MINUS SIGN}", "-"))
        except ValueError:
            self.errors[name] = "Write a number, with a point before decimals."
            return minimum
        if not minimum <= value <= maximum:
            self.errors[name] = f"Between {plain(minimum)} and {plain(maximum)}, please."
            return minimum
        if step is not None and not is_multiple(value - minimum, step):
            self.errors[name] = f"In steps of {plain(step)}, please."
            return minimum
        return value

    def whole(self, name: str, *, minimum: int, maximum: int) -> int:
        """The field as a whole number within its bounds."""
        return int(self.number(name, minimum=Decimal(minimum), maximum=Decimal(maximum), step=Decimal(1)))

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """The field if it is one of `allowed`; notes an error and returns the first when it is not."""
        value = self.text(name)
        if value not in allowed:
            self.errors[name] = "Choose one of those offered."
            return allowed[0]
        return value


async def guarded_form(request: Request, session_secret: str) -> Form:
    """The submitted form, once its token proves that a page made for this session sent it.

    Raises HTTPException 403 for a missing or foreign token and 415 for another kind of body, and FormError when a
    field that keeps no secrets holds what looks like an exchange's private key.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise HTTPException(415)
    submitted = await request.form(max_fields=_MAX_FIELDS, max_files=0)
    lists: dict[str, tuple[str, ...]] = {}
    for name, value in submitted.multi_items():
        if isinstance(value, UploadFile) or len(value) > _LONG_TEXTS.get(name, _MAX_TEXT):
            raise FormError("A field is longer than any that this form has. Nothing was stored.")
        if "\x00" in value:  # no text: databases differ in what they make of it
            raise FormError("A field holds what cannot be typed. Nothing was stored.")
        lists[name] = (*lists.get(name, ()), value)
    fields = {name: values[0] for name, values in lists.items()}
    if not token_fits(session_secret, fields.get("form_token", "")):
        raise HTTPException(403)
    if any(_is_misplaced_secret(name, value.strip()) for name, value in fields.items()):
        raise FormError(
            "One of the fields holds what looks like an exchange's private key. It belongs into the secret's field "
            "of the account page and nowhere else. Nothing was stored; to be safe, revoke that key at the exchange."
        )
    return Form(fields, lists)


def _is_misplaced_secret(name: str, value: str) -> bool:
    if name not in _SECRET_FIELDS and _PRIVATE_KEY.fullmatch(value):
        return True
    return name not in _MAY_LOOK_SECRET and _OTHER_SECRETS.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class PastedKey:
    """What was pasted, without any white space; the passphrase as it was typed."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str = field(repr=False, default="")


def pasted_key(form: Form, venue: VenueForm) -> PastedKey:
    """The values of a key; notes what is missing or, as far as their shape shows it, wrong with them."""
    api_key, secret = ("".join(form.raw(name).split()) for name in ("api_key", "api_secret"))
    passphrase = form.raw("api_passphrase") if venue.has_passphrase else ""
    of_another = next((name for name, looks in _KEYS_OF.items() if looks.fullmatch(api_key)), venue.name)
    if of_another != venue.name:
        title = FORMS[of_another].title
        form.object("api_key", f"This looks like a key of {title}, not of {venue.title}. Choose {title} above.")
    elif venue.name == "kraken":
        _check_krakens_shape(form, api_key, secret)
    else:
        for name, value, label in (("api_key", api_key, venue.key_label), ("api_secret", secret, venue.secret_label)):
            if not value:
                form.object(name, f"This is empty. Copy the value that {venue.title} calls {label}.")
    if venue.has_passphrase and not passphrase:
        form.object("api_passphrase", "Type the passphrase that you chose when you made the key.")
    return PastedKey(api_key, secret, passphrase)


def _check_krakens_shape(form: Form, api_key: str, secret: str) -> None:
    if _PRIVATE_KEY.fullmatch(api_key) and _API_KEY.fullmatch(secret):
        form.object("api_key", "The two seem swapped: this held the private key. Paste the shorter value here.")
        form.object("api_secret", "Paste the longer value here, the one that was shown once.")
        return
    if not _API_KEY.fullmatch(api_key):
        form.object("api_key", "This is not a whole API key: it has 56 letters, digits, + and /. Copy it again.")
    if not _PRIVATE_KEY.fullmatch(secret):
        form.object("api_secret", "This is not a whole private key: 88 characters that end in ==. Copy it again.")


def later(seconds: float) -> str:
    """How long to wait, as a sentence."""
    return f"Too many attempts. Try again in {max(1, round(seconds))} s."
