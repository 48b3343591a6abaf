"""A passkey authenticator in a few lines, and the wrong ones that an attacker would have."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

RP_ID, ORIGIN = "jarvis.example.org", "https://jarvis.example.org"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One passkey on one device. `step` is how much its count of signatures grows; 0 for one that does not count."""

    flags: int = PRESENT | VERIFIED
    step: int = 1
    origin: str = ORIGIN
    rp_id: str = RP_ID
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    user_handle: str = ""

    def enrol(self, options_json: str) -> str:
        """The answer to the options of a registration."""
        options = json.loads(options_json)
        self.user_handle = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(public)
        told = self._told(self.flags | ATTESTED) + attested
        return self._answer(
            clientDataJSON=self._client("webauthn.create", options["challenge"]),
            attestationObject=cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told}),
            transports=["internal", "hybrid", "telepathy"],
        )

    def sign(self, options_json: str) -> str:
        """The answer to the options of a sign-in or a proof."""
        self.count += self.step
        told, client = self._told(self.flags), self._client("webauthn.get", json.loads(options_json)["challenge"])
        signature = self.key.sign(told + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=client,
            authenticatorData=told,
            signature=signature,
            userHandle=base64url_to_bytes(self.user_handle),
        )

    def _told(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, **parts: bytes | list[str]) -> str:
        name = bytes_to_base64url(self.credential_id)
        response = {key: bytes_to_base64url(part) if isinstance(part, bytes) else part for key, part in parts.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
