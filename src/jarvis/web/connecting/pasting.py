"""What a person pastes as a key, read before anything is sent: cleaned, told apart, and never said again.

Pure. The same rules run in the browser as hints (js/pasting.js), made from what `rules_for` hands to the page; the
signer looks once more. No sentence here holds anything of what was pasted.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from jarvis.domain.account import VenueName
from jarvis.web.connecting.venues import FORMS

_QUOTES = "\"'`\u00b4\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb\u2039\u203a,;"
"""What stands around a copied value and never in one: quotation marks, and the comma or semicolon of a file."""
_NAMES = r"api[ _-]*key|api[ _-]*secret|secret[ _-]*key|private[ _-]*key|secret|key|passphrase"
_LABEL = rf"(?:{_NAMES})[\x22'\u201d\u2019]?\s*[:=]\s*"
_PEM = r"-----BEGIN ?PRIVATE ?KEY-----[A-Za-z0-9+/=]{40,}-----END ?PRIVATE ?KEY-----"
_BARE_ED25519 = r"MC4CAQAwBQYDK2VwBCIEI[A-Za-z0-9+/]{43}"
_PASSPHRASE = r"[\x20-\x7e]{1,64}"  # noqa: S105 - a pattern


class Taken(Enum):
    """What was taken off a value before it was read, in words."""

    BLANKS = "blanks and line breaks"
    INVISIBLE = "characters that cannot be seen"
    QUOTES = "quotation marks"
    LABEL = "the name in front of the value"


@dataclass(frozen=True, slots=True)
class Shape:
    """How one venue's values look: patterns that match them whole, and the same in words."""

    key: str
    key_words: str
    secret: str
    secret_words: str
    has_passphrase: bool = False

    def is_key(self, value: str) -> bool:
        """Whether it could be this venue's API key."""
        return re.fullmatch(self.key, value) is not None

    def is_secret(self, value: str) -> bool:
        """Whether it could be this venue's secret."""
        return re.fullmatch(self.secret, value) is not None


SHAPES: Mapping[VenueName, Shape] = {
    VenueName("kraken"): Shape(
        r"[A-Za-z0-9+/]{56}", "56 letters, digits, + and /", r"[A-Za-z0-9+/]{86}(==)?", "88 characters that end in =="
    ),
    VenueName("binance"): Shape(
        r"[A-Za-z0-9]{64}",
        "64 letters and digits",
        rf"[A-Za-z0-9]{{64}}|{_PEM}|{_BARE_ED25519}",
        "64 letters and digits, or the private key file of an Ed25519 key",
    ),
    VenueName("okx"): Shape(
        r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "36 characters with four dashes",
        r"[0-9a-fA-F]{32}",
        "32 letters A to F and digits",
        has_passphrase=True,
    ),
    VenueName("bybit"): Shape(
        r"[A-Za-z0-9]{16,24}", "18 letters and digits", r"[A-Za-z0-9]{36}", "36 letters and digits"
    ),
}
"""One per venue; the values are as the venues' own API pages show them."""

SENTENCES: Mapping[str, str] = {
    "empty": "This is empty. Copy the value that {venue} calls {label}.",
    "no_passphrase": "Type the passphrase that you chose when you made the key.",
    "swapped_key": "The two seem swapped: this held the {secret}. Paste the {key} here.",
    "swapped_secret": "The two seem swapped: this held the {key}. Paste the {secret} here, the one that is shown once.",
    "swapped_passphrase": "This held the {secret}. Type here the passphrase that you chose when you made the key.",
    "secret_is_passphrase": "The {secret} is in the passphrase's box. Paste it here.",
    "same": "This is the same value as in the box of the {key}. Copy the {secret}: {venue} shows it once.",
    "two": "This box held two values at once. Paste each into its own box.",
    "other_key": "This looks like a key of {other}, not of {venue}. Connect {other} instead, or copy {venue}'s key.",
    "other_secret": "This looks like a secret of {other}, not of {venue}. Copy the {secret} of your {venue} key.",
    "short": "This is not a whole {label}: it has {count} characters, and {venue}'s has {words}. Copy it again.",
    "signs": "This is not a whole {label}: it holds a sign that does not belong there. {venue}'s has {words}. "
    "Copy it again.",
    "passphrase_signs": "This passphrase holds a sign that {venue} does not take. Type it instead of pasting it.",
    "passphrase_key": "This held the {key}. Type here the passphrase that you chose when you made the key.",
}
"""Everything that can be said of a box. Read in the browser, too."""


@dataclass(frozen=True, slots=True)
class PastedKey:
    """The values of a key without what surrounded them; the passphrase as it was typed, but for line breaks."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was pasted: the values, a sentence for each box that is wrong, and what was taken off in words.

    `other` is the venue whose key it seems to be, if that is another one.
    """

    values: PastedKey = field(repr=False)
    errors: Mapping[str, str]
    taken: tuple[str, ...] = ()
    other: VenueName | None = None


def cleaned(text: str) -> tuple[str, frozenset[Taken]]:
    """The value inside what was pasted, and what was around it or in it that does not belong to it."""
    taken: set[Taken] = set()
    value = _visible(text)
    if value != text:
        taken.add(Taken.INVISIBLE)
    before = None
    while before != value:
        before = value
        bare = value.strip().strip(_QUOTES).strip()
        if bare != value.strip():
            taken.add(Taken.QUOTES)
        unlabelled = re.sub(rf"^{_LABEL}", "", bare, flags=re.IGNORECASE)
        if unlabelled != bare:
            taken.add(Taken.LABEL)
        value = "".join(unlabelled.split())
    if len(text.split()) > 1 or text != text.strip():
        taken.add(Taken.BLANKS)
    return value, frozenset(taken)


