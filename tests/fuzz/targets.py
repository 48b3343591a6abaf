"""What is fuzzed: each target takes bytes and must end, or raise the one error that its callers expect."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import msgspec

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.domain.instrument import Pair
from jarvis.notify import AddressRefused, WebAddress
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from jarvis.signer.frames import Inbox, MalformedFrameError
from jarvis.signer.server import Answers
from jarvis.signer.vault import OpenedKey, Vault
from jarvis.venues.base import VenueError
from jarvis.venues.binance import memory as binance_memory
from jarvis.venues.bybit import symbols as bybit_symbols
from jarvis.venues.kraken import memory as kraken_memory
from jarvis.venues.kraken import symbols as kraken_symbols
from jarvis.web.messages.hooks_parse import AlertRefused, pair_among, parse_alert
from jarvis.web.proxies import client_address
from jarvis.web.reports import directive_of
from tests.fuzz.building import Source, record, value, word, words_of

VENUES = ("kraken", "binance", "okx", "bybit")
MakeSource = Callable[[bytes], Source]
NOW = datetime(2026, 11, 21, 14, 3, 30, tzinfo=UTC)
BTC_USD, BTC_USDT = Pair.parse("BTC/USD"), Pair.parse("BTC/USDT")
_ROW = Credential(AccountId("account"), VenueName("kraken"), CredentialId("credential"), Environment.LIVE, b"", 1)
_VAULT = Vault(bytes(range(32)))
_SEALED = _VAULT.seal(
    _ROW, OpenedKey(bytearray(b"A" * 56), bytearray(b"B" * 86 + b"=="), bytearray()), now_seconds=1_790_000_000
)
NOT_FUZZED = {("okx", "read_answer"), ("binance", "parse_candle")}
"""What takes more than an answer: it is reached through the rest."""


class _Clock:
    def now(self) -> datetime:
        return NOW


_SYMBOLS: Mapping[str, object] = {
    "kraken": kraken_symbols.Symbols(
        [kraken_symbols.AssetRow("XXBT", "XBT", 10), kraken_symbols.AssetRow("ZUSD", "USD", 4)],
        [kraken_symbols.PairNames("XXBTZUSD", "XBTUSD", "XBT/USD", "XXBT", "ZUSD")],
    ),
    "bybit": bybit_symbols.Symbols([("BTCUSDT", BTC_USDT)]),
}


def given(venue: str) -> dict[str, Any]:
    """What the readers of a venue are given besides the answer, by the name of the parameter."""
    pair = BTC_USD if venue == "kraken" else BTC_USDT
    return {
        "symbols": _SYMBOLS.get(venue), "pair": pair, "pairs": (pair,), "interval": timedelta(minutes=1),
        "at": NOW, "now": (lambda: NOW) if venue == "binance" else NOW, "what": "a test", "clock": _Clock(),
        "client_order_id": lambda _: None, "validate_only": False, "pair_ids": {pair: "XXBTZUSD"},
        "groups": {pair: "1"},
        "last": {pair: Decimal(91000)} if venue != "bybit" else {"BTCUSDT": Decimal(91000)}, "forced": (),
        "spawned": (lambda _: None), "spot_is_margin": False, "is_margin": lambda _: None, "terms": None,
        "known": kraken_memory.KnownOrder(), "memory": binance_memory.OrderMemory(),
    }  # fmt: skip


def modules_of(venue: str) -> list[ModuleType]:
    package = importlib.import_module(f"jarvis.venues.{venue}")
    return [
        importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    ]


def readers_of(venue: str) -> list[Callable[..., object]]:
    """Every function of a venue that reads what it was told."""
    return [
        function
        for module in modules_of(venue)
        for name, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and name.partition("_")[0] in ("parse", "decode", "read")
        and (venue, name) not in NOT_FUZZED
    ]


def venue_target(venue: str, make: MakeSource) -> Callable[[bytes], None]:
    """Reads made-up answers with every reader of a venue; all that may be raised is a VenueError."""
    readers, words, beside = readers_of(venue), words_of(modules_of(venue)), given(venue)
    plans = [(reader, *_plan(venue, reader, beside)) for reader in readers]

    def consume(data: bytes) -> None:
        source = make(data)
        reader, kind, others = plans[source.ConsumeIntInRange(0, len(plans) - 1)]
        told: Any
        if kind is bytes:
            told = msgspec.json.encode(value(source, words))
            if source.ConsumeIntInRange(0, 9) == 0:
                told = told[: source.ConsumeIntInRange(0, len(told))]
        elif kind is dict:
            told = record(source, words)
        elif kind is object:
            told = value(source, words)
        else:
            try:
                told = msgspec.json.decode(msgspec.json.encode(_shaped(source, kind, words)), type=kind)
            except msgspec.ValidationError:
                return
        with suppress(VenueError):
            reader(told, **others)

    return consume


def _plan(venue: str, reader: Callable[..., object], beside: Mapping[str, Any]) -> tuple[type, dict[str, Any]]:
    """What the reader's first argument is made of, and its other arguments."""
    first, *rest = inspect.signature(reader, eval_str=True).parameters.values()
    needed = [each.name for each in rest if each.default is each.empty]
    missing = [name for name in needed if beside.get(name) is None and name != "terms"]
    assert not missing, f"{venue}.{reader.__name__}: say in this file what {missing} are"
    others = {name: beside[name] for name in needed}
    if reader.__name__ in ("parse_order", "parse_order_fill") and venue == "okx":
        others["spawned"] = None
    if "pair" in needed and venue == "binance" and "answer" in first.name and reader.__name__ in _NO_PAIR:
        others["pair"] = None
    if reader.__module__.endswith("bybit.orders") and reader.__name__ == "parse_placed":
        others["client_order_id"] = "jBTC0000001"
    return _kind(first), others


