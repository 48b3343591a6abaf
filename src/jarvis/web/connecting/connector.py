"""How a key becomes a connected account, for real: seal first, ask the venue, judge, probe, store.

The plain key is handed to the signer before anything else happens and is not held here: the venue is asked through
the signer, with the sealed key. A key that is refused leaves nothing behind but a line in the signer's audit. One that
the venue itself has said to be harmless, and that still lacks something or waits for a confirmation, is kept sealed in
memory for a quarter of an hour, so that it can be checked again without being pasted anew
(docs/decisions/024-a-harmless-key-waits.md).
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
from jarvis.domain.money import ZERO
from jarvis.domain.people import AuditEntry
from jarvis.domain.records import shared
from jarvis.domain.traits import Settlement
from jarvis.market.clock import WallClock, watched_sandbox_clock
from jarvis.signer.client import SignerClient
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.store.db import Store
from jarvis.store.errors import KeyAlreadyConnected
from jarvis.store.records import TradingAccount
from jarvis.trading.bands import signing_policy
from jarvis.trading.limits import Limits
from jarvis.trading.sizing import Costs
from jarvis.venues.base import KeyInvalid, KeyUnknown, NotPermitted, Venue, VenueError
from jarvis.venues.catalog import VENUES, VenueEntry, open_venue, sandbox_urls
from jarvis.venues.eligibility import Eligibility, find_margin
from jarvis.venues.permissions import Need, Outcome, Verdict, judge
from jarvis.venues.session import NetworkTransport, VenueUrls
from jarvis.web.connecting.connect import ConnectOutcome, Funds, MarginOffer, PermissionLine, Restrictions, TradingRules

log = structlog.get_logger()

KEPT_FOR = timedelta(minutes=15)
RULES_FOR = timedelta(minutes=10)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sealed key that was judged good."""

    user_id: UserId
    credential: Credential
    fingerprint: str
    label: str
    public_id: str
    verdict: Verdict
    eligibility: Eligibility
    execution_venue: str
    venue_time: datetime
    replaces: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """A sealed key that harms nobody: `candidate` waits to be confirmed, None is to be mended at the venue first."""

    user_id: UserId
    credential: Credential
    chosen: str
    kept_at: datetime
    candidate: _Candidate | None


