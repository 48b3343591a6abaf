"""What the other processes hold instead of a secret: a door to the signer.

One connection, one request at a time: a signature takes microseconds, and a request that is given up halfway closes
the connection, so that no answer can ever be taken for another's. A signer that is being restarted is waited for.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jarvis.domain.account import Credential, Environment
from jarvis.signer import frames
from jarvis.signer.errors import InvalidSecret, SignerRefused, SignerUnavailable
from jarvis.signer.records import KeyIdentity
from jarvis.venues.base import SignedRequest

ANSWER_WITHIN_SECONDS = 5.0
PATIENCE_SECONDS = 3.0
_FIRST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SignerHealth:
    """What the signer says about itself: counts since its start."""

    process_id: int
    signed: int
    refused: int
    security_events: int


class SignerClient:
    """Asks the signer process; belongs to one event loop."""

    def __init__(self, socket_path: Path, *, patience: float = PATIENCE_SECONDS) -> None:
        self._path = socket_path
        self._patience = patience
        self._turn = asyncio.Lock()
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

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
            _, sealed = await self._ask(head, *parts)
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
        head = {**_named(credential), "do": "sign", "fence": fence, "operation": operation}
        answer, body = await self._ask({**head, "parameters": dict(parameters)})
        match answer:
            case {"method": str(method), "path": str(path), "headers": dict(headers)}:
                return SignedRequest(method, path, headers, bytes(body))
            case _:
                raise _unreadable()

    async def public_id(self, credential: Credential) -> str:
        """The API key's first and last four characters, for showing which one it is."""
        return (await self.identify(credential)).public_id

    async def identify(self, credential: Credential) -> KeyIdentity:
        """What may be known of a sealed key: its ends, and a fingerprint that tells whether two are the same."""
        match await self._ask({**_named(credential), "do": "identify"}):
            case ({"public_id": str(public_id), "fingerprint": str(fingerprint)}, _):
                return KeyIdentity(public_id, fingerprint)
            case _:
                raise _unreadable()

    async def ping(self) -> SignerHealth:
        """What the signer says about itself. Raises SignerUnavailable."""
        match await self._ask({"do": "ping"}):
            case (
                {
                    "process_id": int(pid),
                    "signed": int(signed),
                    "refused": int(refused),
                    "security_events": int(events),
                },
                _,
            ):
                return SignerHealth(pid, signed, refused, events)
            case _:
                raise _unreadable()

    def bound(self, credential: Credential, fence: int) -> "BoundSigner":
        """A RequestSigner for one credential under one fence."""
        return BoundSigner(self, credential, fence)

    async def close(self) -> None:
        """Close the connection; a later request opens it again."""
        async with self._turn:
            await self._drop()

    async def _ask(self, head: Mapping[str, object], *parts: bytearray) -> tuple[dict[str, object], bytearray]:
        try:
            frame = frames.pack(head, *parts)
        except frames.MalformedFrameError as error:
            raise SignerRefused("malformed", "the request is too long for the signer") from error
        try:
            async with self._turn:
                answer, beside = await self._exchange(frame)
        finally:
            frame[:] = bytes(len(frame))
        match answer:
            case {"error": "refused", "code": str(code), "message": str(message)}:
                raise SignerRefused(code, message)
            case {"error": "invalid_secret", "code": str(code), "message": str(message)}:
                raise InvalidSecret(code, message)
            case {"error": _, "message": str(message)}:
                raise SignerUnavailable(message)
        return answer, beside

    async def _exchange(self, frame: bytearray) -> tuple[dict[str, object], bytearray]:
        """Send and receive, over a new connection if the old one has gone: an unused signature harms nobody."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._once(frame)
            except (OSError, TimeoutError, frames.MalformedFrameError) as error:
                if loop.time() + pause > give_up_at:
                    raise SignerUnavailable("the signer does not answer; is it running?") from error
            await asyncio.sleep(pause)
            pause *= 2

    async def _once(self, frame: bytearray) -> tuple[dict[str, object], bytearray]:
        done = False
        try:
            async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                if self._connection is None:
                    self._connection = await asyncio.open_unix_connection(self._path)
                reader, writer = self._connection
                writer.write(frame)
                await writer.drain()
                answer = await frames.read(reader)
            if answer is None:
                raise ConnectionResetError("the signer closed the connection")
            done = True
            return answer
        finally:
            if not done:
                await self._drop()

    async def _drop(self) -> None:
        if self._connection is not None:
            _, writer = self._connection
            self._connection = None
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


@dataclass(frozen=True, slots=True)
class BoundSigner:
    """Signs for one credential under one fence: what an adapter gets (`venues.base.RequestSigner`)."""

    client: SignerClient
    credential: Credential
    fence: int

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        """One call, built and signed."""
        return await self.client.sign(self.credential, self.fence, operation, parameters)


def _named(credential: Credential) -> dict[str, object]:
    return {
        "account_id": credential.account_id,
        "venue": credential.venue,
        "credential_id": credential.credential_id,
        "environment": credential.environment.value,
        "revision": credential.revision,
        "sealed": credential.sealed.decode("ascii", errors="replace"),
    }


def _raw(value: str | bytearray) -> bytearray:
    return bytearray(value.encode(errors="replace") if isinstance(value, str) else value)


def _unreadable() -> SignerUnavailable:
    return SignerUnavailable("the signer gave an answer that cannot be read")
