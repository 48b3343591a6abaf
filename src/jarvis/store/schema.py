"""Which schema a database has, and how it comes to this program's. The steps are in `migrations/versions`."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text

from jarvis.store.errors import SchemaNewer, SchemaOutdated

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = 0x6A617276_6D696772  # any number that nothing else on the server locks


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run what is missing up to revision `to`, inside the caller's transaction. Raises SchemaNewer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATING})
    if _found(connection) != _head():
        _refuse_newer(connection)
        command.upgrade(_config(connection), to)


def drop_all(connection: Connection) -> None:
    """Take away every table of Jarvis, inside the caller's transaction. Raises SchemaNewer if others are there."""
    _refuse_newer(connection)
    there = MetaData()
    there.reflect(connection)
    there.drop_all(connection)


def revision(connection: Connection) -> str | None:
    """The step that the tables have come to; None if there are none."""
    return _found(connection)


def table_names(connection: Connection) -> list[str]:
    """The tables that are there, ours or not."""
    return inspect(connection).get_table_names()


def require_known(wanted: str) -> None:
    """Raise SchemaNewer unless this program can bring tables of that revision to its own."""
    if wanted not in _known():
        raise SchemaNewer("this was written by a newer version of Jarvis; install that version to read it")


def is_current(connection: Connection) -> bool:
    """Whether nothing is missing and nothing is unknown."""
    return _found(connection) == _head()


def require_current(connection: Connection) -> None:
    """Raise SchemaOutdated or SchemaNewer unless the tables are this program's."""
    found = _found(connection)
    if found == _head():
        return
    _refuse_newer(connection)
    what = "has no tables yet" if found is None else "has the tables of an older version"
    raise SchemaOutdated(f"the database {what}; run `jarvis migrate`")


def _refuse_newer(connection: Connection) -> None:
    found = _found(connection)
    if found is None:
        if inspect(connection).get_table_names():
            raise SchemaNewer("the database holds tables that are not of Jarvis; give Jarvis a database of its own")
    elif found not in _known():
        raise SchemaNewer(
            "the database was made by a newer version of Jarvis; install that version, or restore an older backup"
        )


def _found(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _known() -> frozenset[str]:
    return frozenset(step.revision for step in _scripts().walk_revisions())


@cache
def _head() -> str | None:
    return _scripts().get_current_head()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
