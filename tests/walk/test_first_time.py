"""The whole way of somebody who has never made a key, at each venue's sandbox, from the home page to an armed account.

The machine's own time is measured and printed: what is left of ten minutes is the person's for reading and thinking.
"""

from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from playwright.async_api import expect

from tests.system.installation import installed
from tests.walk.connecting import (
    WAYS,
    VenueWay,
    add_a_second_factor,
    be_accepted,
    be_refused,
    begin,
    boxes_of_the_guide,
    make_key,
    open_the_venue,
    paste,
    read_the_guide,
    sign_up_and_in,
)
from tests.walk.visitor import Visitor, chromium
from tests.web.test_browser import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EMAIL = "grace@example.org"
PASSWORD = "three green lanterns at dusk"
TEN_MINUTES = 600


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_somebody_who_has_never_made_a_key_is_armed_within_ten_minutes(way: VenueWay, tmp_path: Path) -> None:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    async with installed(tmp_path / "here", rate=60) as installation, chromium() as browser:
        installation.wishes = replace(installation.wishes, venues=(way.name,))
        await installation.start_signer_and_sandbox()
        origin = await installation.start_web()
        await installation.start_worker()
        person = await Visitor.arriving(browser, (origin, installation.given.sandbox_address))
        page = await person.context.new_page()
        began = monotonic()

        await sign_up_and_in(person, page, origin, EMAIL, PASSWORD)
        await begin(person, page, way)
        await add_a_second_factor(person, page, PASSWORD, way)
        boxes = await boxes_of_the_guide(page)
        await read_the_guide(person, page, way, boxes)
        venue = await open_the_venue(person, page, way)
        await page.get_by_role("button", name="I have made the key").click()
        await paste(page, way, await make_key(person, venue, way, "careless", boxes, way.wrong))
        await be_refused(person, page, way)
        await paste(page, way, await make_key(person, venue, way, "Jarvis", boxes))
        await be_accepted(person, page, way, boxes)
        await page.get_by_role("button", name="Arm trading").click()
        await expect(page.get_by_role("heading", name=f"{way.title} is armed")).to_be_visible()
        took = monotonic() - began
        await person.looks(page, f"{way.name}-armed")
        account = await installation.account()

    print(f"{way.name}: from the home page to an armed account in {took:.1f} s")  # noqa: T201 - a measurement
    assert took < TEN_MINUTES
    assert account.is_armed
    assert {str(line.pair) for line in account.assignments} == {str(pair) for pair in account.limits.allowed_pairs}
    assert account.limits.leverage_cap == 2
