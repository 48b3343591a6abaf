"""Finds a known secret wherever it may have leaked to, in every spelling that a program gives to a text.

    found = scan([tmp_path, page_body, captured.err], {"private key": secret})
    assert not found

Pieces count too: any twelve bytes of the secret, and pieces as long as that in every other spelling.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

WINDOW = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """Where which secret was found, in which spelling. Never the secret itself."""

    place: str
    secret: str
    form: str


def scan(places: Iterable[Path | bytes | bytearray | str], secrets: Mapping[str, str | bytes]) -> list[Finding]:
    """Every finding. A path is read, a folder with all that is below it; bytes and texts are looked at as they are."""
    needles = {name: needles_of(secret) for name, secret in secrets.items()}
    return [
        Finding(place, name, form)
        for place, content in _contents(places)
        for name, forms in needles.items()
        for form, pieces in forms.items()
        if any(piece in content for piece in pieces)
    ]


def needles_of(secret: str | bytes) -> Mapping[str, frozenset[bytes]]:
    """The pieces to look for, by the name of the spelling."""
    raw = secret.encode() if isinstance(secret, str) else secret
    forms = {"raw": _windows(raw, WINDOW, 1), **_spellings(raw, "")}
    # A private key is base64 itself: what it stands for is as secret.
    with suppress(binascii.Error, ValueError):
        decoded = base64.b64decode(raw, validate=True)
        if len(decoded) >= WINDOW:
            forms["decoded"] = _windows(decoded, WINDOW, 1)
            forms.update(_spellings(decoded, "decoded "))
    return forms


def _spellings(raw: bytes, prefix: str) -> dict[str, frozenset[bytes]]:
    text = raw.decode("latin-1")
    escaped = json.dumps(text)[1:-1]
    spellings = {
        "hex": _pieces(raw.hex().encode(), 2 * WINDOW),
        "HEX": _pieces(raw.hex().upper().encode(), 2 * WINDOW),
        "URL": _pieces(quote(raw, safe="").encode(), 2 * WINDOW),
        "url": _pieces(quote(raw, safe="").lower().encode(), 2 * WINDOW),
        "JSON": _pieces(escaped.encode(), 2 * WINDOW) | _pieces(escaped.replace("/", "\\/").encode(), 2 * WINDOW),
        "JSON \\u": _pieces("".join(_unicode_escape(c) for c in text).encode(), 2 * WINDOW),
        "UTF-16": _pieces(text.encode("utf-16-le"), 2 * WINDOW) | _pieces(text.encode("utf-16-be"), 2 * WINDOW),
        "UTF-32": _pieces(text.encode("utf-32-le"), 4 * WINDOW) | _pieces(text.encode("utf-32-be"), 4 * WINDOW),
    }
    for shift in range(3):
        # Base64 works on threes of bytes: what is written depends on where in a text the secret begins. The first
        # and the last group also hold what stands beside it, so only the inner ones are certain.
        inner = base64.b64encode(bytes(shift) + raw)[4 if shift else 0 : -4]
        spellings[f"base64+{shift}"] = _pieces(inner, 16) | _pieces(inner.translate(_URLSAFE), 16)
    return {prefix + form: pieces for form, pieces in spellings.items()}


_URLSAFE = bytes.maketrans(b"+/", b"-_")


def _unicode_escape(character: str) -> str:
    return character if character.isalnum() else f"\\u{ord(character):04x}"


def _pieces(text: bytes, size: int) -> frozenset[bytes]:
    return _windows(text, size, size // 2)


def _windows(text: bytes, size: int, step: int) -> frozenset[bytes]:
    if len(text) <= size:
        return frozenset({text}) if len(text) >= size // 2 else frozenset()
    starts = {*range(0, len(text) - size, step), len(text) - size}
    return frozenset(text[start : start + size] for start in starts)


def _contents(places: Iterable[Path | bytes | bytearray | str]) -> Iterable[tuple[str, bytes]]:
    for place in places:
        match place:
            case Path():
                for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
                    if path.is_file() and not path.is_symlink():
                        yield str(path), path.read_bytes()
                        yield f"name of {path.parent}/…", path.name.encode()
            case str():
                yield "text", place.encode("utf-8", errors="surrogatepass")
            case _:
                yield "bytes", bytes(place)
