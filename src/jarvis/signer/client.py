"""What the other processes hold instead of a secret: a door to the signer.

One connection, one request at a time: a signature takes microseconds, and a request that is given up halfway closes
the connection, so that no answer can ever be taken for another's. A signer that is being restarted is waited for.
Why there is neither task nor stream between: docs/decisions/012-a-short-way-to-the-signer.md.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar, cast

import msgspec

from jarvis.domain.account import Credential, Environment, SigningPolicy
from jarvis.signer import frames
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.signer.records import KeyIdentity, SealVerdict
from jarvis.venues.base import SignedRequest

ANSWER_WITHIN_SECONDS = 5.0
PATIENCE_SECONDS = 3.0
_FIRST_PAUSE_SECONDS = 0.05

Beside = bytearray
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SignerHealth:
    """What the signer says about itself: counts since its start."""

    process_id: int
    signed: int
    refused: int
    security_events: int


class _Signed(msgspec.Struct):
    method: str
    path: str
    headers: dict[str, str]


class _Identity(msgspec.Struct):
    public_id: str
    fingerprint: str


class _Health(msgspec.Struct):
    process_id: int
    signed: int
    refused: int
    security_events: int


class _Mark(msgspec.Struct):
    mark: int


class _KeyNames(msgspec.Struct):
    current: str
    following: str


class _Resealed(msgspec.Struct):
    fingerprint: str


class _KeyName(msgspec.Struct):
    key_name: str


class _Step(msgspec.Struct):
    step: int | None


class _Verdict(msgspec.Struct):
    verdict: SealVerdict


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing but the bytes beside it."""


class _Problem(msgspec.Struct):
    error: str
    code: str
    message: str


_SIGNED, _IDENTITY, _HEALTH, _SEALED, _PROBLEM = map(
    msgspec.json.Decoder, (_Signed, _Identity, _Health, _Sealed, _Problem)
)
_MARK = msgspec.json.Decoder(_Mark)
_KEY_NAME, _KEY_NAMES = msgspec.json.Decoder(_KeyName), msgspec.json.Decoder(_KeyNames)
_RESEALED = msgspec.json.Decoder(_Resealed)
_STEP, _VERDICT = msgspec.json.Decoder(_Step), msgspec.json.Decoder(_Verdict)
_encode = msgspec.json.Encoder().encode


