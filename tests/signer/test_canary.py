import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.signer.canary import scan
from tests.signer.inprocess import made_up_key

KEY, SECRET = made_up_key("canary")
RAW = SECRET.encode()

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda raw: raw,
    "a piece": lambda raw: raw[31:43],
    "hex": lambda raw: raw.hex().encode(),
    "upper hex": lambda raw: raw.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 shifted by one": lambda raw: base64.b64encode(b"x" + raw + b"yz"),
    "base64 shifted by two": lambda raw: base64.b64encode(b"xy" + raw + b"z"),
    "urlsafe base64": base64.urlsafe_b64encode,
    "URL": lambda raw: quote(raw, safe="").encode(),
    "form": lambda raw: quote_plus(raw.decode()).lower().encode(),
    "JSON": lambda raw: json.dumps({"a": raw.decode()}).encode(),
    "JSON with escaped slashes": lambda raw: json.dumps(raw.decode()).replace("/", "\\/").encode(),
    "JSON with escaped signs": lambda raw: raw.replace(b"+", b"\\u002b").replace(b"/", b"\\u002f").replace(b"=", b""),
    "UTF-16 LE": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-16 BE": lambda raw: raw.decode().encode("utf-16-be"),
    "UTF-32": lambda raw: raw.decode().encode("utf-32-le"),
    "decoded": base64.b64decode,
    "decoded hex": lambda raw: base64.b64decode(raw).hex().encode(),
    "a third of it": lambda raw: raw.hex()[40:100].encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_spelling_of_the_list(form: str) -> None:
    leak = b"before " * 50 + FORMS[form](RAW) + b" after" * 50

    found = scan([leak], {"private key": SECRET})

    assert found
    assert {finding.secret for finding in found} == {"private key"}


def test_a_secret_is_found_in_a_file_below_a_folder_and_in_a_file_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file.log").write_bytes(b"\x00" + RAW)
    (tmp_path / quote(KEY, safe="")).touch()

    found = scan([tmp_path], {"key": KEY, "private key": SECRET})

    assert {finding.secret for finding in found} == {"key", "private key"}


def test_another_secret_and_ordinary_text_are_not_findings(tmp_path: Path) -> None:
    _, other = made_up_key("another")
    (tmp_path / "file").write_text(other, encoding="utf-8")

    found = scan([tmp_path, other, b"nothing here", "password password"], {"key": KEY, "private key": SECRET})

    assert not found


def test_a_finding_does_not_repeat_the_secret() -> None:
    found = scan([RAW], {"private key": SECRET})

    assert not scan([repr(found)], {"private key": SECRET})
