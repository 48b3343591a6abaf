"""Every way in which the signer says no. No text here ever holds a value that somebody sent, only names."""


class SignerRefused(PermissionError):
    """The signer will not do it, now or when asked again. `code` is stable; nothing was signed.

    Codes: `operation`, `parameter`, `venue`, `stale_fence`, `wrong_master_key`, `broken_seal`, `wrong_binding`,
    `stale_revision`, `stale_audit`, `policy`, `malformed`.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the words."""
        super().__init__(message)
        self.code = code

    @property
    def is_security_event(self) -> bool:
        """Whether somebody should look at it: a seal that was moved or changed, or a call that nobody may sign."""
        return self.code in {"operation", "broken_seal", "wrong_binding", "stale_revision", "stale_audit"}


class SignerUnavailable(ConnectionError):
    """The signer cannot be reached, or cannot write down what it must before it signs. Nothing was signed."""


class InvalidSecret(ValueError):
    """What was pasted cannot be this venue's key and secret. `code` is stable; the values are never told.

    Codes: `swapped`, `malformed_key`, `malformed_secret`, `other_venue`.
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the words."""
        super().__init__(message)
        self.code = code


class MasterKeyError(Exception):
    """The master key file cannot be used as it is; the message says what to do."""
