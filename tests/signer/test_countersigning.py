from pathlib import Path

import pytest

from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerRefused
from jarvis.signer.records import SealVerdict
from tests.signer.inprocess import MASTER_KEY

HASH, OTHER_HASH = bytes(range(32)), bytes(range(1, 33))


def core_in(folder: Path | None, key: bytes = MASTER_KEY) -> SigningCore:
    return SigningCore(key, lambda: 0, folder)


def test_a_seal_is_good_for_its_line_and_no_other() -> None:
    core = core_in(None)

    seal = core.seal_audit(7, HASH)

    assert core.check_audit_seal(7, HASH, seal) is SealVerdict.GOOD
    assert core.check_audit_seal(8, HASH, seal) is SealVerdict.BAD
    assert core.check_audit_seal(7, OTHER_HASH, seal) is SealVerdict.BAD
    assert core.check_audit_seal(7, HASH, seal[:-1] + b"x") is SealVerdict.BAD
    assert core.check_audit_seal(7, HASH, b"") is SealVerdict.BAD


def test_a_seal_under_a_retired_key_is_neither_good_nor_bad() -> None:
    seal = core_in(None).seal_audit(7, HASH)

    assert core_in(None, bytes(32)).check_audit_seal(7, HASH, seal) is SealVerdict.RETIRED


def test_a_chain_that_got_shorter_is_refused_and_counted_also_after_a_restart(tmp_path: Path) -> None:
    first = core_in(tmp_path)
    first.seal_audit(9, HASH)
    first.seal_audit(9, HASH)
    first.close()
    again = core_in(tmp_path)

    assert again.audit_mark() == 9
    with pytest.raises(SignerRefused) as refused:
        again.seal_audit(8, OTHER_HASH)

    assert refused.value.code == "stale_audit"
    assert again.counters.security_events == 1
    again.close()


@pytest.mark.parametrize(("number", "chain_hash"), [(0, HASH), (1, b"short")])
def test_what_is_no_line_is_refused(number: int, chain_hash: bytes) -> None:
    with pytest.raises(SignerRefused):
        core_in(None).seal_audit(number, chain_hash)
