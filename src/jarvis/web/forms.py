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

from jarvis.domain.money import exact, is_multiple, plain
from jarvis.web.security import token_fits

_FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 200
_MAX_TEXT = 2048
_LONG_TEXTS = {"credential": 16 * 1024}

_PRIVATE_KEY = re.compile(r"[A-Za-z0-9+/]{86}(==)?")
_SECRET_FIELDS = frozenset({"api_key", "api_secret", "api_passphrase"})

# Binance, Bybit, OKX, and any key file. Tokens of ours and the passwords of password managers may look the same.
_OTHER_SECRETS = re.compile(r"[A-Za-z0-9]{64}|[A-Za-z0-9]{36}|[0-9A-Fa-f]{32}|-----BEGIN.*", re.DOTALL)
_MAY_LOOK_SECRET = _SECRET_FIELDS | {"form_token", "pending", "password", "again", "new_password", "invitation"}


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
            "of the page where keys are pasted and nowhere else. Nothing was stored; to be safe, revoke that key at "
            "the exchange."
        )
    return Form(fields, lists)


def _is_misplaced_secret(name: str, value: str) -> bool:
    if name not in _SECRET_FIELDS and _PRIVATE_KEY.fullmatch(value):
        return True
    return name not in _MAY_LOOK_SECRET and _OTHER_SECRETS.fullmatch(value) is not None


def later(seconds: float) -> str:
    """How long to wait, as a sentence."""
    return f"Too many attempts. Try again in {max(1, round(seconds))} s."
