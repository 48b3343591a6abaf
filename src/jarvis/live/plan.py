"""What one account wants done: read from the store, given to its trader."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jarvis.domain.account import AccountId, Credential, Environment, UserId, VenueName
from jarvis.domain.instrument import Pair
from jarvis.market.signals import Subscription
from jarvis.store.db import Store
from jarvis.trading.limits import Limits


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """A connected account with its key, limits and strategies. Disarmed accounts are protected, but open nothing."""

    account_id: AccountId
    user_id: UserId
    venue: VenueName
    environment: Environment
    credential: Credential
    execution_venue: str
    is_armed: bool
    connected_at: datetime
    limits: Limits
    subscriptions: tuple[Subscription, ...]

    @property
    def bars_followed(self) -> frozenset[tuple[Pair, timedelta]]:
        """The candles that its trailing stops move on."""
        return frozenset((wish.pair, wish.interval) for wish in self.subscriptions)

    def needs_restart_after(self, former: "AccountPlan") -> bool:
        """Whether more than the limits changed: another key, strategy, or arming."""
        return (self.credential, self.execution_venue, self.is_armed, self.subscriptions) != (
            former.credential,
            former.execution_venue,
            former.is_armed,
            former.subscriptions,
        )


async def read_plans(store: Store, venue: VenueName, environment: Environment) -> Sequence[AccountPlan]:
    """The plans of all connected accounts of one venue and environment."""
    return [
        AccountPlan(
            account_id=account.account_id,
            user_id=account.owner_id,
            venue=account.venue,
            environment=account.environment,
            credential=account.credential,
            execution_venue=account.execution_venue,
            is_armed=account.is_armed,
            connected_at=account.connected_at,
            limits=account.limits,
            subscriptions=tuple(
                Subscription.of(wish.strategy, wish.pair, wish.interval, wish.values) for wish in account.assignments
            ),
        )
        for account in await store.trading_accounts()
        if (account.venue, account.environment) == (venue, environment) and account.credential is not None
    ]
