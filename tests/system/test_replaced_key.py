"""A key is replaced while its account is served: same account, same books, another key; then it trades on."""

from pathlib import Path
from random import Random

import pytest

from jarvis.cli.demo import PASSPHRASE, VENUE_ACCOUNT, _post
from jarvis.cli.market import starting_limits
from jarvis.cli.wiring import opened_store
from jarvis.domain.account import Environment, VenueName
from jarvis.signer.client import SignerClient
from jarvis.store.records import AccountState
from jarvis.venues.permissions import TABLES
from jarvis.web.connecting.connector import VenueKeyConnector
from tests.system.candles import QUICK, wavy_candles
from tests.system.installation import Installation, get_json, installed, until


async def fills_of(installation: Installation) -> int:
    base = f"{installation.given.sandbox_address}/sandbox/{installation.venue_name}/accounts"
    return len((await get_json(f"{base}/{VENUE_ACCOUNT}"))["fills"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("venue", ["kraken", "okx"])
async def test_a_key_is_replaced_under_a_running_worker(venue: str, tmp_path: Path) -> None:
    candles = wavy_candles(tmp_path / "btc.parquet", minutes=4000)
    async with installed(
        tmp_path / "here", candles=[candles], parameters=QUICK, rate=240.0, venue=venue
    ) as installation:
        await installation.start()
        await until(lambda: _has_fills(installation, 2), seconds=90, what="two fills with the first key")
        former = await installation.account()
        base = f"{installation.given.sandbox_address}/sandbox/{venue}/accounts/{VENUE_ACCOUNT}/keys"
        key = await _post(
            base,
            {"label": "second", "permissions": TABLES[VenueName(venue)].to_tick, "ip_allowlist": ["127.0.0.1"],
             "passphrase": PASSPHRASE},
        )  # fmt: skip
        given = installation.given
        async with opened_store(given) as store, SignerClient(given.signer_socket) as signer:
            connector = VenueKeyConnector(store, signer, sandbox_address=given.sandbox_address, random=Random(1))
            outcome = await connector.connect(
                user_id=former.owner_id, venue=VenueName(venue), environment=Environment.SANDBOX,
                api_key=key["api_key"], secret=key["secret"], passphrase=PASSPHRASE if venue == "okx" else "",
                replacing=former,
            )  # fmt: skip
            account_id = outcome.account_id or await connector.confirm(
                user_id=former.owner_id, pending_id=outcome.pending_id
            )
            assert account_id == former.account_id, outcome.message
            replaced = await store.account(former.owner_id, former.account_id)
            assert replaced is not None
            assert replaced.state is AccountState.DISARMED
            assert replaced.public_id != former.public_id
            assert replaced.assignments == former.assignments
            assert (
                await connector.draw_policy(replaced, starting_limits(sorted(former.limits.allowed_pairs, key=str)))
                == ""
            )
            await store.set_account_state(former.account_id, AccountState.ARMED, "", former.connected_at)
        traded = await fills_of(installation)
        await until(
            lambda: _has_fills(installation, traded + 2), seconds=120, what="two more fills with the second key"
        )
        reconciled = installation.log("worker").count('"event": "reconciled"')

    assert reconciled >= 2, "the trader with the second key has held the venue against the books"


async def _has_fills(installation: Installation, count: int) -> bool:
    return await fills_of(installation) >= count