class SignerClient:
    """Asks the signer process; belongs to one event loop."""

    def __init__(self, socket_path: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = socket_path
        self._patience = patience
        self._turn = asyncio.Lock()
        self._connection: _Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def seal(
        self,
        *,
        account_id: str,
        venue: str,
        credential_id: str,
        environment: Environment,
        api_key: str | bytearray,
        secret: str | bytearray,
        passphrase: str | bytearray | None = None,
        revision: int = 1,
    ) -> bytes:
        """The sealed form of a venue key, for the row of these ids and no other.

        Raises InvalidSecret if this cannot be a key of the venue, SignerRefused, SignerUnavailable.
        """
        parts = [_raw(api_key), _raw(secret), _raw(passphrase or "")]
        head = {
            "do": "seal",
            "account_id": account_id,
            "venue": venue,
            "credential_id": credential_id,
            "environment": environment.value,
            "revision": revision,
            "key_size": len(parts[0]),
            "secret_size": len(parts[1]),
        }
        try:
            _, sealed = await self._ask(_encode(head), _SEALED, *parts)
        finally:
            for part in parts:
                part[:] = bytes(len(part))
        return bytes(sealed)

    async def sign(
        self, credential: Credential, fence: int, operation: str, parameters: Mapping[str, str]
    ) -> SignedRequest:
        """One call of the venue's API, built and signed.

        Raises SignerRefused (a PermissionError) or SignerUnavailable (a ConnectionError): nothing was sent.
        """
        return await self._sign(_opening(credential, fence), operation, parameters)

    async def _sign(self, opening: bytes, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        try:
            wish = _encode({"operation": operation, "parameters": dict(parameters)})
        except UnicodeEncodeError:
            raise SignerRefused("malformed", "the request holds what is no text") from None
        signed, body = await self._ask(opening + wish[1:], _SIGNED)
        return SignedRequest(signed.method, signed.path, signed.headers, bytes(body))

    async def public_id(self, credential: Credential) -> str:
        """The API key's first and last four characters, for showing which one it is."""
        return (await self.identify(credential)).public_id

    async def identify(self, credential: Credential) -> KeyIdentity:
        """What may be known of a sealed key: its ends, and a fingerprint that tells whether two are the same."""
        identity, _ = await self._ask(_named(credential) + b'{"do":"identify"}', _IDENTITY)
        return KeyIdentity(identity.public_id, identity.fingerprint)

    async def seal_seed(self, *, user_id: str, seed: bytes) -> bytes:
        """The sealed form of an authenticator app's seed, for this person and no other. Raises SignerRefused."""
        _, sealed = await self._ask(_encode({"do": "seal_seed", "user_id": user_id}), _SEALED, bytearray(seed))
        return bytes(sealed)

    async def match_code(self, *, user_id: str, sealed: bytes, code: str, now_seconds: int | None = None) -> int | None:
        """The step of 30 s that a code of the person's app belongs to, within one step of now; None if none.

        `now_seconds` is the wall time; left out: the signer's own. Raises SignerRefused if the seal does not open.
        """
        head = {"do": "match_code", "user_id": user_id, "code": code, "now": now_seconds}
        answer, _ = await self._ask(_encode(head), _STEP, bytearray(sealed))
        return answer.step

    async def reseal_seed(self, user_id: str, sealed: bytes) -> bytes:
        """The seed's sealed form under the next master key. Raises SignerRefused."""
        _, fresh = await self._ask(_encode({"do": "reseal_seed", "user_id": user_id}), _SEALED, bytearray(sealed))
        return bytes(fresh)

    async def seal_secret(self, *, user_id: str, row_id: str, secret: str) -> bytes:
        """The sealed form of a small secret, for this row of this person and no other. Raises SignerRefused."""
        head = {"do": "seal_secret", "user_id": user_id, "row_id": row_id}
        _, sealed = await self._ask(_encode(head), _SEALED, bytearray(secret.encode()))
        return bytes(sealed)

    async def open_secret(self, *, user_id: str, row_id: str, sealed: bytes) -> bytearray:
        """The small secret of this row, for the caller to overwrite. Raises SignerRefused if the seal is not its."""
        head = {"do": "open_secret", "user_id": user_id, "row_id": row_id}
        _, secret = await self._ask(_encode(head), _SEALED, bytearray(sealed))
        return secret

    async def reseal_secret(self, user_id: str, row_id: str, sealed: bytes) -> bytes:
        """The small secret's sealed form under the next master key. Raises SignerRefused."""
        head = {"do": "reseal_secret", "user_id": user_id, "row_id": row_id}
        _, fresh = await self._ask(_encode(head), _SEALED, bytearray(sealed))
        return bytes(fresh)

    async def seal_policy(self, credential: Credential, policy: SigningPolicy) -> bytes:
        """What may be opened with this key from now on, sealed: earlier policies are refused."""
        largest = {str(pair): f"{quantity:f}" for pair, quantity in policy.largest.items()}
        _, sealed = await self._ask(_named(credential) + _encode({"do": "seal_policy", "largest": largest}), _SEALED)
        return bytes(sealed)

    async def check_policy(self, credential: Credential) -> None:
        """Return if the key's policy opens, whatever it allows. Raises SignerRefused."""
        await self._ask(_named(credential) + b'{"do":"check_policy"}', _SEALED)

    async def reseal_policy(self, credential: Credential) -> bytes:
        """The key's policy under the next master key. Raises SignerRefused."""
        _, sealed = await self._ask(_named(credential) + b'{"do":"reseal_policy"}', _SEALED)
        return bytes(sealed)

    async def seal_audit(self, number: int, chain_hash: bytes) -> bytes:
        """The countersignature of the audit chain up to this line. Raises SignerRefused if the chain got shorter."""
        _, seal = await self._ask(_encode({"do": "seal_audit", "number": number}), _SEALED, bytearray(chain_hash))
        return bytes(seal)

    async def check_audit_seal(self, number: int, chain_hash: bytes, seal: bytes) -> SealVerdict:
        """What a countersignature is worth."""
        head = {"do": "check_audit_seal", "number": number}
        answer, _ = await self._ask(_encode(head), _VERDICT, bytearray(chain_hash + seal))
        return answer.verdict

    async def audit_mark(self) -> int:
        """The highest line of the audit that was ever countersigned; 0 if none was."""
        answer, _ = await self._ask(b'{"do":"audit_mark"}', _MARK)
        return answer.mark

    async def ping(self) -> SignerHealth:
        """What the signer says about itself. Raises SignerUnavailable."""
        health, _ = await self._ask(b'{"do":"ping"}', _HEALTH)
        return SignerHealth(health.process_id, health.signed, health.refused, health.security_events)

    def bound(self, credential: Credential, fence: int) -> "BoundSigner":
        """A RequestSigner for one credential under one fence."""
        return BoundSigner(self, credential, fence)

    async def fence_mark(self, account_id: str) -> int:
        """The highest fence that anything was signed under for this account: the store's is never lower."""
        answer, _ = await self._ask(_encode({"do": "fence_mark", "account_id": account_id}), _MARK)
        return answer.mark

    async def key_names(self) -> tuple[str, str]:
        """The names of the master key in use and, from a signer that changes it, of the next one; else empty."""
        names, _ = await self._ask(_encode({"do": "key_names"}), _KEY_NAMES)
        return names.current, names.following

    async def reseal(self, credential: Credential) -> tuple[bytes, str]:
        """The key's sealed form under the next master key, and its fingerprint there. Raises SignerRefused."""
        answer, sealed = await self._ask(_named(credential) + b'{"do":"reseal"}', _RESEALED)
        return bytes(sealed), answer.fingerprint

    async def backup_key(self, salt: bytes) -> tuple[str, bytes]:
        """The master key's name, and the key for the backup with this salt."""
        answer, key = await self._ask(_encode({"do": "backup_key"}), _KEY_NAME, bytearray(salt))
        return answer.key_name, bytes(key)

    async def close(self) -> None:
        """Close the connection; a later request opens it again."""
        async with self._turn:
            if self._connection is not None:
                self._connection.end()
                await self._connection.ended.wait()
                self._connection = None

    async def _ask(self, head: bytes, answer: msgspec.json.Decoder[T], *parts: bytearray) -> tuple[T, Beside]:
        try:
            frame = frames.pack(head, *parts)
        except frames.MalformedFrameError as error:
            raise SignerRefused("malformed", "the request is too long for the signer") from error
        try:
            async with self._turn:
                text, beside = await self._exchange(frame)
        finally:
            frame[:] = bytes(len(frame))
        try:
            return answer.decode(text), beside
        except msgspec.DecodeError:
            raise _problem(text) from None

    async def _exchange(self, frame: bytearray) -> tuple[bytes, Beside]:
        """Send and receive, over a new connection if the old one has gone: an unused signature harms nobody."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                if self._connection is None or self._connection.is_over:
                    self._connection = await self._connected()
                return await self._connection.exchange(frame)
            except (OSError, TimeoutError, frames.MalformedFrameError) as error:
                if loop.time() + pause > give_up_at:
                    raise SignerUnavailable("the signer does not answer; is it running?") from error
            await asyncio.sleep(pause)
            pause *= 2

    async def _connected(self) -> "_Connection":
        async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_unix_connection(_Connection, str(self._path))
            return connection


class _Connection(asyncio.BufferedProtocol):
    """One exchange after another. Whatever goes wrong in one of them ends the connection."""

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._inbox = frames.Inbox()
        self._answer: asyncio.Future[tuple[bytes, Beside]] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be asked here."""
        return self._transport.is_closing()

    async def exchange(self, frame: bytearray) -> tuple[bytes, Beside]:
        """The answer to `frame`. Raises OSError, TimeoutError or MalformedFrameError."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[bytes, Beside]] = loop.create_future()
        self._answer = answer
        limit = loop.call_later(ANSWER_WITHIN_SECONDS, self.end, TimeoutError("the signer is silent"))
        try:
            self._transport.write(frame)
            return await answer
        finally:
            limit.cancel()
            if self._answer is not None:
                self.end()

    def end(self, error: Exception | None = None) -> None:
        """Close at once; whoever waits for an answer is told why."""
        self._transport.abort()
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error or ConnectionResetError("the connection to the signer was closed"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(exc)
        self.ended.set()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - a frame's bound, not the loop's wish
        return self._inbox.free()

    def buffer_updated(self, nbytes: int) -> None:
        self._inbox.filled(nbytes)
        try:
            frame = self._inbox.take()
        except frames.MalformedFrameError as error:
            self.end(error)
            return
        if frame is None:
            return
        if self._answer is None or self._answer.done() or len(self._inbox):
            self.end(frames.MalformedFrameError("the signer told more than it was asked"))
            return
        self._answer.set_result(frame)
        self._answer = None


class BoundSigner:
    """Signs for one credential under one fence: what an adapter gets (`venues.base.RequestSigner`)."""

    __slots__ = ("_client", "_opening")

    def __init__(self, client: SignerClient, credential: Credential, fence: int) -> None:
        self._client = client
        self._opening = _opening(credential, fence)

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        """One call, built and signed."""
        return await self._client._sign(self._opening, operation, parameters)  # noqa: SLF001 - its other half


def _opening(credential: Credential, fence: int) -> bytes:
    """What every wish of one credential under one fence begins with: the first object, and a second that goes on."""
    return _named(credential) + b'{"do":"sign","fence":%d,' % fence


def _named(credential: Credential) -> bytes:
    """The first object of a head: which sealed key is meant."""
    names = {
        "account_id": credential.account_id,
        "venue": credential.venue,
        "credential_id": credential.credential_id,
        "environment": credential.environment.value,
        "revision": credential.revision,
        "sealed": credential.sealed.decode("ascii", errors="replace"),
        "policy": (credential.policy or b"").decode("ascii", errors="replace"),
    }
    return _encode(names) + b"\n"


def _raw(value: str | bytearray) -> bytearray:
    return bytearray(value.encode(errors="replace") if isinstance(value, str) else value)


def _problem(text: bytes) -> Exception:
    """The error that an answer tells which is not the one that was hoped for."""
    try:
        problem = _PROBLEM.decode(text)
    except msgspec.DecodeError:
        return SignerUnavailable("the signer gave an answer that cannot be read")
    if problem.error == "refused":
        return SignerRefused(problem.code, problem.message)
    if problem.error == "invalid_secret":
        return InvalidSecret(problem.code, problem.message)
    return SignerUnavailable(problem.message)
