import base64
import gc
import hashlib
import hmac
import itertools
import json
import sys
import traceback
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, VenueName
from jarvis.signer.core import NONCE_BLOCK, SigningCore
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.signer.records import SignedCall
from tests.signer.canary import scan
from tests.signer.inprocess import MASTER_KEY, WIDE, made_up_key
from tests.signer.test_operations import ENTRY, FORBIDDEN, STOP

KEY, SECRET = made_up_key("core")
SECRETS: dict[str, str | bytes] = {"private key": SECRET, "master key": MASTER_KEY}
START_NS = 1_763_842_000_000_000_000


class Wall:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START_NS

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def open_core(wall: Wall, tmp_path: Path) -> Iterator[Callable[[], SigningCore]]:
    """Opens the core on the same state again and again, as after a crash: the earlier one ends."""
    opened: list[SigningCore] = []

    def again() -> SigningCore:
        for core in opened:
            core.close()
        opened.append(SigningCore(MASTER_KEY, wall, tmp_path))
        return opened[-1]

    yield again
    for core in opened:
        core.close()


@pytest.fixture
def core(open_core: Callable[[], SigningCore]) -> SigningCore:
    return open_core()


def credential_in(core: SigningCore, account: str = "ada", api_key: str = KEY, secret: str = SECRET) -> Credential:
    sealed = core.seal(
        account_id=account,
        venue="kraken",
        credential_id=f"{account}-1",
        environment=Environment.LIVE,
        api_key=api_key,
        secret=secret,
    )
    row = Credential(AccountId(account), VenueName("kraken"), CredentialId(f"{account}-1"), Environment.LIVE, sealed)
    return replace(row, policy=core.seal_policy(row, WIDE))


def nonce_of(call: SignedCall) -> int:
    return int(parse_qs(call.body.decode())["nonce"][0])


def expected_signature(call: SignedCall) -> str:
    message = call.path.encode() + hashlib.sha256(str(nonce_of(call)).encode() + call.body).digest()
    return base64.b64encode(hmac.digest(base64.b64decode(SECRET), message, "sha512")).decode()


def audit_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("audit-*")) for line in path.read_text().splitlines()]


