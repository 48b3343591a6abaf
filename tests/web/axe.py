"""What axe finds on a page that is open in a real browser."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"


LAYOUT = ("color-contrast", "scrollable-region-focusable", "target-size", "link-in-text-block")
"""The rules whose answer changes with the size and the colours of a page."""


def violations(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Each rule that the page breaks, with the elements that do. Skips the test where axe-core is not installed.

    Asks all rules, or only those given.
    """
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci)")
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        """(rules) => axe.run(document, {resultTypes: ["violations"], ...(rules.length ? {runOnly: rules} : {})})
            .then((said) => said.violations)""",
        list(rules),
    )
    return [f"{rule['id']}: {', '.join(node['html'] for node in rule['nodes'])}" for rule in found]