class VenueKeyConnector:
    """Judges, seals and stores venue keys. `sandbox_address` is None where no sandbox runs."""

    def __init__(self, store: Store, signer: SignerClient, *, sandbox_address: str | None, random: Random) -> None:
        self._store = store
        self._signer = signer
        self._sandbox_address = sandbox_address
        self._rules: dict[AccountId, tuple[datetime, TradingRules]] = {}
        self._random = random
        self._pending: dict[str, _Kept] = {}

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
        except InvalidSecret as error:
            return ConnectOutcome(venue, "key_invalid", str(error), environment)
        except (SignerRefused, SignerUnavailable, ConnectionError, TimeoutError) as error:
            return _not_asked(venue, environment, error)
        credential = Credential(account_id, venue, credential_id, environment, sealed)
        return await self._checked(_Kept(user_id, credential, execution_venue, datetime.now(UTC), None), noted)

    async def check_again(
        self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None
    ) -> ConnectOutcome | None:
        """Judge a kept key anew; None when it is not kept any more."""
        kept = self._kept(user_id, pending_id)
        if kept is None:
            return None
        outcome = await self._checked(kept, noted)
        if outcome.verdict in ("unreachable", "key_invalid"):  # nothing new is known of what it may do
            return replace(outcome, pending_id=pending_id)
        self._pending.pop(pending_id, None)
        return outcome

    async def _checked(self, kept: _Kept, noted: AuditEntry | None) -> ConnectOutcome:
        """What the venue says of a key now, whatever goes wrong."""
        venue, environment = kept.credential.venue, kept.credential.environment
        try:
            return await self._ask(kept, noted)
        except (KeyInvalid, NotPermitted) as error:
            words = f"{VENUES[venue].title} did not accept this key ({error}). Check that every value is complete."
            return ConnectOutcome(venue, "key_invalid", words, environment)
        except (VenueError, SignerRefused, SignerUnavailable, ConnectionError, TimeoutError, LookupError) as error:
            return _not_asked(venue, environment, error)

    async def _ask(self, kept: _Kept, noted: AuditEntry | None) -> ConnectOutcome:
        """The verdict of the execution venue that was chosen, or of the first address that knows the key."""
        entry = VENUES[kept.credential.venue]
        candidates = [kept.chosen] if kept.chosen else _at_different_addresses(entry)
        for execution_venue in candidates:
            try:
                async with self._opened(kept.credential, execution_venue) as opened:
                    return await self._judge(kept, opened, noted)
            except KeyUnknown:
                if execution_venue == candidates[-1]:
                    raise
        raise ValueError(f"{entry.title} has no execution venue")

    async def confirm(self, *, user_id: UserId, pending_id: str, noted: AuditEntry | None = None) -> AccountId | None:
        """Store the key that waited for this confirmation; None when it does not wait any more."""
        kept = self._kept(user_id, pending_id)
        if kept is None or kept.candidate is None:
            return None
        del self._pending[pending_id]
        return await self._store_candidate(kept.candidate, noted)

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

    async def rules(self, account: TradingAccount) -> TradingRules | str:
        """What the venue allows and takes for this account, asked at most every ten minutes; or why it was not told."""
        known = self._rules.get(account.account_id)
        if known is not None and datetime.now(UTC) - known[0] < RULES_FOR:
            return known[1]
        credential = account.credential
        if credential is None:
            return "This key is disconnected. Connect one first."
        try:
            async with self._opened(credential, account.execution_venue) as venue:
                rules = await _rules_of(venue)
        except (VenueError, SignerRefused, SignerUnavailable, ConnectionError, TimeoutError, LookupError) as error:
            log.warning("rules_not_read", account=account.account_id, reason=str(error))
            return f"{VENUES[account.venue].title} could not be asked for its rules ({error}). Try again in a moment."
        self._rules[account.account_id] = datetime.now(UTC), rules
        return rules

    async def _judge(self, kept: _Kept, venue: Venue, noted: AuditEntry | None) -> ConnectOutcome:
        credential = kept.credential
        venue_time = await venue.server_time()
        permissions = await venue.key_permissions()
        verdict = judge(credential.venue, permissions, venue_time)
        outcome = ConnectOutcome(
            venue.name,
            verdict.outcome.value,
            "The key is connected.",
            credential.environment,
            _lines_of(verdict),
            verdict.risks,
            restrictions=Restrictions(verdict.is_bound, venue_time, verdict.expires_at),
        )
        if verdict.outcome in (Outcome.REFUSED, Outcome.INCOMPLETE):
            log.info("key_refused", venue=venue.name, outcome=verdict.outcome.value)
            words = " ".join(("Nothing was stored.", *verdict.advice))
            is_harmless = verdict.outcome is Outcome.INCOMPLETE
            return replace(outcome, message=words, pending_id=self._keep(kept, None) if is_harmless else "")
        eligibility = await find_margin(venue, VENUES[credential.venue].leverage_caps)
        offer = MarginOffer(eligibility.message, tuple(eligibility.max_leverage.items()))
        if eligibility.execution_venue is None:
            words = f"Nothing was stored. {eligibility.message}"
            return replace(
                outcome,
                verdict=Outcome.INCOMPLETE.value,
                message=words,
                eligibility=offer,
                pending_id=self._keep(kept, None),
            )
        outcome = replace(outcome, eligibility=offer, funds=await _funds_of(venue))
        identity = await self._signer.identify(credential)
        candidate = _Candidate(
            user_id=kept.user_id,
            credential=credential,
            fingerprint=identity.fingerprint,
            label=permissions.label,
            public_id=identity.public_id,
            verdict=verdict,
            eligibility=eligibility,
            execution_venue=eligibility.execution_venue,
            venue_time=venue_time,
            replaces=await self._store.account(kept.user_id, credential.account_id) is not None,
        )
        if verdict.outcome is Outcome.ACCEPTED_WITH_RISK:
            words = "The key is good. Read what remains possible, and confirm it once."
            return replace(outcome, message=words, pending_id=self._keep(kept, candidate))
        account_id = await self._store_candidate(candidate, noted)
        if account_id is None:
            return replace(outcome, verdict="known", message="This key is connected already.", risks=())
        return replace(outcome, account_id=account_id)

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

    def _keep(self, kept: _Kept, candidate: _Candidate | None) -> str:
        """Keep a key for a while; the name to ask for it by."""
        self._forget_the_old()
        pending_id = secrets.token_urlsafe(16)
        self._pending[pending_id] = replace(kept, candidate=candidate, kept_at=datetime.now(UTC))
        return pending_id

    def _kept(self, user_id: UserId, pending_id: str) -> _Kept | None:
        self._forget_the_old()
        kept = self._pending.get(pending_id)
        return kept if kept is not None and kept.user_id == user_id else None

    def _forget_the_old(self) -> None:
        now = datetime.now(UTC)
        self._pending = {name: each for name, each in self._pending.items() if now - each.kept_at < KEPT_FOR}


def _not_asked(venue: VenueName, environment: Environment, error: Exception) -> ConnectOutcome:
    log.warning("key_not_checked", venue=venue, environment=environment.value, reason=str(error))
    words = f"{VENUES[venue].title} could not be asked ({error}). Nothing was stored; try again in a moment."
    return ConnectOutcome(venue, "unreachable", words, environment)


def _lines_of(verdict: Verdict) -> tuple[PermissionLine, ...]:
    return tuple(
        PermissionLine(
            label=row.label.partition(": ")[2] or row.label,
            needed=row.needed is Need.REQUIRED,
            granted=row.granted,
            advice=row.advice,
            group=row.label.partition(": ")[0] if ": " in row.label else "",
        )
        for row in verdict.rows
    )


async def _funds_of(venue: Venue) -> Funds:
    """What is there now. A read that fails is not an empty account: it says why."""
    try:
        snapshot = await venue.snapshot()
    except (VenueError, ConnectionError, TimeoutError, LookupError) as error:
        return Funds(failure=str(error))
    held = tuple(each for each in snapshot.balances if each.total or each.owed)
    return Funds(held, snapshot.margin)


async def _rules_of(venue: Venue) -> TradingRules:
    """As the account's trader reads them (live/worker.py)."""
    listed = map(shared, (await venue.instruments()).values())
    instruments = {instrument.pair: instrument for instrument in listed}
    if venue.traits.settlement is not Settlement.WALLET:
        return TradingRules(instruments, venue.traits, Costs(), {})
    await venue.key_permissions()  # the account's mode decides how it behaves; the first signed answer tells it
    rates = {pair: rate.taker_rate for pair, rate in (await venue.fee_rates(list(instruments))).items()}
    costs = Costs(max(rates.values(), default=Costs().taker_rate), opening_rate=ZERO)
    return TradingRules(instruments, venue.traits, costs, rates)


def _at_different_addresses(entry: VenueEntry) -> list[str]:
    """Execution venues to ask in turn: where two answer at the same address, the first one's check finds the other."""
    first_at: dict[VenueUrls, str] = {}
    for name, urls in entry.live_urls.items():
        first_at.setdefault(urls, name)
    return list(first_at.values())
