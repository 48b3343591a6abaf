"""What can go wrong with the database.

StoreError
    StoreFull           the disk is full or cannot be written: this write did not happen, all earlier ones did
    StoreBusy           another process held the database for too long: this write did not happen
    StoreUnavailable    the database cannot be reached or read
    SchemaOutdated      the tables are missing or older than this program
    SchemaNewer         the tables are newer than this program
    InstanceRunning     another Jarvis uses this database file
    StaleFence          another worker has taken the account over: this one must stop
    DuplicateIntent     an order of this client order id is on paper already
    KeyAlreadyConnected the key belongs to an account already
"""


class StoreError(Exception):
    """Anything that the database refused; one line for a person, without a value that was to be written."""


class StoreFull(StoreError):
    """The disk is full or cannot be written. Nothing of this transaction is kept, everything before it is."""


class StoreBusy(StoreError):
    """Another process held the database for too long. Nothing of this transaction is kept."""


class StoreUnavailable(StoreError):
    """The database cannot be reached, opened or read."""


class SchemaOutdated(StoreError):
    """The tables are missing, or older than this program."""


class SchemaNewer(StoreError):
    """The tables were made by a newer program."""


class InstanceRunning(StoreError):
    """Another Jarvis uses this database file."""


class StaleFence(StoreError):
    """Another worker has taken the account over since this one's lease: nothing was written, nothing may be sent."""


class DuplicateIntent(StoreError):
    """An order of this client order id is on paper already: nothing was written, nothing may be sent."""


class KeyAlreadyConnected(StoreError):
    """This API key belongs to a connected account already; whose is not said."""
