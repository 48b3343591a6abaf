"""A signer without its process, for tests and simulation: the same core, the same refusals, no socket."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from jarvis.domain.account import AccountId, Credential, CredentialId, Environment, SigningPolicy, VenueName
from jarvis.domain.instrument import Pair
from jarvis.domain.money import Asset
from jarvis.signer.core import SigningCore
from jarvis.signer.errors import SignerUnavailable
from jarvis.signer.records import KeyIdentity, SealVerdict
from jarvis.venues.base import SignedRequest

MASTER_KEY = bytes(range(32))
WIDE = SigningPolicy(
    {
        Pair(Asset(base), Asset(quote)): Decimal(10**9)
        for base in ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LTC", "LINK", "BNB")
        for quote in ("USD", "USDT")
    }
)
"""What lets everything be opened, for tests of other things."""


def made_up_key(seed: str) -> tuple[str, str]:
    """A key and a secret in the shapes of Kraken's, the same for the same seed."""
    digest = hashlib.sha512(seed.encode()).digest()
    return base64.b64encode(digest[:42]).decode(), base64.b64encode(hashlib.sha512(digest).digest()).decode()


class InProcessSigner:
    """What SignerClient offers, over a SigningCore of its own. `down` makes it unreachable."""

    def __init__(self, now_ns: Callable[[], int], *, state: Path | None = None, master_key: bytes = MASTER_KEY) -> None:
        self.core = SigningCore(master_key, now_ns, state)
        self.down = False

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
        self._reach()
        return self.core.seal(
            account_id=account_id,
            venue=venue,
            credential_id=credential_id,
            environment=environment,
            api_key=api_key,
            secret=secret,
            passphrase=passphrase,
            revision=revision,
        )

    async def sign(
        self, credential: Credential, fence: int, operation: str, parameters: Mapping[str, str]
    ) -> SignedRequest:
        self._reach()
        call = self.core.sign(credential, fence, operation, parameters)
        return SignedRequest(call.method, call.path, call.headers, call.body)

    async def public_id(self, credential: Credential) -> str:
        return (await self.identify(credential)).public_id

    async def identify(self, credential: Credential) -> KeyIdentity:
        self._reach()
        return self.core.identify(credential)

    async def seal_seed(self, *, user_id: str, seed: bytes) -> bytes:
        self._reach()
        return self.core.seal_seed(user_id, bytearray(seed))

    async def match_code(self, *, user_id: str, sealed: bytes, code: str, now_seconds: int | None = None) -> int | None:
        self._reach()
        return self.core.match_code(user_id, sealed, code, now_seconds)

    async def seal_audit(self, number: int, chain_hash: bytes) -> bytes:
        self._reach()
        return self.core.seal_audit(number, chain_hash)

    async def check_audit_seal(self, number: int, chain_hash: bytes, seal: bytes) -> SealVerdict:
        self._reach()
        return self.core.check_audit_seal(number, chain_hash, seal)

    async def audit_mark(self) -> int:
        self._reach()
        return self.core.audit_mark()

    def credential(
        self,
        api_key: str,
        secret: str,
        *,
        account_id: str = "account",
        venue: str = "kraken",
        passphrase: str | None = None,
    ) -> Credential:
        """A sealed sandbox credential for this key."""
        sealed = self.core.seal(
            account_id=account_id,
            venue=venue,
            credential_id=f"{account_id}-key",
            environment=Environment.SANDBOX,
            api_key=api_key,
            secret=secret,
            passphrase=passphrase,
        )
        row = Credential(
            AccountId(account_id), VenueName(venue), CredentialId(f"{account_id}-key"), Environment.SANDBOX, sealed
        )
        return replace(row, policy=self.core.seal_policy(row, WIDE))

    def bound(self, credential: Credential, fence: int = 1) -> "BoundInProcess":
        return BoundInProcess(self, credential, fence)

    def _reach(self) -> None:
        if self.down:
            raise SignerUnavailable("the signer does not answer")


@dataclass(frozen=True, slots=True)
class BoundInProcess:
    """A RequestSigner for one credential under one fence."""

    signer: InProcessSigner
    credential: Credential
    fence: int

    async def sign(self, operation: str, parameters: Mapping[str, str]) -> SignedRequest:
        return await self.signer.sign(self.credential, self.fence, operation, parameters)