def read_paste(venue: VenueName, api_key: str, secret: str, passphrase: str = "") -> Reading:
    """The values as they are meant, and what is wrong with each box of `venue`'s form."""
    shape = SHAPES[venue]
    (key, key_taken), (second, second_taken) = cleaned(api_key), cleaned(secret)
    third = _visible(passphrase).strip("\r\n") if shape.has_passphrase else ""
    kinds = {"api_key": _say_key(shape, key, second), "api_secret": _say_secret(shape, key, second, third)}
    if shape.has_passphrase:
        kinds["api_passphrase"] = _say_passphrase(shape, key, second, third)
    for name, raw in (("api_key", api_key), ("api_secret", secret)):
        if _holds_two(shape, raw):
            kinds[name] = "two"
    other = None
    for name, value in (("api_secret", second), ("api_key", key)):
        if kinds[name] in ("short", "signs") and (found := _other(venue, value, is_key=name == "api_key")):
            kinds[name] = "other_key" if name == "api_key" else "other_secret"
            other = found
    counts = {"api_key": len(key), "api_secret": len(second), "api_passphrase": len(third)}
    errors = {name: _sentence(kind, venue, name, counts[name], other) for name, kind in kinds.items() if kind}
    taken = [*_taken_words(FORMS[venue].key_label, key_taken), *_taken_words(FORMS[venue].secret_label, second_taken)]
    if third != third.strip():
        taken.append("Passphrase: it begins or ends with a blank, which was kept.")
    return Reading(PastedKey(key, second, third), errors, tuple(taken), other)


def rules_for(venue: VenueName) -> dict[str, object]:
    """What the browser needs to say the same as `read_paste`: patterns, words and sentences."""
    return {
        "venue": venue,
        "quotes": _QUOTES,
        "label": _LABEL,
        "passphrase": _PASSPHRASE,
        "sentences": dict(SENTENCES),
        "venues": {
            name: {
                "title": FORMS[name].title,
                "key": shape.key,
                "keyLabel": amid(FORMS[name].key_label),
                "keyWords": shape.key_words,
                "secret": shape.secret,
                "secretLabel": amid(FORMS[name].secret_label),
                "secretWords": shape.secret_words,
                "hasPassphrase": shape.has_passphrase,
            }
            for name, shape in SHAPES.items()
        },
        "taken": {each.name: each.value for each in Taken},
    }


def _say_key(shape: Shape, key: str, secret: str) -> str:
    """What is wrong with the key's box, as the name of a sentence; empty when nothing is."""
    if _is_swapped(shape, key, secret):
        return "swapped_key"
    if not key:
        return "empty"
    return "" if shape.is_key(key) else _misshapen(key)


def _say_secret(shape: Shape, key: str, secret: str, passphrase: str) -> str:
    if _is_swapped(shape, key, secret):
        return "swapped_secret"
    if shape.has_passphrase and shape.is_secret(passphrase) and not shape.is_secret(secret):
        return "secret_is_passphrase"
    if not secret:
        return "empty"
    if secret == key:
        return "same"
    return "" if shape.is_secret(secret) else _misshapen(secret)


def _say_passphrase(shape: Shape, key: str, secret: str, passphrase: str) -> str:
    if not passphrase:
        return "no_passphrase"
    if shape.is_secret(passphrase) and not shape.is_secret(secret) and not _is_swapped(shape, key, secret):
        return "swapped_passphrase"
    if shape.is_key(passphrase):
        return "passphrase_key"
    return "" if re.fullmatch(_PASSPHRASE, passphrase) else "passphrase_signs"


def _is_swapped(shape: Shape, key: str, secret: str) -> bool:
    return shape.is_secret(key) and not shape.is_key(key) and (shape.is_key(secret) or not secret)


def _misshapen(value: str) -> str:
    return "short" if re.fullmatch(r"[A-Za-z0-9+/=-]*", value) else "signs"


def _holds_two(shape: Shape, raw: str) -> bool:
    """Whether both values stand in one box: each whole, with a blank or a line break between."""
    words = [cleaned(word)[0] for word in raw.split()]
    keys = [word for word in words if shape.is_key(word)]
    return len(words) > 1 and bool(keys) and any(shape.is_secret(word) and word not in keys[:1] for word in words)


def _other(venue: VenueName, value: str, *, is_key: bool) -> VenueName | None:
    """The other venue whose key, or whose secret, this looks like."""
    others = [(name, shape) for name, shape in SHAPES.items() if name != venue]
    for name, shape in others:
        if shape.is_key(value) if is_key else shape.is_secret(value):
            return name
    return None


def _sentence(kind: str, venue: VenueName, name: str, count: int, other: VenueName | None) -> str:
    form, shape = FORMS[venue], SHAPES[venue]
    is_key = name == "api_key"
    return SENTENCES[kind].format(
        venue=form.title,
        other=FORMS[other].title if other else "",
        label=amid(form.key_label if is_key else form.secret_label),
        key=amid(form.key_label),
        secret=amid(form.secret_label),
        words=shape.key_words if is_key else shape.secret_words,
        count=count,
    )


def amid(label: str) -> str:
    """A box's label amid a sentence."""
    return label if label.startswith("API") else label[:1].lower() + label[1:]


def _taken_words(label: str, taken: frozenset[Taken]) -> list[str]:
    return [f"{label}: {each.value} taken off." for each in Taken if each in taken]


def _visible(text: str) -> str:
    """The text without characters that cannot be seen, blanks and line breaks kept."""
    return "".join(each for each in text if each.isspace() or not _is_invisible(each))


def _is_invisible(each: str) -> bool:
    return unicodedata.category(each) in ("Cc", "Cf", "Co", "Cs", "Cn") or "\ufe00" <= each <= "\ufe0f"