def test_a_signed_call_verifies_with_the_secret(core: SigningCore) -> None:
    call = core.sign(credential_in(core), 1, "AddOrder", ENTRY)

    fields = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
    assert call.headers["API-Sign"] == expected_signature(call)
    assert call.headers["API-Key"] == KEY
    assert (call.method, call.path) == ("POST", "/0/private/AddOrder")
    assert fields == {**ENTRY, "nonce": str(START_NS // 1000)}


@pytest.mark.parametrize("operation", FORBIDDEN)
def test_a_withdrawal_or_transfer_is_refused_counted_and_told(
    operation: str, core: SigningCore, tmp_path: Path
) -> None:
    credential = credential_in(core)

    with pytest.raises(SignerRefused) as refusal:
        core.sign(credential, 1, operation, FORBIDDEN[operation])

    last = audit_in(tmp_path)[-1]
    assert isinstance(refusal.value, PermissionError)
    assert core.counters.security_events == 1
    assert (last["outcome"], last["code"], last["security"]) == ("refused", "operation", True)


def test_a_lower_fence_is_refused_for_that_account_only(core: SigningCore) -> None:
    ada, bob = credential_in(core, "ada"), credential_in(core, "bob")
    core.sign(ada, 7, "Balance", {})

    with pytest.raises(SignerRefused) as refusal:
        core.sign(ada, 6, "AddOrder", STOP)

    assert refusal.value.code == "stale_fence"
    core.sign(ada, 7, "Balance", {})
    core.sign(ada, 8, "Balance", {})
    core.sign(bob, 1, "Balance", {})
    assert core.counters.signed == 4


def test_a_fence_outlives_the_signer(open_core: Callable[[], SigningCore]) -> None:
    first = open_core()
    credential = credential_in(first)
    first.sign(credential, 7, "Balance", {})

    second = open_core()

    with pytest.raises(SignerRefused, match="taken over"):
        second.sign(credential, 6, "Balance", {})
    second.sign(credential, 7, "Balance", {})
    assert second.counters.signed == 1


def test_a_credential_that_does_not_open_raises_no_fence(core: SigningCore) -> None:
    ada, bob = credential_in(core, "ada"), credential_in(core, "bob")

    with pytest.raises(SignerRefused):
        core.sign(replace(bob, account_id=AccountId("ada")), 100, "Balance", {})

    core.sign(ada, 1, "Balance", {})
    assert core.counters.signed == 1


def test_a_moved_seal_is_a_security_event(core: SigningCore, tmp_path: Path) -> None:
    credential = credential_in(core)

    with pytest.raises(SignerRefused) as refusal:
        core.sign(replace(credential, account_id=AccountId("bob")), 1, "Balance", {})
    with pytest.raises(SignerRefused):
        core.identify(replace(credential, environment=Environment.SANDBOX))
    with pytest.raises(SignerRefused):
        core.sign(replace(credential, revision=2), 1, "Balance", {})

    assert refusal.value.code == "broken_seal"
    assert core.counters.security_events == 3
    assert [line["code"] for line in audit_in(tmp_path) if line.get("security")] == [
        "broken_seal",
        "broken_seal",
        "stale_revision",
    ]


@given(steps=st.lists(st.one_of(st.integers(-(10**10), 10**10), st.just("restart")), max_size=60))
def test_nonces_rise_whatever_the_clock_and_the_process_do(
    steps: list[int | str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    wall, folder = Wall(), tmp_path_factory.mktemp("state")
    core = SigningCore(MASTER_KEY, wall, folder)
    credential = credential_in(core)
    nonces = [nonce_of(core.sign(credential, 1, "Balance", {}))]

    for step in steps:
        if step == "restart":
            core.close()
            core = SigningCore(MASTER_KEY, wall, folder)
        else:
            wall.now += int(step)
        nonces.append(nonce_of(core.sign(credential, 1, "Balance", {})))

    core.close()
    assert all(before < after for before, after in itertools.pairwise(nonces))
    assert all(nonce < 1 << 64 for nonce in nonces)


def test_the_same_key_sealed_twice_shares_its_nonces(core: SigningCore, wall: Wall) -> None:
    first, second = credential_in(core, "ada"), credential_in(core, "bob")
    wall.now += 1_000_000_000
    one = nonce_of(core.sign(first, 1, "Balance", {}))
    wall.now -= 1_000_000_000

    other = nonce_of(core.sign(second, 1, "Balance", {}))

    assert other == one + 1


def test_each_key_has_nonces_of_its_own_by_its_fingerprint(core: SigningCore, tmp_path: Path) -> None:
    mine = credential_in(core)
    again = credential_in(core, "bob")
    others = credential_in(core, "eve", *made_up_key("eve"))

    for credential in (mine, others, again, others, mine):
        core.sign(credential, 1, "Balance", {})

    marks = [json.loads(line) for line in (tmp_path / "marks.jsonl").read_text().splitlines()]
    named = [name for kind, name, _ in marks if kind == "nonce"]
    assert named == [core.identify(mine).fingerprint, core.identify(others).fingerprint]


def test_a_nonce_is_the_wall_clock_in_microseconds_when_it_can_be(core: SigningCore, wall: Wall) -> None:
    credential = credential_in(core)

    first = nonce_of(core.sign(credential, 1, "Balance", {}))
    wall.now += 5_000_000
    second = nonce_of(core.sign(credential, 1, "Balance", {}))

    assert (first, second) == (START_NS // 1000, START_NS // 1000 + 5000)


def test_a_block_of_nonces_is_reserved_by_one_write(core: SigningCore, wall: Wall, tmp_path: Path) -> None:
    credential = credential_in(core)
    core.sign(credential, 1, "Balance", {})
    size = (tmp_path / "marks.jsonl").stat().st_size

    for _ in range(100):
        core.sign(credential, 1, "Balance", {})
    same = (tmp_path / "marks.jsonl").stat().st_size
    wall.now += NONCE_BLOCK * 1000 + 1_000_000
    core.sign(credential, 1, "Balance", {})

    assert same == size
    assert (tmp_path / "marks.jsonl").stat().st_size > size


def test_every_signature_has_one_line_of_audit_that_says_who_what_and_how_much(
    core: SigningCore, tmp_path: Path
) -> None:
    credential = credential_in(core)
    core.sign(credential, 4, "AddOrder", STOP)
    core.sign(credential, 4, "BalanceEx", {})
    with pytest.raises(SignerRefused):
        core.sign(credential, 4, "AddOrder", {**STOP, "volume": "x"})

    sealed, _, order, read, refused = audit_in(tmp_path)

    assert (sealed["do"], sealed["outcome"]) == ("seal", "sealed")
    assert order == {
        "at": "2025-11-22T20:06:40+00:00",
        "do": "sign",
        "account": "ada",
        "credential": "ada-1",
        "venue": "kraken",
        "environment": "live",
        "operation": "AddOrder",
        "fence": 4,
        "pair": "XXBTZUSD",
        "type": "sell",
        "ordertype": "stop-loss",
        "volume": "0.0005",
        "price": "37500.1",
        "leverage": "10",
        "reduce_only": "true",
        "cl_ord_id": "jvA0000001",
        "outcome": "signed",
    }
    assert (read["operation"], read["outcome"]) == ("BalanceEx", "signed")
    assert (refused["operation"], refused["outcome"], refused["code"]) == ("AddOrder", "refused", "parameter")
    assert (core.counters.signed, core.counters.refused) == (2, 1)


@pytest.mark.parametrize("later_ns", [0, 1_000, 999_999_999, 1_000_000_000, 1_000_123_999, -1_000_000, -86_400 * 10**9])
def test_the_audit_says_when_to_the_microsecond_whatever_the_clock_does(
    later_ns: int, core: SigningCore, wall: Wall, tmp_path: Path
) -> None:
    credential = credential_in(core)
    begun = datetime.fromisoformat(audit_in(tmp_path)[0]["at"])
    wall.now += later_ns
    core.sign(credential, 1, "Balance", {})

    told = {line["do"]: line["at"] for line in audit_in(tmp_path)}

    assert told["sign"] == (begun + timedelta(microseconds=later_ns // 1000)).isoformat()


def test_the_audit_starts_a_file_each_day_and_is_private(core: SigningCore, wall: Wall, tmp_path: Path) -> None:
    credential = credential_in(core)
    wall.now += 86_400 * 10**9
    core.sign(credential, 1, "Balance", {})

    files = sorted(tmp_path.glob("audit-*"))

    assert [path.name for path in files] == ["audit-2025-11-22.jsonl", "audit-2025-11-23.jsonl"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def fill() -> None:
        def no_space(_descriptor: int, _content: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.write", no_space)

    return fill


def test_with_a_full_disk_exits_are_signed_and_entries_are_not(
    core: SigningCore, full_disk: Callable[[], None]
) -> None:
    credential = credential_in(core)
    full_disk()

    with pytest.raises(SignerUnavailable) as refusal:
        core.sign(credential, 1, "AddOrder", ENTRY)

    assert isinstance(refusal.value, ConnectionError)
    for operation, parameters in (("AddOrder", STOP), ("CancelOrder", {"cl_ord_id": "jvA0000001"}), ("BalanceEx", {})):
        assert core.sign(credential, 1, operation, parameters).body
    with pytest.raises(SignerUnavailable):
        core.sign(credential, 1, "AddOrder", ENTRY)


def test_with_a_full_disk_nonces_and_fences_still_only_rise(
    core: SigningCore, wall: Wall, full_disk: Callable[[], None]
) -> None:
    credential = credential_in(core)
    full_disk()

    first = nonce_of(core.sign(credential, 5, "Balance", {}))
    wall.now -= 10**12
    second = nonce_of(core.sign(credential, 5, "Balance", {}))

    assert second == first + 1
    with pytest.raises(SignerRefused, match="taken over"):
        core.sign(credential, 4, "Balance", {})


def test_an_entry_waits_until_fence_and_nonces_are_durable_again(
    core: SigningCore, open_core: Callable[[], SigningCore], monkeypatch: pytest.MonkeyPatch, wall: Wall
) -> None:
    credential = credential_in(core)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda _descriptor, _content: 0)
        core.sign(credential, 9, "AddOrder", STOP)

    entry = nonce_of(core.sign(credential, 9, "AddOrder", ENTRY))
    wall.now -= 10**12
    again = open_core()

    assert nonce_of(again.sign(credential, 9, "Balance", {})) > entry
    with pytest.raises(SignerRefused, match="taken over"):
        again.sign(credential, 8, "Balance", {})


def test_a_key_cannot_be_sealed_without_a_line_of_audit(core: SigningCore, full_disk: Callable[[], None]) -> None:
    full_disk()

    with pytest.raises(SignerUnavailable):
        credential_in(core)


def test_pasted_blanks_and_line_ends_are_not_part_of_a_key(core: SigningCore) -> None:
    credential = credential_in(core, api_key=f"  {KEY[:20]}\n{KEY[20:]}\r\n", secret=f"\t{SECRET} ")

    call = core.sign(credential, 1, "Balance", {})

    assert call.headers["API-Key"] == KEY
    assert call.headers["API-Sign"] == expected_signature(call)


def test_only_the_ends_of_a_key_are_shown(core: SigningCore) -> None:
    identity = core.identify(credential_in(core))

    assert identity.public_id == f"{KEY[:4]}…{KEY[-4:]}"
    assert not scan([repr(identity)], {**SECRETS, "key": KEY})


def test_one_key_has_one_fingerprint_wherever_it_is_sealed(core: SigningCore) -> None:
    other_key, other_secret = made_up_key("another")
    credentials = [
        credential_in(core, "ada"),
        credential_in(core, "bob"),
        credential_in(core, "eve", other_key, other_secret),
    ]

    ada, bob, eve = [core.identify(credential).fingerprint for credential in credentials]

    assert ada == bob != eve


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"venue": "coinbase"}, "venue"),
        ({"account_id": ""}, "malformed"),
        ({"account_id": "x" * 201}, "malformed"),
        ({"credential_id": ""}, "malformed"),
        ({"revision": 0}, "malformed"),
        ({"api_key": SECRET, "secret": KEY}, "swapped"),
        ({"secret": KEY}, "malformed_secret"),
    ],
)
def test_what_cannot_be_sealed_is_refused_and_noted(
    change: dict[str, Any], code: str, core: SigningCore, tmp_path: Path
) -> None:
    wish = {
        "account_id": "ada",
        "venue": "kraken",
        "credential_id": "c",
        "environment": Environment.LIVE,
        "api_key": KEY,
        "secret": SECRET,
    }

    with pytest.raises((SignerRefused, InvalidSecret)) as refusal:
        core.seal(**{**wish, **change})

    (line,) = audit_in(tmp_path)
    assert isinstance(refusal.value, SignerRefused | InvalidSecret)
    assert refusal.value.code == code
    assert (line["do"], line["outcome"], line["code"]) == ("seal", "refused", code)
    assert not scan([tmp_path, repr(refusal.value)], {**SECRETS, "key": KEY})


def referenced(needles: dict[str, bytes], own: set[int]) -> list[str]:
    """The kinds of all objects that hold one of the needles, wherever the garbage collector can go."""
    found: list[str] = []
    seen: set[int] = set(own)
    waiting: list[Any] = gc.get_objects()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or type(thing) in weakref.ProxyTypes:
            continue
        seen.add(id(thing))
        match thing:
            case bytes() | bytearray():
                content = bytes(thing)
            case str():
                content = thing.encode("utf-8", errors="surrogatepass")
            case types.FrameType():
                waiting.extend(thing.f_locals.values())
                continue
            case _:
                waiting.extend(gc.get_referents(thing))
                continue
        if len(content) < 5000 and any(needle in content for needle in needles.values()):
            found.append(type(thing).__name__)
    return found


def test_after_a_signature_no_object_holds_the_secret(tmp_path: Path) -> None:
    # The secret is made here, from parts, and nothing of this test keeps it: only the core ever sees it whole.
    def sealed() -> Credential:
        api_key, secret = made_up_key("only seen by the core")
        return credential_in(signing, "ada", api_key, secret)

    def needles() -> dict[str, bytes]:
        _, secret = made_up_key("only seen by the core")
        return {"text": secret[:60].encode(), "decoded": base64.b64decode(secret)[:40]}

    signing = SigningCore(MASTER_KEY, Wall(), tmp_path)
    credential = sealed()
    errors: list[BaseException] = []
    for revision, fence in ((1, 1), (1, 1), (1, 0), (5, 1)):
        try:
            signing.sign(replace(credential, revision=revision), fence, "AddOrder", ENTRY)
        except SignerRefused as error:
            errors.append(error)
    wanted = needles()
    own = {id(value) for value in wanted.values()}

    found = referenced(wanted, own)
    leaked = [bytearray(wanted["text"])]
    found_on_purpose = referenced(wanted, own)

    assert len(errors) == 2
    assert not found
    assert found_on_purpose == ["bytearray"]
    assert leaked
    signing.close()


def test_no_error_line_file_or_representation_holds_a_secret(core: SigningCore, tmp_path: Path) -> None:
    credential = credential_in(core)
    texts = [repr(core), str(core), repr(core.counters), repr(credential)]
    wrong: list[Callable[[], object]] = [
        lambda: core.sign(credential, 1, "Withdraw", {"key": SECRET}),
        lambda: core.sign(credential, 1, SECRET, {}),
        lambda: core.sign(credential, 1, "AddOrder", {**ENTRY, "cl_ord_id": SECRET}),
        lambda: core.sign(credential, 1, "AddOrder", {**ENTRY, SECRET: "1"}),
        lambda: core.sign(replace(credential, sealed=SECRET.encode()), 1, "Balance", {}),
        lambda: credential_in(core, api_key=SECRET, secret=KEY),
        lambda: credential_in(core, api_key=KEY, secret=SECRET + "x"),
    ]

    for attempt in wrong:
        try:
            attempt()
        except (SignerRefused, InvalidSecret):
            kind, error, trace = sys.exc_info()
            assert kind is not None
            texts += ["".join(traceback.format_exception(kind, error, trace)), repr(error)]
        else:
            pytest.fail("accepted")
    core.sign(credential, 1, "AddOrder", STOP)

    assert not scan([tmp_path, *texts], {**SECRETS, "key": KEY})
