"""Run by Alembic: applies the steps to the connection that `jarvis.store.schema` hands over, in its transaction."""

from alembic import context

from jarvis.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite can, when BEGIN is said by us
)
context.run_migrations()
