"""How a key becomes a connected account, for real: seal first, ask the venue, judge, probe, store.

The plain key is handed to the signer before anything else happens and is not held here: the venue is asked through
the signer, with the sealed key. A key that is refused leaves nothing behind but a line in the signer's audit.
"""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import structlog

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, UserId, VenueName
from jarvis.domain.clock import Clock
from jarvis.domain.people import AuditEntry
from jarvis.market.clock import WallClock, watched_sandbox_clock
from jarvis.signer.client import SignerClient
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.store.db import Store
from jarvis.store.errors import KeyAlreadyConnected
from jarvis.store.records import TradingAccount
from jarvis.trading.bands import signing_policy
from jarvis.trading.limits import Limits
from jarvis.venues.base import KeyInvalid, KeyUnknown, NotPermitted, Venue, VenueError
from jarvis.venues.catalog import VENUES, VenueEntry, open_venue, sandbox_urls
from jarvis.venues.eligibility import Eligibility, find_margin
from jarvis.venues.permissions import Need, Outcome, Verdict, judge
from jarvis.venues.session import NetworkTransport, VenueUrls
from jarvis.web.connect import ConnectOutcome, MarginOffer, PermissionLine

log = structlog.get_logger()

CONFIRM_WITHIN = timedelta(minutes=15)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sealed key that was judged good; waits for its risks to be confirmed, or is stored at once."""

    user_id: UserId
    credential: Credential
    fingerprint: str
    label: str
    public_id: str
    verdict: Verdict
    eligibility: Eligibility
    execution_venue: str
    venue_time: datetime
    judged_at: datetime
    replaces: bool


class VenueKeyConnector:
    """Judges, seals and stores venue keys. `sandbox_address` is None where no sandbox runs."""

    def __init__(self, store: Store, signer: SignerClient, *, sandbox_address: str | None, random: Random) -> None:
        self._store = store
        self._signer = signer
        self._sandbox_address = sandbox_address
        self._random = random
        self._pending: dict[str, _Candidate] = {}

    async def connect(
        self,
        *,
        user_id: UserId,
        venue: VenueName,
        environment: Environment,
        api_key: str,
        secret: str,
        passphrase: str = "",
        execution_venue: str = "",
        noted: AuditEntry | None = None,
        replacing: TradingAccount | None = None,
    ) -> ConnectOutcome:
        """Ask the venue what the key may do; seal and store it only when it is accepted."""
        account_id, credential_id = AccountId(secrets.token_hex(10)), CredentialId(secrets.token_hex(10))
        if replacing is not None:
            account_id, execution_venue = replacing.account_id, replacing.execution_venue
        title = VENUES[venue].title
        try:
            sealed = await self._signer.seal(
                account_id=account_id,
                venue=venue,
                credential_id=credential_id,
                environment=environment,
                api_key=api_key,
                secret=secret,
                passphrase=passphrase or None,
            )
            credential = Credential(account_id, venue, credential_id, environment, sealed)
            return await self._ask(user_id, credential, execution_venue, noted)
        except InvalidSecret as error:
            return ConnectOutcome(venue, "key_invalid", str(error), environment)
        except (KeyInvalid, NotPermitted) as error:
            words = f"{title} did not accept this key ({error}). Check that every value is complete."
            return ConnectOutcome(venue, "key_invalid", words, environment)
        except (VenueError, SignerRefused, SignerUnavailable, ConnectionError, TimeoutError, LookupError) as error:
            log.warning("key_not_checked", venue=venue, environment=environment.value, reason=str(error))
            words = f"{title} could not be asked ({error}). Nothing was stored; try again in a moment."
            return ConnectOutcome(venue, "unreachable", words, environment)

    async def _ask(
        self, user_id: UserId, credential: Credential, chosen: str, noted: AuditEntry | None
    ) -> ConnectOutcome:
        """The verdict of the execution venue that was chosen, or of the first address that knows the key."""
        entry = VENUES[credential.venue]
        candidates = [chosen] if chosen else _at_different_addresses(entry)
        for execution_venue in candidates:
            try:
                async with self._opened(credential, execution_venue) as opened:
                    return await self._judge(user_id, credential, opened, noted)
            except KeyUnknown:
                if execution_venue == candidates[-1]:
                    raise
        raise ValueError(f"{entry.title} has no execution venue")

    async def confirm(self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None) -> AccountId | None:
        """Store the key that waited for this confirmation; None when it does not wait any more."""
        self._forget_the_old()
        candidate = self._pending.get(pending_id)
        if candidate is None or candidate.user_id != user_id:
            return None
        del self._pending[pending_id]
        return await self._store_candidate(candidate, noted)

    async def draw_policy(self, account: TradingAccount, limits: Limits) -> str:
        """Have the signer allow what these limits may ask for at most; why that could not be done, empty if it was.

        Equity is what the account's trader read last, if one ever did.
        """
        credential = account.credential
        if credential is None:
            return "This key is disconnected. Connect one first."
        title = VENUES[account.venue].title
        try:
            overview = await self._store.overview(account.owner_id, account.account_id)
            async with self._opened(credential, account.execution_venue) as venue:
                known = None if overview is None else overview.margin
                equity = (known or await venue.margin_state()).equity
                prices = {pair: (await venue.bars(pair, _MINUTE))[-1].close for pair in limits.allowed_pairs}
            policy = signing_policy(limits, equity, prices, VENUES[account.venue].leverage_caps)
            sealed = await self._signer.seal_policy(credential, policy)
        except (VenueError, SignerRefused, SignerUnavailable, ConnectionError, TimeoutError, LookupError) as error:
            log.warning("policy_not_drawn", account=account.account_id, reason=str(error))
            return f"{title} could not be asked for prices ({error}). Nothing was changed; try again in a moment."
        await self._store.save_policy(credential, sealed)
        return ""

    async def _judge(
        self, user_id: UserId, credential: Credential, venue: Venue, noted: AuditEntry | None
    ) -> ConnectOutcome:
        venue_time = await venue.server_time()
        permissions = await venue.key_permissions()
        verdict = judge(credential.venue, permissions, venue_time)
        environment = credential.environment
        rows = tuple(
            PermissionLine(
                label=row.label.partition(": ")[2] or row.label,
                needed=row.needed is Need.REQUIRED,
                granted=row.granted,
                advice=row.advice,
                group=row.label.partition(": ")[0] if ": " in row.label else "",
            )
            for row in verdict.rows
        )
        if verdict.outcome in (Outcome.REFUSED, Outcome.INCOMPLETE):
            log.info("key_refused", venue=venue.name, outcome=verdict.outcome.value)
            words = "Nothing was stored. " + " ".join(verdict.advice)
            return ConnectOutcome(venue.name, verdict.outcome.value, words, environment, rows, verdict.risks)
        eligibility = await find_margin(venue, VENUES[credential.venue].leverage_caps)
        offer = MarginOffer(eligibility.message, tuple(eligibility.max_leverage.items()))
        if eligibility.execution_venue is None:
            words = f"Nothing was stored. {eligibility.message}"
            return ConnectOutcome(venue.name, Outcome.INCOMPLETE.value, words, environment, rows, verdict.risks, offer)
        identity = await self._signer.identify(credential)
        candidate = _Candidate(
            user_id=user_id,
            credential=credential,
            fingerprint=identity.fingerprint,
            label=permissions.label,
            public_id=identity.public_id,
            verdict=verdict,
            eligibility=eligibility,
            execution_venue=eligibility.execution_venue,
            venue_time=venue_time,
            judged_at=datetime.now(UTC),
            replaces=await self._store.account(user_id, credential.account_id) is not None,
        )
        if verdict.outcome is Outcome.ACCEPTED_WITH_RISK:
            self._forget_the_old()
            pending_id = secrets.token_urlsafe(16)
            self._pending[pending_id] = candidate
            words = "The key is good. Read what remains possible, and confirm it once."
            return ConnectOutcome(
                venue.name, verdict.outcome.value, words, environment, rows, verdict.risks, offer, pending_id=pending_id
            )
        account_id = await self._store_candidate(candidate, noted)
        if account_id is None:
            return ConnectOutcome(
                venue.name, "known", "This key is connected already.", environment, rows, eligibility=offer
            )
        return ConnectOutcome(
            venue.name,
            verdict.outcome.value,
            "The key is connected.",
            environment,
            rows,
            eligibility=offer,
            account_id=account_id,
        )

    async def _store_candidate(self, candidate: _Candidate, noted: AuditEntry | None) -> AccountId | None:
        record = {
            **candidate.verdict.told(),
            "margin": candidate.eligibility.message,
            "leverages": {str(pair): leverage for pair, leverage in candidate.eligibility.max_leverage.items()},
        }
        try:
            if candidate.replaces:
                return await self._replace(candidate, record, noted)
            await self._store.connect_account(
                candidate.user_id,
                candidate.credential,
                fingerprint=candidate.fingerprint,
                label=candidate.label,
                public_id=candidate.public_id,
                permissions_json=json.dumps(record),
                verdict=candidate.verdict.outcome.value,
                execution_venue=candidate.execution_venue,
                at=candidate.venue_time,
                noted=None if noted is None else replace(noted, account_id=candidate.credential.account_id),
                told=f"A key of {VENUES[candidate.credential.venue].title} ({candidate.public_id}) was connected.",
            )
        except KeyAlreadyConnected:
            return None
        log.info("key_connected", venue=candidate.credential.venue, account=candidate.credential.account_id)
        return candidate.credential.account_id

    async def _replace(
        self, candidate: _Candidate, record: Mapping[str, object], noted: AuditEntry | None
    ) -> AccountId | None:
        account_id = candidate.credential.account_id
        is_replaced = await self._store.replace_key(
            candidate.user_id,
            candidate.credential,
            fingerprint=candidate.fingerprint,
            public_id=candidate.public_id,
            at=candidate.venue_time,
            noted=None if noted is None else replace(noted, kind="key.replaced", account_id=account_id),
            told=f"The key of your account at {VENUES[candidate.credential.venue].title} was replaced by "
            f"{candidate.public_id}. The account is disarmed until you arm it again.",
        )
        if not is_replaced:
            return None
        verdict = candidate.verdict.outcome.value
        await self._store.update_permissions(account_id, record, verdict, candidate.venue_time)
        log.info("key_replaced", venue=candidate.credential.venue, account=account_id)
        return account_id

    @asynccontextmanager
    async def _opened(self, credential: Credential, execution_venue: str) -> AsyncIterator[Venue]:
        async with AsyncExitStack() as stack:
            if credential.environment is Environment.LIVE:
                clock: Clock = WallClock()
                urls = VENUES[credential.venue].urls(execution_venue)
            elif self._sandbox_address is None:
                raise ConnectionError("no sandbox runs in this installation")
            else:
                clock = await stack.enter_async_context(watched_sandbox_clock(self._sandbox_address))
                urls = sandbox_urls(credential.venue, self._sandbox_address)
            transport = await stack.enter_async_context(NetworkTransport([urls]))
            # A new account has none; where a worker serves the account, both read under its fence.
            fence = await self._store.lease_fence(credential.account_id)
            yield open_venue(
                credential.venue,
                transport=transport,
                urls=urls,
                signer=self._signer.bound(credential, fence),
                clock=clock,
                random=self._random,
                execution_venue=execution_venue,
            )

    def _forget_the_old(self) -> None:
        now = datetime.now(UTC)
        self._pending = {name: each for name, each in self._pending.items() if now - each.judged_at < CONFIRM_WITHIN}


def _at_different_addresses(entry: VenueEntry) -> list[str]:
    """Execution venues to ask in turn: where two answer at the same address, the first one's check finds the other."""
    first_at: dict[VenueUrls, str] = {}
    for name, urls in entry.live_urls.items():
        first_at.setdefault(urls, name)
    return list(first_at.values())
