"""What may be opened with a key: the pairs and the size of one order, under the signer's own seal."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, SigningPolicy, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from jarvis.signer.policy import policy_from
from jarvis.signer.venues import VENUES, binance, bybit, kraken, okx
from tests.signer.inprocess import MASTER_KEY, made_up_key

NOW_NS = 1_750_000_000_000_000_000
NOW_MS = str(NOW_NS // 1_000_000)
BTC, ETH = Pair.parse("BTC/USD"), Pair.parse("ETH/USD")
POLICY = SigningPolicy({BTC: Decimal("0.5"), ETH: Decimal(3)})
ENTRY = {
    "ordertype": "market", "type": "buy", "pair": "XXBTZUSD", "volume": "0.5", "leverage": "10", "cl_ord_id": "jv1",
    "deadline": "2025-06-15T15:06:45Z",
}  # fmt: skip
STOP = {**ENTRY, "ordertype": "stop-loss", "type": "sell", "price": "1000", "reduce_only": "true", "volume": "99"}
OTHER_KEY = bytes(range(1, 33))


@pytest.fixture
def core() -> SigningCore:
    return SigningCore(MASTER_KEY, lambda: NOW_NS, None)


def key(core: SigningCore, account: str = "ada", policy: SigningPolicy | None = POLICY) -> Credential:
    api_key, secret = made_up_key(account)
    sealed = core.seal(
        account_id=account, venue="kraken", credential_id="k", environment=Environment.SANDBOX,
        api_key=api_key, secret=secret,
    )  # fmt: skip
    row = Credential(AccountId(account), VenueName("kraken"), CredentialId("k"), Environment.SANDBOX, sealed)
    return row if policy is None else replace(row, policy=core.seal_policy(row, policy))


def refusal(core: SigningCore, credential: Credential, **changes: str) -> str:
    with pytest.raises(SignerRefused) as refused:
        core.sign(credential, 1, "AddOrder", {**ENTRY, **changes})
    return refused.value.code


def test_an_entry_within_the_policy_is_signed(core: SigningCore) -> None:
    credential = key(core)

    assert core.sign(credential, 1, "AddOrder", ENTRY).path == "/0/private/AddOrder"
    assert core.sign(credential, 1, "AddOrder", {**ENTRY, "pair": "XETHZUSD", "volume": "3"}).body


@pytest.mark.parametrize("changes", [{"volume": "0.50000001"}, {"pair": "SOLUSD"}, {"pair": "XETHZUSD", "volume": "4"}])
def test_a_larger_one_or_one_of_another_pair_is_not(core: SigningCore, changes: dict[str, str]) -> None:
    assert refusal(core, key(core), **changes) == "policy"


def test_without_a_policy_nothing_is_opened_and_everything_else_goes_on(core: SigningCore) -> None:
    credential = key(core, policy=None)

    assert refusal(core, credential) == "policy"
    for operation, parameters in (
        ("AddOrder", STOP),
        ("AddOrder", {**ENTRY, "validate": "true"}),
        ("CancelOrder", {"cl_ord_id": "jv1"}),
        ("Balance", {}),
    ):
        assert core.sign(credential, 1, operation, parameters).body


def test_an_exit_is_signed_whatever_its_size_and_whatever_became_of_the_policy(core: SigningCore) -> None:
    for broken in (b"nonsense", b"", None):
        assert core.sign(replace(key(core), policy=broken), 1, "AddOrder", STOP).body


def test_an_earlier_policy_is_refused_once_there_is_a_later_one(core: SigningCore) -> None:
    former = key(core)
    later = replace(former, policy=core.seal_policy(former, SigningPolicy({BTC: Decimal("0.1")})))

    assert refusal(core, former) == "policy"
    assert refusal(core, later) == "policy"
    assert core.sign(later, 1, "AddOrder", {**ENTRY, "volume": "0.1"}).body


def test_it_is_remembered_over_a_restart_that_there_was_a_later_one(tmp_path: Path) -> None:
    first = SigningCore(MASTER_KEY, lambda: NOW_NS, tmp_path)
    former = key(first)
    first.seal_policy(former, SigningPolicy({}))
    first.close()
    again = SigningCore(MASTER_KEY, lambda: NOW_NS, tmp_path)

    assert refusal(again, former) == "policy"
    again.close()


def test_another_accounts_policy_and_a_changed_one_are_security_events(core: SigningCore) -> None:
    mine, anothers = key(core), key(core, "mallory", SigningPolicy({BTC: Decimal(1000)}))
    assert mine.policy is not None

    assert refusal(core, replace(mine, policy=anothers.policy)) == "wrong_binding"
    assert refusal(core, replace(mine, policy=mine.policy[:-2] + b"AA")) == "broken_seal"
    assert core.counters.security_events == 2


@given(place=st.integers(min_value=0, max_value=10_000), flip=st.integers(min_value=1, max_value=255))
def test_no_bit_of_it_can_be_changed(place: int, flip: int) -> None:
    core = SigningCore(MASTER_KEY, lambda: NOW_NS, None)
    credential = key(core)
    assert credential.policy is not None
    changed = bytearray(credential.policy)
    changed[place % len(changed)] ^= flip

    assert refusal(core, replace(credential, policy=bytes(changed))) in {"broken_seal", "wrong_master_key"}


def test_a_policy_goes_with_the_key_to_the_next_master_key() -> None:
    before = SigningCore(MASTER_KEY, lambda: NOW_NS, None)
    credential = key(before)
    changing = SigningCore(MASTER_KEY, lambda: NOW_NS, None, OTHER_KEY)
    policy = changing.reseal_policy(credential)
    sealed, _ = changing.reseal(credential)
    moved = replace(credential, sealed=sealed, policy=policy)

    assert changing.reseal_policy(replace(credential, policy=policy)) == policy
    after = SigningCore(OTHER_KEY, lambda: NOW_NS, None)
    assert after.sign(moved, 1, "AddOrder", ENTRY).body
    assert refusal(after, moved, volume="0.6") == "policy"
    with pytest.raises(SignerRefused):
        before.sign(replace(moved, sealed=credential.sealed), 1, "AddOrder", ENTRY)


@pytest.mark.parametrize("told", [{"BTC/USD": "-1"}, {"BTC/USD": "NaN"}, {"nonsense": "1"}, {"BTC/USD": ["1"]}])
def test_what_is_no_policy_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(SignerRefused):
        policy_from(told)


def pair(base: str, quote: str) -> Pair:
    return Pair(Asset(base), Asset(quote))


@pytest.mark.parametrize("name", sorted(kraken.PAIRS))
def test_every_spelling_of_krakens_pairs_is_known(name: str) -> None:
    found, quantity = kraken.opened_by({"pair": name, "volume": "2"})

    assert found.quote == Asset("USD")
    assert str(found.base) in {"BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB"}
    assert quantity == 2


def test_orders_of_the_other_venues_say_what_they_open() -> None:
    assert binance.opened_by({"symbol": "DOGEUSDT", "quantity": "5"}) == (pair("DOGE", "USDT"), Decimal(5))
    assert okx.opened_by({"instId": "LINK-USDT", "sz": "1.5"}) == (pair("LINK", "USDT"), Decimal("1.5"))
    assert bybit.opened_by({"symbol": "BTCUSDT", "qty": "0.1"}) == (pair("BTC", "USDT"), Decimal("0.1"))
    assert {venue.opened_by.__module__.rpartition(".")[2] for venue in VENUES.values()} == set(VENUES)
