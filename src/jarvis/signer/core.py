"""The signer itself, without its socket: policy, fences, nonces, seals and signatures of all accounts.

Order of a signature: allow-list, fence, seal, nonce, signature, audit, answer. What must be durable before an entry
(the fence, the nonce block, the audit line) only warns for exits, cancels and reads: with a full disk a position can
still be closed.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, SigningPolicy, VenueName
from jarvis.signer.audit import Audit, shown
from jarvis.signer.countersigning import AuditSeals
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.signer.marks import Marks
from jarvis.signer.policy import Policies
from jarvis.signer.records import Counters, KeyIdentity, SealVerdict, SignedCall
from jarvis.signer.resealing import Resealer
from jarvis.signer.seeds import matching_step, open_seed, seal_seed
from jarvis.signer.small import open_secret, seal_secret
from jarvis.signer.vault import OpenedKey, Vault, fingerprint, wipe
from jarvis.signer.venues import check, signing_of

NONCE_BLOCK = 60_000_000
"""Nonces reserved by one durable write: a minute of microseconds."""

_MAX_ID_LENGTH = 200
_SHOWABLE_OPERATION = re.compile(r"[A-Za-z0-9 /._-]{1,60}", re.ASCII)
_KEPT_NAMES = 4096
_SHORTEST_SALT, _LONGEST_SALT = 16, 64
_CLOCKS_APART_NS = 60 * 1_000_000_000


class SigningCore:
    """Seals and signs under one master key. All methods are synchronous and take microseconds."""

    def __init__(
        self, master_key: bytes, now_ns: Callable[[], int], state: Path | None, next_master_key: bytes | None = None
    ) -> None:
        self._vault = Vault(master_key)
        self._now_ns = now_ns
        self._marks = Marks(state)
        self._policies = Policies(self._vault, self._marks)
        self._audit_seals = AuditSeals(self._vault, self._marks)
        self._resealer = None if next_master_key is None else Resealer(self._vault, Vault(next_master_key), self._marks)
        self._audit = Audit(state)
        self._last_nonce: dict[str, int] = {}
        self._key_names: dict[tuple[str, bytes], str] = {}
        self._signed = self._refused = self._security_events = 0

    def __repr__(self) -> str:
        return f"SigningCore({self._vault!r})"

    @property
    def counters(self) -> Counters:
        """What happened since the start."""
        return Counters(self._signed, self._refused, self._security_events)

    def fence_mark(self, account_id: str) -> int:
        """The highest fence that anything was signed under for this account; 0 if nothing was."""
        return self._marks.get("fence", account_id)

    def seal_seed(self, user_id: str, seed: bytearray) -> bytes:
        """The sealed form of an authenticator app's seed, which is overwritten. Raises SignerRefused."""
        try:
            sealed = seal_seed(self._vault, user_id, seed, now_seconds=self._now_ns() // 1_000_000_000)
        except SignerRefused as refusal:
            self._note_refused("seal_seed", _person(user_id), refusal)
            raise
        finally:
            wipe(seed)
        self._note({"do": "seal_seed", **_person(user_id), "outcome": "sealed"}, must=True)
        return sealed

    def match_code(self, user_id: str, sealed: bytes, code: str, now_seconds: int | None = None) -> int | None:
        """The step of 30 s that this code of the person's app belongs to, around now; None if none.

        Raises SignerRefused if the sealed seed does not open for this person.
        """
        try:
            seed = open_seed(self._vault, user_id, sealed)
        except SignerRefused as refusal:
            self._note_refused("match_code", _person(user_id), refusal)
            raise
        try:
            step = matching_step(seed, code, self._now_ns() // 1_000_000_000 if now_seconds is None else now_seconds)
        finally:
            wipe(seed)
        outcome = "no match" if step is None else "matched"
        self._note({"do": "match_code", **_person(user_id), "outcome": outcome}, must=False)
        return step

    def reseal_seed(self, user_id: str, sealed: bytes) -> bytes:
        """The seed's sealed form under the next master key. Raises SignerRefused."""
        try:
            if self._resealer is None:
                raise SignerRefused("operation", "this signer was not started to change the master key")
            fresh = self._resealer.seed(user_id, sealed, now_seconds=self._now_ns() // 1_000_000_000)
        except SignerRefused as refusal:
            self._note_refused("reseal_seed", _person(user_id), refusal)
            raise
        self._note({"do": "reseal_seed", **_person(user_id), "outcome": "sealed"}, must=True)
        return fresh

    def seal_secret(self, user_id: str, row_id: str, secret: bytearray) -> bytes:
        """The sealed form of a small secret of a person, which is overwritten. Raises SignerRefused."""
        try:
            sealed = seal_secret(self._vault, user_id, row_id, secret, now_seconds=self._now_ns() // 1_000_000_000)
        except SignerRefused as refusal:
            self._note_refused("seal_secret", _row_of(user_id, row_id), refusal)
            raise
        finally:
            wipe(secret)
        self._note({"do": "seal_secret", **_row_of(user_id, row_id), "outcome": "sealed"}, must=True)
        return sealed

    def open_secret(self, user_id: str, row_id: str, sealed: bytes) -> bytearray:
        """A small secret in clear, for its own row only and noted each time. Raises SignerRefused."""
        try:
            secret = open_secret(self._vault, user_id, row_id, sealed)
        except SignerRefused as refusal:
            self._note_refused("open_secret", _row_of(user_id, row_id), refusal)
            raise
        self._note({"do": "open_secret", **_row_of(user_id, row_id), "outcome": "opened"}, must=False)
        return secret

    def reseal_secret(self, user_id: str, row_id: str, sealed: bytes) -> bytes:
        """The small secret's sealed form under the next master key. Raises SignerRefused."""
        try:
            if self._resealer is None:
                raise SignerRefused("operation", "this signer was not started to change the master key")
            fresh = self._resealer.secret(user_id, row_id, sealed, now_seconds=self._now_ns() // 1_000_000_000)
        except SignerRefused as refusal:
            self._note_refused("reseal_secret", _row_of(user_id, row_id), refusal)
            raise
        self._note({"do": "reseal_secret", **_row_of(user_id, row_id), "outcome": "sealed"}, must=True)
        return fresh

    def seal_policy(self, credential: Credential, policy: SigningPolicy) -> bytes:
        """What may be opened with this key from now on, sealed.

        Raises SignerRefused if the key does not open for this row, SignerUnavailable.
        """
        try:
            with self._vault.open(credential):
                pass  # nobody draws a policy for a key that they only know the name of
        except SignerRefused as refusal:
            self._note_refusal("seal_policy", credential, refusal)
            raise
        sealed = self._policies.seal(credential, policy)
        largest = {str(pair): f"{quantity:f}" for pair, quantity in policy.largest.items()}
        self._note({"do": "seal_policy", **_whose(credential), "largest": largest, "outcome": "sealed"}, must=True)
        return sealed

    def check_policy(self, credential: Credential) -> None:
        """Return if the key's policy opens, whatever it allows. Raises SignerRefused."""
        try:
            self._policies.check(credential)
        except SignerRefused as refusal:
            self._note_refusal("check_policy", credential, refusal)
            raise

    def reseal_policy(self, credential: Credential) -> bytes:
        """The key's policy under the next master key. Raises SignerRefused."""
        try:
            if self._resealer is None:
                raise SignerRefused("operation", "this signer was not started to change the master key")
            return self._resealer.policy(credential)
        except SignerRefused as refusal:
            self._note_refusal("reseal_policy", credential, refusal)
            raise

    def seal_audit(self, number: int, chain_hash: bytes) -> bytes:
        """The countersignature of the audit chain up to this line. Raises SignerRefused if the chain got shorter."""
        try:
            return self._audit_seals.seal(number, chain_hash)
        except SignerRefused as refusal:
            self._note_refused("seal_audit", {}, refusal)
            raise

    def check_audit_seal(self, number: int, chain_hash: bytes, seal: bytes) -> SealVerdict:
        """What a countersignature is worth."""
        return self._audit_seals.check(number, chain_hash, seal)

    def audit_mark(self) -> int:
        """The highest line of the audit that was ever countersigned; 0 if none was."""
        return self._audit_seals.mark

    def key_names(self) -> tuple[str, str]:
        """The names of the master key in use and of the next one; that is empty if this signer changes nothing."""
        return self._vault.key_name, "" if self._resealer is None else self._resealer.next_name

    def reseal(self, credential: Credential) -> tuple[bytes, str]:
        """The key's sealed form under the next master key, and its fingerprint there. Raises SignerRefused."""
        try:
            if self._resealer is None:
                raise SignerRefused("operation", "this signer was not started to change the master key")
            sealed, name = self._resealer.credential(credential, now_seconds=self._now_ns() // 1_000_000_000)
        except SignerRefused as refusal:
            self._note_refusal("reseal", credential, refusal)
            raise
        self._note({"do": "reseal", **_whose(credential), "outcome": "sealed"}, must=True)
        return sealed, name

    def backup_key(self, salt: bytes) -> tuple[str, bytes]:
        """The master key's name, and a key for the backup with this salt: good for that file and for nothing else."""
        if not _SHORTEST_SALT <= len(salt) <= _LONGEST_SALT:
            raise SignerRefused("malformed", "a backup's salt has 16 to 64 bytes")
        self._note({"do": "backup_key", "outcome": "derived"}, must=False)
        return self._vault.key_name, self._vault.derive(b"jarvis backup" + salt)

    def close(self) -> None:
        """Close the state's files."""
        self._marks.close()
        self._audit.close()

    def seal(
        self,
        *,
        account_id: str,
        venue: str,
        credential_id: str,
        environment: Environment,
        api_key: str | bytes | bytearray,
        secret: str | bytes | bytearray,
        passphrase: str | bytes | bytearray | None = None,
        revision: int = 1,
    ) -> bytes:
        """The sealed form of a venue key. Raises InvalidSecret if it cannot be one of this venue's."""
        credential = Credential(
            AccountId(account_id), VenueName(venue), CredentialId(credential_id), environment, b"", revision
        )
        with OpenedKey(_pasted(api_key), _pasted(secret), _pasted(passphrase or b"", b"\r\n")) as opened:
            try:
                _check_ids(credential)
                signing_of(venue).take_pasted(opened)
            except (SignerRefused, InvalidSecret) as refusal:
                self._note_refusal("seal", credential, refusal)
                raise
            sealed = self._vault.seal(credential, opened, now_seconds=self._now_ns() // 1_000_000_000)
        self._note({"do": "seal", **_whose(credential), "revision": revision, "outcome": "sealed"}, must=True)
        return sealed

    def identify(self, credential: Credential) -> KeyIdentity:
        """What may be known of a sealed key. Raises SignerRefused if it does not open for this credential."""
        try:
            with self._vault.open(credential) as opened:
                return KeyIdentity(
                    public_id=f"{opened.api_key[:4].decode('ascii')}…{opened.api_key[-4:].decode('ascii')}",
                    fingerprint=fingerprint(self._vault, credential.venue, opened.api_key),
                )
        except SignerRefused as refusal:
            self._note_refusal("identify", credential, refusal)
            raise

    def sign(self, credential: Credential, fence: int, operation: str, parameters: Mapping[str, str]) -> SignedCall:
        """Build and sign one call of the venue's API, under the account's fence.

        Raises SignerRefused for what the allow-list does not name, a fence lower than one seen before, or a seal
        that does not belong to this credential; SignerUnavailable when an entry cannot be written down first.
        """
        try:
            check(credential.venue, operation, parameters)
            if self._resealer is not None:
                raise SignerRefused("moving", "this signer was started to change the master key and signs nothing")
            self._check_timestamp(credential, parameters)
            self._check_fence(credential, fence)
            signing = signing_of(credential.venue)
            must = signing.may_open(operation, parameters)
            if must:
                self._policies.require(credential, *signing.opened_by(parameters))
            opened = self._vault.open(credential)
        except SignerRefused as refusal:
            named = operation if _SHOWABLE_OPERATION.fullmatch(operation) else "?"
            self._note_refusal("sign", credential, refusal, operation=named, fence=fence)
            raise
        with opened:
            self._raise("fence", credential.account_id, fence, must=must)
            stamp = self._next_nonce(self._key_name(credential, opened), must=must)
            call = signing.build(opened, operation, parameters, stamp)
        event = {"do": "sign", **_whose(credential), "operation": operation, "fence": fence, **shown(parameters)}
        self._note({**event, "outcome": "signed"}, must=must)
        self._signed += 1
        return call

    def _check_timestamp(self, credential: Credential, parameters: Mapping[str, str]) -> None:
        """A live call is signed for about now: one for tomorrow would outlive the fence. A sandbox has its own time."""
        stated = parameters.get("timestamp")
        if stated is None or credential.environment is not Environment.LIVE:
            return
        if abs(int(stated) * 1_000_000 - self._now_ns()) > _CLOCKS_APART_NS:
            raise SignerRefused("timestamp", "the call's timestamp is not about now; check this machine's clock")

    def _check_fence(self, credential: Credential, fence: int) -> None:
        if fence < self._marks.get("fence", credential.account_id):
            raise SignerRefused("stale_fence", "another worker has taken over this account")

    def _key_name(self, credential: Credential, opened: OpenedKey) -> str:
        """The fingerprint, remembered: it is no secret, and a sealed form that was just opened holds no other key."""
        sealed = credential.venue, credential.sealed
        name = self._key_names.get(sealed)
        if name is None:
            if len(self._key_names) >= _KEPT_NAMES:
                self._key_names.clear()
            name = self._key_names[sealed] = fingerprint(self._vault, credential.venue, opened.api_key)
        return name

    def _next_nonce(self, key_name: str, *, must: bool) -> int:
        """Microseconds of wall time, or one more than the last: strictly rising per key, whatever the clock does."""
        reserved = self._marks.durable("nonce", key_name)
        nonce = max(self._now_ns() // 1000, self._last_nonce.get(key_name, reserved) + 1)
        self._last_nonce[key_name] = nonce
        if nonce > reserved:
            self._raise("nonce", key_name, nonce + NONCE_BLOCK, must=must)
        return nonce

    def _raise(self, kind: str, name: str, value: int, *, must: bool) -> None:
        try:
            self._marks.raise_to(kind, name, value)
        except SignerUnavailable:
            if must:
                raise

    def _note(self, event: Mapping[str, object], *, must: bool) -> None:
        try:
            self._audit.write(self._now_ns(), event)
        except SignerUnavailable:
            if must:
                raise

    def _note_refusal(
        self, do: str, credential: Credential, refusal: SignerRefused | InvalidSecret, **more: object
    ) -> None:
        self._note_refused(do, _whose(credential), refusal, **more)

    def _note_refused(
        self, do: str, whose: Mapping[str, object], refusal: SignerRefused | InvalidSecret, **more: object
    ) -> None:
        self._refused += 1
        event = {"do": do, **whose, **more, "outcome": "refused", "code": refusal.code}
        if isinstance(refusal, SignerRefused) and refusal.is_security_event:
            self._security_events += 1
            event["security"] = True
        self._note(event, must=False)


def _whose(credential: Credential) -> dict[str, object]:
    return {
        "account": credential.account_id[:_MAX_ID_LENGTH],
        "credential": credential.credential_id[:_MAX_ID_LENGTH],
        "venue": credential.venue[:_MAX_ID_LENGTH],
        "environment": credential.environment.value,
    }


def _person(user_id: str) -> dict[str, object]:
    return {"person": user_id[:_MAX_ID_LENGTH]}


def _row_of(user_id: str, row_id: str) -> dict[str, object]:
    return {**_person(user_id), "row": row_id[:_MAX_ID_LENGTH]}


def _check_ids(credential: Credential) -> None:
    ids = (credential.account_id, credential.venue, credential.credential_id)
    if not all(0 < len(part) <= _MAX_ID_LENGTH for part in ids) or credential.revision < 1:
        raise SignerRefused("malformed", "a credential needs ids of 1 to 200 characters and a positive revision")


def _pasted(value: str | bytes | bytearray, without: bytes = b" \t\r\n") -> bytearray:
    """What was pasted, without blanks and line ends, which no key has; a passphrase may have blanks."""
    pasted = bytearray(value.encode(errors="replace") if isinstance(value, str) else value)
    try:
        return pasted.translate(None, without)
    finally:
        wipe(pasted)