_NO_PAIR = ("parse_transfers",)


def _kind(first: inspect.Parameter) -> type:
    if first.name in ("body", "text"):
        return bytes
    if isinstance(first.annotation, type) and issubclass(first.annotation, msgspec.Struct):
        return first.annotation
    return object if first.annotation is object else dict


def _shaped(source: Source, kind: type, words: tuple[str, ...]) -> dict[str, Any]:
    """An object with the fields of a Struct, most of them there."""
    made = {}
    for each in msgspec.structs.fields(kind):
        if each.required or source.ConsumeIntInRange(0, 3):
            made[each.encode_name] = word(source, words) if source.ConsumeIntInRange(0, 3) else value(source, words, 4)
    return made


def envelope_target(make: MakeSource) -> Callable[[bytes], None]:
    """Opens made-up and damaged sealed keys: refused, and never opened unless nothing is changed."""

    def consume(data: bytes) -> None:
        source = make(data)
        sealed = bytearray(_SEALED)
        if source.ConsumeIntInRange(0, 3) == 0:
            sealed = bytearray(b"j1." + _SEALED[3:19] + b"." + data)
        for _ in range(source.ConsumeIntInRange(1, 3)):
            sealed[source.ConsumeIntInRange(0, len(sealed) - 1)] = source.ConsumeIntInRange(0, 255)
        revision = source.ConsumeIntInRange(0, 2)
        row = Credential(_ROW.account_id, _ROW.venue, _ROW.credential_id, _ROW.environment, bytes(sealed), revision)
        # The base64 of an envelope has bits that mean nothing; whatever opens must be the key itself.
        with suppress(SignerRefused), _VAULT.open(row) as opened:
            assert (bytes(opened.secret), revision) == (b"B" * 86 + b"==", 1)

    return consume


def frames_target(make: MakeSource) -> Callable[[bytes], None]:
    """Sends made-up bytes and made-up questions to a signer: an answer or the end of the line, never anything else."""
    core = SigningCore(bytes(range(32)), lambda: 1_790_000_000_000_000_000, None)
    answers = Answers(core)
    words = words_of([importlib.import_module("jarvis.signer.server"), importlib.import_module("jarvis.signer.frames")])

    def consume(data: bytes) -> None:
        source = make(data)
        if source.ConsumeIntInRange(0, 1):
            head = msgspec.json.encode(record(source, words))
            answers.to(head, bytearray(data[:64]))
            return
        inbox = Inbox()
        sent = data
        with suppress(MalformedFrameError):
            while sent:
                room = inbox.free()
                size = min(len(sent), len(room), source.ConsumeIntInRange(1, 4096))
                room[:size] = sent[:size]
                inbox.filled(size)
                sent = sent[size:]
                while (frame := inbox.take()) is not None:
                    answers.to(*frame)

    return consume


def web_target(make: MakeSource) -> Callable[[bytes], None]:
    """Reads what browsers, proxies and people send as text: a reader that says no says it in one way."""

    def consume(data: bytes) -> None:
        directive_of(data)
        text = make(data).ConsumeUnicodeNoSurrogates(300)
        client_address("10.0.0.2", [text], ())
        with suppress(AddressRefused):
            WebAddress.parse(f"https://{text}", plain_http=False)

    return consume


_ALERT = {
    "secret": "s3cr3t_-" * 5 + "abc", "id": "long", "time": "2026-11-21T14:03:30Z", "action": "buy", "pair": "BTC/USD",
    "quantity": "0.01", "stop": "90500",
}  # fmt: skip


def alert_target(make: MakeSource) -> Callable[[bytes], None]:
    """Reads made-up and damaged alerts of charts: refused, or every part of what was read is as it must be."""
    words = words_of([importlib.import_module("jarvis.web.messages.hooks_parse")])

    def consume(data: bytes) -> None:
        source = make(data)
        kind = source.ConsumeIntInRange(0, 3)
        body = data
        if kind:
            told: dict[str, Any] = {**_ALERT}
            for _ in range(source.ConsumeIntInRange(0, 3)):
                told[word(source, tuple(_ALERT))] = value(source, words) if kind == 1 else word(source, words)
            body = msgspec.json.encode(told)
        with suppress(AlertRefused):
            alert = parse_alert(body)
            assert alert.at.tzinfo is not None
            assert 0 < len(alert.alert_id) <= 100
            assert all(each is None or (each.is_finite() and each > 0) for each in (alert.quantity, alert.stop))
            assert pair_among(alert.pair, (BTC_USD, BTC_USDT)) in (None, BTC_USD, BTC_USDT)

    return consume


def target(name: str, make: MakeSource) -> Callable[[bytes], None]:
    """The target of this name. Raises KeyError."""
    if name in VENUES:
        return venue_target(name, make)
    return {"envelope": envelope_target, "frames": frames_target, "web": web_target, "alerts": alert_target}[name](make)


NAMES = (*VENUES, "envelope", "frames", "web", "alerts")
