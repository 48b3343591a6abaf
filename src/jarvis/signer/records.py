"""What the signer answers with. Nothing here is secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A call ready to be sent, byte for byte. The key's name is in its headers, the secret is not in it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class KeyIdentity:
    """What may be known of a sealed API key.

    `public_id` is its first and last four characters, to recognise it by. `fingerprint` is the same for the same key
    however often it was sealed, so that one key cannot serve two accounts; it tells nothing about the key.
    """

    public_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Counters:
    """What happened since the start."""

    signed: int = 0
    refused: int = 0
    security_events: int = 0


class SealVerdict(Enum):
    """What a countersignature is worth. One under a retired master key can be neither confirmed nor doubted."""

    GOOD = "good"
    BAD = "bad"
    RETIRED = "retired"
