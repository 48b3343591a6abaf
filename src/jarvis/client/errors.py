"""What can go wrong between a script and its installation; each message says what to do.

ClientError
├── NotConfigured    no address, no token, or one that must not be used as it is
├── Unreachable      nothing answered; a read may be asked again, a command may have been heard
└── Refused          the installation answered that it did not do it
├── NotSignedIn  401: the token is not good (any more)
├── NotAllowed   403: the token's scopes do not reach so far
├── NotFound     404: no such thing, or somebody else's
├── TooMany      429: wait `retry_after` seconds
└── Broken       5xx: a fault or a pause of the installation
"""

from typing import ClassVar


class ClientError(Exception):
    """The message is one line for a person."""


class NotConfigured(ClientError):
    """There is no address or token to ask with."""


class Unreachable(ClientError):
    """Nothing answered, or what answered is no Jarvis."""


class Refused(ClientError):
    """The installation answered that it did not do it. `code` is a stable name."""

    hint: ClassVar[str] = ""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{message} {self.hint}".strip())
        self.status = status
        self.code = code


class NotSignedIn(Refused):
    """The token is unknown, has ended, or its person may not sign in."""

    hint: ClassVar[str] = "Make a new token on the page Account, API tokens, and put it where JARVIS_TOKEN says."


class NotAllowed(Refused):
    """The token is not good for this."""

    hint: ClassVar[str] = "The operation's description names the scope that it needs."


class NotFound(Refused):
    """There is no such thing, or it is somebody else's."""


class TooMany(Refused):
    """Asked too often. `retry_after` is how many seconds to wait."""

    def __init__(self, status: int, code: str, message: str, retry_after: float) -> None:
        super().__init__(status, code, message)
        self.retry_after = retry_after


class Broken(Refused):
    """The installation could not do it now."""
