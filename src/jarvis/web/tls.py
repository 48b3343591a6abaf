"""TLS by a given certificate: looked at before anything listens, so that a mistake is a sentence and no dead port."""

import ssl
import stat
from datetime import datetime
from pathlib import Path

from cryptography import x509


class TlsError(Exception):
    """A certificate or key that cannot serve; the message names the setting."""


def server_context(certificate: Path, key: Path, now: datetime) -> ssl.SSLContext:
    """A context for TLS 1.2 and newer with this certificate chain. Raises TlsError for one that will not do.

    The key must be the certificate's, unencrypted, and readable by its owner alone (or, owned by root, by a group).
    """
    _check_mode(key)
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except OSError as error:
        raise TlsError(f"JARVIS_TLS_CERTIFICATE_FILE: cannot read {certificate}: {error.strerror}") from None
    except ValueError:
        raise TlsError(f"JARVIS_TLS_CERTIFICATE_FILE: {certificate} holds no certificate in PEM form") from None
    own = chain[0]
    if now >= own.not_valid_after_utc:
        raise TlsError(f"JARVIS_TLS_CERTIFICATE_FILE: {certificate} ran out on {own.not_valid_after_utc:%Y-%m-%d}")
    if now < own.not_valid_before_utc:
        raise TlsError(
            f"JARVIS_TLS_CERTIFICATE_FILE: {certificate} is good from {own.not_valid_before_utc:%Y-%m-%d} only"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        reason = (error.reason or "").upper()
        if "MISMATCH" in reason:
            raise TlsError(f"JARVIS_TLS_KEY_FILE: {key} is not the key of {certificate}") from None
        raise TlsError(f"JARVIS_TLS_KEY_FILE: {key} is no private key in PEM form that can be used") from None
    except (_KeyIsEncrypted, OSError, ValueError):
        raise TlsError(f"JARVIS_TLS_KEY_FILE: {key} cannot be opened; give a key without a password") from None
    return context


class _KeyIsEncrypted(Exception):
    pass


def _no_password() -> str:
    raise _KeyIsEncrypted


def _check_mode(key: Path) -> None:
    try:
        found = key.stat()
    except OSError as error:
        raise TlsError(f"JARVIS_TLS_KEY_FILE: cannot read {key}: {error.strerror}") from None
    mode = stat.S_IMODE(found.st_mode)
    # Keys that a certificate's own tool renews belong to root and are lent to a group: 0640, never to everybody.
    allowed = 0o640 if found.st_uid == 0 else 0o600
    if not stat.S_ISREG(found.st_mode) or mode & ~allowed:
        raise TlsError(f"JARVIS_TLS_KEY_FILE: {key} may be read by others (mode {mode:04o}); chmod 600 it")
