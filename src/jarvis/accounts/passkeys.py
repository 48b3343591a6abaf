"""Passkeys (WebAuthn level 2): enrolling them, signing in with nothing else, and proving a session.

Signatures are checked by py_webauthn. The person must have been verified by their device (PIN, finger, face), so that a
passkey alone is two factors. A challenge is random, kept on the server, bound to what it is for, and good once.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from jarvis.accounts import ceremonies
from jarvis.accounts.ceremonies import CeremonyStorage
from jarvis.accounts.people import SignedIn, TryLater
from jarvis.accounts.sessions import OpenedSession, Sessions
from jarvis.accounts.throttle import SignInThrottle
from jarvis.domain.account import UserId
from jarvis.domain.people import AuditEntry, Ceremony, CeremonyKind, Factors, Passkey, Person, Session

MOST_PASSKEYS = 10
LONGEST_LABEL = 60
MOST_JSON = 64 * 1024
_TIMEOUT_MS = 300_000
_TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)
# What py_webauthn and what it decodes with may raise for bytes that somebody made up.
_MALFORMED = (WebAuthnException, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)


class PasskeyStorage(CeremonyStorage, Protocol):
    """What keeps passkeys."""

    async def person(self, user_id: UserId) -> Person | None:
        """The person with this id."""
        ...

    async def factors(self, user_id: UserId) -> Factors:
        """What a person has beside the password."""
        ...

    async def passkey(self, credential_id: bytes) -> Passkey | None:
        """The passkey of this id, whosever it is."""
        ...

    async def add_passkey(self, passkey: Passkey, *, most: int, keeping: bytes, noted: AuditEntry, told: str) -> bool:
        """Keep a passkey and end the person's other sessions; False if it is known, or they have `most` already."""
        ...

    async def use_passkey(self, credential_id: bytes, sign_count: int, *, backed_up: bool, at: datetime) -> bool:
        """Note a signature; False if its number is not above the last one."""
        ...

    async def rename_passkey(self, user_id: UserId, credential_id: bytes, label: str, *, noted: AuditEntry) -> bool:
        """Give one of a person's own passkeys another name; False if they have it not."""
        ...

    async def remove_passkey(
        self, user_id: UserId, credential_id: bytes, *, keeping: bytes, noted: AuditEntry, told: str
    ) -> bool:
        """Forget one of a person's own passkeys and end the other sessions; False if they have it not."""
        ...

    async def note_if_possible(self, entry: AuditEntry) -> bool:
        """Add a line to the audit for what happens in any case. Never raises."""
        ...

    async def note_and_tell(self, noted: AuditEntry, told: str) -> None:
        """Add a line to the audit, and tell the person whom it is about."""
        ...


class PasskeyProblem(Enum):
    """Why a passkey did not do, in words for the person."""

    OVER = "This took too long, or was done already. Begin again."
    WRONG = "This passkey does not fit."
    COPIED = "This passkey was refused: it looks as if a copy of it were in use. Sign in another way and remove it."
    TAKEN = "This passkey is known here already, or you have ten: remove one first."
    LABEL = "Give the passkey a name of at most 60 characters, so that you know it again."


@dataclass(frozen=True, slots=True)
class Begun:
    """What the browser is asked, as JSON for `navigator.credentials`, and the token to come back with."""

    options: str
    ceremony_token: str = field(repr=False)


