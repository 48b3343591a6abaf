"""What each strategy of a person has done so far, on the sandbox and with real money."""

from sqlalchemy import JSON, ColumnElement, cast, func, select, type_coerce

from jarvis.domain.account import Environment, UserId
from jarvis.store.database import Database
from jarvis.store.tables import accounts, stories
from jarvis.trading.rehearsal import Run


class RehearsalStore(Database):
    """Counts of positions by strategy, over all accounts of a person, disconnected ones among them."""

    async def strategy_runs(self, owner_id: UserId) -> list[Run]:
        """One for each strategy and kind of account on which it ever opened a position."""
        async with self._read() as connection:
            strategy = _strategy(is_postgres=connection.dialect.name == "postgresql")
            query = (
                select(
                    strategy.label("strategy"),
                    accounts.c.environment,
                    func.count(stories.c.closed_at).label("closed"),
                    func.min(stories.c.opened_at).label("first_at"),
                    func.max(func.coalesce(stories.c.closed_at, stories.c.opened_at)).label("last_at"),
                )
                .join(accounts, accounts.c.account_id == stories.c.account_id)
                .where(accounts.c.owner_id == owner_id)
                .group_by(strategy, accounts.c.environment)
                .order_by(strategy, accounts.c.environment)
            )
            rows = await connection.execute(query)
            return [
                Run(row.strategy, row.environment is Environment.LIVE, int(row.closed), row.first_at, row.last_at)
                for row in rows
            ]


def _strategy(*, is_postgres: bool) -> ColumnElement[str]:
    """The name within a story's JSON."""
    story = cast(stories.c.story_json, JSON) if is_postgres else type_coerce(stories.c.story_json, JSON)
    name: ColumnElement[str] = story["strategy"].as_string()
    return name
