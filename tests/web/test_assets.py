"""The browser libraries: pinned by hash, from no named place, and all there."""

import json
import re
from pathlib import Path

from jarvis.web.render import ASSETS

ROOT = Path(__file__).resolve().parents[2]
OURS = [path for path in ASSETS.rglob("*") if path.is_file() and "vendor" not in path.parts]


def test_the_lock_pins_every_package_by_hash_and_names_no_registry() -> None:
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}

    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "resolved" not in text
    assert "://" not in text


def test_what_our_scripts_import_is_there() -> None:
    for path in OURS:
        if path.suffix == ".js":
            for wanted in re.findall(r'from "([^"]+)"', path.read_text(encoding="utf-8")):
                assert (path.parent / wanted).is_file(), f"{path.name} wants {wanted}; run scripts/assets.py"


def test_our_assets_name_no_outside_address() -> None:
    for path in OURS:
        found = set(re.findall(r"https?://[^\s\"')]+", path.read_text(encoding="utf-8")))

        assert found <= {"http://www.w3.org/2000/svg"}, path.name
