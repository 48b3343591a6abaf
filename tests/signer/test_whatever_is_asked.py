"""Everything that the four venues' private APIs can do, asked of the signer plainly and in disguise.

The list of calls is not ours: it is the one that an independent client knows, so that what nobody here thought of is
asked for, too. What is not on the allow-list is refused, counted as a security event and written to the audit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import ccxt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from jarvis.signer.venues import VENUES
from tests.signer.inprocess import MASTER_KEY, InProcessSigner, made_up_key

NOW_NS = 1_750_000_000_000_000_000
KEYS = {
    "kraken": made_up_key("kraken"),
    "binance": ("A" * 64, "b" * 64),
    "okx": ("0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "0123456789ABCDEF0123456789ABCDEF"),
    "bybit": ("aB3" * 6, "cD4" * 12),
}
MOVES_OR_CHANGES = re.compile(
    r"withdraw|transfer|deposit|subaccount|sub-?member|convert|earn|loan|stake|staking|redeem|purchase|subscri|"
    r"apikey|api-key|set-|switch|wallet|fiat|giftcard|lending|borrow|mining|savings|asset/dust|universal",
    re.IGNORECASE,
)
READS = {
    "kraken": "Balance",
    "binance": "GET /sapi/v1/margin/account",
    "okx": "GET /api/v5/account/balance",
    "bybit": "GET /v5/user/query-api",
}
PARAMETERS = {"asset": "BTC", "coin": "BTC", "amount": "1", "address": "x", "key": "x", "to": "x", "from": "x"}


def _paths(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for method, paths in table.items():
        for path in paths:
            yield f"{method.upper()} {prefix}{path}"


@cache
def private_calls(venue: str) -> tuple[str, ...]:
    """Every private call of a venue in the spelling of its allow-list."""
    match venue:
        case "kraken":
            return tuple(ccxt.kraken().api["private"]["post"])
        case "binance":
            api = ccxt.binance().api
            parts = {"sapi": "/sapi/v1/", "sapiV2": "/sapi/v2/", "sapiV3": "/sapi/v3/", "sapiV4": "/sapi/v4/"}
            parts |= {
                "private": "/api/v3/",
                "fapiPrivate": "/fapi/v1/",
                "dapiPrivate": "/dapi/v1/",
                "papi": "/papi/v1/",
            }
            return tuple(call for part, prefix in parts.items() for call in _paths(api.get(part, {}), prefix))
        case "okx":
            return tuple(_paths(ccxt.okx().api["private"], "/api/v5/"))
        case _:
            return tuple(_paths(ccxt.bybit().api["private"], "/"))


def forbidden_calls(venue: str) -> list[str]:
    return [call for call in private_calls(venue) if call not in VENUES[venue].operations]


def core_and_key(venue: str, state: Path | None = None) -> tuple[SigningCore, Credential]:
    signer = InProcessSigner(lambda: NOW_NS, state=state)
    api_key, secret = KEYS[venue]
    passphrase = "Seven-Lanterns-9" if venue == "okx" else None
    return signer.core, signer.credential(api_key, secret, venue=venue, passphrase=passphrase)


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_every_call_that_is_not_on_the_list_is_refused_counted_and_told(venue: str, tmp_path: Path) -> None:
    core, credential = core_and_key(venue, tmp_path)
    calls = forbidden_calls(venue)
    moving = [call for call in calls if MOVES_OR_CHANGES.search(call)]

    for call in calls:
        for parameters in ({}, PARAMETERS):
            with pytest.raises(SignerRefused) as refused:
                core.sign(credential, 1, call, parameters)
            assert refused.value.code == "operation"

    asked = 2 * len(calls)
    assert len(moving) >= 8, "the independent list lost the calls that this is about"
    assert core.counters.security_events == core.counters.refused == asked
    told = [json.loads(line) for path in tmp_path.glob("audit-*") for line in path.read_text().splitlines()]
    assert sum(line.get("security", False) for line in told if line["do"] == "sign") == asked
    core.close()


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_nothing_on_the_list_is_about_moving_money_or_changing_settings(venue: str) -> None:
    named = {call for call in VENUES[venue].operations if MOVES_OR_CHANGES.search(call)}

    # What the key may do, what came and went by, and the repayment of a debt to the venue itself.
    assert (
        named
        == {
            "kraken": {"GetApiKeyInfo"},
            "binance": {
                "GET /sapi/v1/margin/transfer",
                "POST /sapi/v1/margin/borrow-repay",
            },
            "okx": set(),
            "bybit": {
                "GET /v5/account/wallet-balance",
                "GET /v5/order/spot-borrow-check",
                "POST /v5/account/no-convert-repay",
            },
        }[venue]
    )


def spelled(call: str, how: int) -> str:
    """A call in another spelling, as a careless parser, proxy or venue might still understand it."""
    method, _, path = call.rpartition(" ")
    before = f"{method} " if method else ""
    last = path.rpartition("/")[2]
    paths = (
        f"/{path}", path.replace("/", "//"), f"./{path}", f"{path}/../{last}", path.replace("a", "%61"),
        path.replace("/", "%2f"), path.replace("/", chr(92)), path.replace("i", chr(0x131)),
        path.replace("a", chr(0x430)), f"{path}{chr(0x200B)}", f"{path}/", f"{path}?", f"{path}?a=1", f"{path}#x",
        f"{path}&type=withdraw",
    )  # fmt: skip
    others = (
        call.lower(), call.upper(), call.swapcase(), f" {call}", f"{call} ", f"{call}\n", f"{call}\x00",
        f"{before.strip()}\t{path}", f"{before}{before}{path}", f"POST {path}", f"GET {path}", path,
        f"AddOrder\r\n{call}", f"AddOrder/../{call}",
    )  # fmt: skip
    return [*(f"{before}{each}" for each in paths), *others][how]


VENUE = st.sampled_from(sorted(VENUES))


@settings(max_examples=400, deadline=None)
@given(data=st.data(), venue=VENUE, how=st.integers(min_value=0, max_value=28))
def test_no_disguise_of_it_is_signed(data: st.DataObject, venue: str, how: int) -> None:
    core, credential = core_and_key(venue)
    call = spelled(data.draw(st.sampled_from(forbidden_calls(venue))), how)

    if call in VENUES[venue].operations:
        return  # another method of a path that is listed, such as a read: its own tests say what it may hold
    with pytest.raises(SignerRefused) as refused:
        core.sign(credential, 1, call, PARAMETERS)

    assert refused.value.code == "operation"
    assert call not in str(refused.value)
    assert core.counters.security_events == 1


@settings(max_examples=200, deadline=None)
@given(data=st.data(), venue=VENUE, text=st.text(max_size=80))
def test_no_text_at_all_is_a_call_but_those_on_the_list(data: st.DataObject, venue: str, text: str) -> None:
    core, credential = core_and_key(venue)
    listed = data.draw(st.sampled_from(sorted(VENUES[venue].operations)))
    place = data.draw(st.integers(min_value=0, max_value=len(listed)))
    call = listed[:place] + text + listed[place:]

    if call in VENUES[venue].operations:
        return
    with pytest.raises(SignerRefused):
        core.sign(credential, 1, call, {})


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    venue=VENUE,
    name=st.one_of(st.sampled_from(sorted(PARAMETERS)), st.text(min_size=1, max_size=30)),
    value=st.text(max_size=60),
)
def test_no_parameter_is_smuggled_into_a_listed_call(data: st.DataObject, venue: str, name: str, value: str) -> None:
    core, credential = core_and_key(venue)
    call = data.draw(st.sampled_from(sorted(VENUES[venue].operations)))
    if name in VENUES[venue].operations[call].parameters:
        return

    with pytest.raises(SignerRefused) as refused:
        core.sign(credential, 1, call, {name: value})

    assert refused.value.code == "parameter"
    assert value not in str(refused.value) or value in f"{call} {name}" or len(value) < 12


@pytest.mark.parametrize("venue", sorted(VENUES))
@pytest.mark.parametrize("other", sorted(VENUES))
def test_no_key_signs_another_venues_calls(venue: str, other: str) -> None:
    core, credential = core_and_key(venue)

    for call in VENUES[other].operations.keys() - VENUES[venue].operations.keys():
        with pytest.raises(SignerRefused):
            core.sign(credential, 1, call, {})


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_no_listed_call_is_signed_with_what_belongs_elsewhere(venue: str) -> None:
    core, credential = core_and_key(venue)
    elsewhere = Environment.LIVE if credential.environment is Environment.SANDBOX else Environment.SANDBOX
    operations = VENUES[venue].operations
    stamp = {"timestamp": str(NOW_NS // 1_000_000), "recvWindow": "5000"}
    read = READS[venue]
    told = {name: value for name, value in stamp.items() if name in operations[read].parameters}

    core.sign(credential, 7, read, told)
    for moved, fence in (
        (replace(credential, account_id=AccountId("somebody-else")), 7),
        (replace(credential, credential_id=CredentialId("another")), 7),
        (replace(credential, environment=elsewhere), 7),
        (replace(credential, revision=2), 7),
        (credential, 6),
    ):
        with pytest.raises(SignerRefused) as refused:
            core.sign(moved, fence, read, told)
        assert refused.value.code in {"broken_seal", "stale_revision", "stale_fence"}

    assert (core.counters.signed, core.counters.refused) == (1, 5)


def test_a_signer_that_changes_the_master_key_signs_nothing() -> None:
    _, credential = core_and_key("kraken")
    moving = SigningCore(MASTER_KEY, lambda: NOW_NS, None, bytes(range(1, 33)))

    with pytest.raises(SignerRefused) as refused:
        moving.sign(credential, 1, "Balance", {})

    assert refused.value.code == "moving"