class Passkeys:
    """Enrols, checks and removes passkeys. `origins` are the addresses of the pages; `rp_id` is their host."""

    def __init__(
        self,
        storage: PasskeyStorage,
        *,
        sessions: Sessions,
        rp_id: str,
        origins: Sequence[str],
        rp_name: str = "Jarvis",
        throttle: SignInThrottle | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._rp_id = rp_id
        self._rp_name = rp_name
        self._origins = list(origins)
        self._throttle = throttle or SignInThrottle()
        self._entropy = entropy

    async def begin_registration(self, person: Person, now: datetime) -> Begun:
        """Ask for a new passkey. The caller has made sure that the person may enrol one."""
        factors = await self._storage.factors(person.user_id)
        challenge = self._entropy(32)
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._rp_name,
            user_id=person.user_id.encode(),
            user_name=person.email,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            attestation=AttestationConveyancePreference.NONE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(factors.passkeys),
        )
        token = await self._begin(CeremonyKind.PASSKEY_REGISTRATION, person.user_id, challenge, now)
        return Begun(webauthn.options_to_json(options), token)

    async def finish_registration(
        self,
        person: Person,
        ceremony_token: str,
        credential_json: str,
        *,
        label: str,
        now: datetime,
        keeping: Session,
        noted: AuditEntry,
    ) -> Passkey | PasskeyProblem:
        """Keep the new passkey; the person's other sessions end."""
        label = label.strip()
        if not _is_label(label):
            return PasskeyProblem.LABEL
        begun = await self._take(ceremony_token, CeremonyKind.PASSKEY_REGISTRATION, now)
        if begun is None or begun.user_id != person.user_id:
            return PasskeyProblem.OVER
        if len(credential_json) > MOST_JSON:
            return PasskeyProblem.WRONG
        try:
            verified = webauthn.verify_registration_response(
                credential=credential_json,
                expected_challenge=begun.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                require_user_verification=True,
            )
            transports = _transports(credential_json)
        except _MALFORMED:
            return PasskeyProblem.WRONG
        passkey = Passkey(
            credential_id=verified.credential_id,
            user_id=person.user_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            transports=transports,
            backed_up=verified.credential_backed_up,
            label=label,
            created_at=now,
        )
        told = f"A passkey named {label!r} was added to your account."
        is_kept = await self._storage.add_passkey(
            passkey, most=MOST_PASSKEYS, keeping=keeping.token_hash, noted=noted, told=told
        )
        return passkey if is_kept else PasskeyProblem.TAKEN

    async def rename(
        self, person: Person, credential_id: bytes, label: str, *, noted: AuditEntry
    ) -> PasskeyProblem | None:
        """Give one of the person's passkeys another name; None if that is done."""
        if not _is_label(label.strip()):
            return PasskeyProblem.LABEL
        is_renamed = await self._storage.rename_passkey(person.user_id, credential_id, label.strip(), noted=noted)
        return None if is_renamed else PasskeyProblem.OVER

    async def remove(self, person: Person, credential_id: bytes, *, keeping: Session, noted: AuditEntry) -> bool:
        """Forget one of the person's passkeys; their other sessions end. False if they have it not."""
        return await self._storage.remove_passkey(
            person.user_id,
            credential_id,
            keeping=keeping.token_hash,
            noted=noted,
            told="A passkey was removed from your account.",
        )

    async def begin_sign_in(self, now: datetime, *, address: str) -> Begun | TryLater:
        """Ask whoever is there for any passkey of theirs: nobody says who they are before.

        Outside of every account's bucket, so that guessing at passwords never stands in a passkey's way.
        """
        wait = self._throttle.ask("", address, now)
        if wait > 0:
            return TryLater(wait)
        challenge = self._entropy(32)
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        token = await self._begin(CeremonyKind.PASSKEY_SIGN_IN, None, challenge, now)
        return Begun(webauthn.options_to_json(options), token)

    async def finish_sign_in(
        self,
        ceremony_token: str,
        credential_json: str,
        *,
        address: str,
        now: datetime,
        agent: str = "",
        replacing: str | None = None,
    ) -> SignedIn | PasskeyProblem:
        """Open a session for whoever the passkey belongs to."""
        begun = await self._take(ceremony_token, CeremonyKind.PASSKEY_SIGN_IN, now)
        if begun is None:
            return PasskeyProblem.OVER
        passkey = await self._checked(begun, credential_json, address, now)
        if isinstance(passkey, PasskeyProblem):
            return passkey
        person = await self._storage.person(passkey.user_id)
        session = None
        if person is not None and person.is_active:
            session = await self._sessions.open(
                person.user_id, now, method="passkey", address=address, agent=agent, replacing=replacing
            )
        if person is None or session is None:
            return PasskeyProblem.WRONG
        return SignedIn(person, session)

    async def begin_proof(self, person: Person, now: datetime) -> Begun | None:
        """Ask the person for one of their passkeys; None if they have none."""
        factors = await self._storage.factors(person.user_id)
        if not factors.passkeys:
            return None
        challenge = self._entropy(32)
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=_TIMEOUT_MS,
            allow_credentials=_descriptors(factors.passkeys),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        token = await self._begin(CeremonyKind.PASSKEY_SUDO, person.user_id, challenge, now)
        return Begun(webauthn.options_to_json(options), token)

    async def finish_proof(
        self,
        person: Person,
        ceremony_token: str,
        credential_json: str,
        *,
        session_token: str,
        address: str,
        now: datetime,
    ) -> OpenedSession | PasskeyProblem:
        """The person's session with a new token and sudo."""
        begun = await self._take(ceremony_token, CeremonyKind.PASSKEY_SUDO, now)
        if begun is None or begun.user_id != person.user_id:
            return PasskeyProblem.OVER
        passkey = await self._checked(begun, credential_json, address, now)
        if isinstance(passkey, PasskeyProblem):
            return passkey
        return await self._sessions.prove(session_token, now, method="passkey") or PasskeyProblem.OVER

    async def _begin(self, kind: CeremonyKind, user_id: UserId | None, challenge: bytes, now: datetime) -> str:
        return await ceremonies.begin(self._storage, kind, user_id, now, challenge=challenge, entropy=self._entropy)

    async def _take(self, token: str, kind: CeremonyKind, now: datetime) -> Ceremony | None:
        return await self._storage.take_ceremony(ceremonies.key_of(token), kind, now)

    async def _checked(
        self, begun: Ceremony, credential_json: str, address: str, now: datetime
    ) -> Passkey | PasskeyProblem:
        """The passkey that signed this challenge, its use noted."""
        credential = _parsed(credential_json)
        passkey = None if credential is None else await self._storage.passkey(credential.raw_id)
        if credential is None or passkey is None or begun.user_id not in (None, passkey.user_id):
            return await self._refused(None, address, now)
        verified = self._verified(credential, begun, passkey)
        if verified is None:
            return await self._refused(passkey, address, now)
        is_next = await self._storage.use_passkey(
            passkey.credential_id, verified.new_sign_count, backed_up=verified.credential_backed_up, at=now
        )
        if not is_next:
            await self._warn(passkey, address, now)
            return PasskeyProblem.COPIED
        return passkey

    def _verified(
        self, credential: AuthenticationCredential, begun: Ceremony, passkey: Passkey
    ) -> VerifiedAuthentication | None:
        """What a credential proves; None if it does not prove that this passkey signed this challenge here."""
        handle = credential.response.user_handle
        if handle is not None and handle != passkey.user_id.encode():
            return None
        try:
            return webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=begun.challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origins,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=0,  # the store compares it, at the moment at which it is noted
                require_user_verification=True,
            )
        except _MALFORMED:
            return None

    async def _refused(self, passkey: Passkey | None, address: str, now: datetime) -> PasskeyProblem:
        user_id = None if passkey is None else passkey.user_id
        details = {"wrong": "passkey", "address": address[:64]}
        await self._storage.note_if_possible(AuditEntry("session.refused", now, "nobody", user_id, details=details))
        return PasskeyProblem.WRONG

    async def _warn(self, passkey: Passkey, address: str, now: datetime) -> None:
        details = {"wrong": "passkey's count", "passkey": passkey.label, "address": address[:64]}
        noted = AuditEntry("session.refused", now, "nobody", passkey.user_id, details=details)
        told = (
            f"Your passkey {passkey.label!r} was refused: its count of signatures went back, as that of a copy would. "
            "Remove it and add a new one."
        )
        await self._storage.note_and_tell(noted, told)


def credential_name(credential_id: bytes) -> str:
    """How a form names a passkey."""
    return bytes_to_base64url(credential_id)


def credential_named(name: str) -> bytes:
    """The id that a form named; nobody has the empty one that stands for nonsense."""
    try:
        return base64url_to_bytes(name[:2000])
    except ValueError:
        return b""


def _is_label(text: str) -> bool:
    return 0 < len(text) <= LONGEST_LABEL and text.isprintable()


def _parsed(credential_json: str) -> AuthenticationCredential | None:
    """What a browser sent; None for what nobody's browser sends."""
    if len(credential_json) > MOST_JSON:
        return None
    try:
        return parse_authentication_credential_json(credential_json)
    except _MALFORMED:
        return None


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=each.credential_id, transports=[AuthenticatorTransport(name) for name in each.transports]
        )
        for each in passkeys
    ]


def _transports(credential_json: str) -> tuple[str, ...]:
    """How the browser says that the authenticator is reached; only names that are known."""
    told = json.loads(credential_json)["response"].get("transports") or []
    return tuple(sorted({name for name in told if isinstance(name, str)} & _TRANSPORTS))
