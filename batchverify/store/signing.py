"""Ed25519: the signature under an audit report, and the looking at one.

The one thing to know: a signature says that somebody with this key wrote these bytes, and nothing about when. Who owns
the machine owns the key; only a key and a head that are kept elsewhere show that both were written anew.
"""

from __future__ import annotations

import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALGORITHM = "Ed25519"
_PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


class Signer:
    """Signs with the key that 32 secret bytes stand for. `public_key` is 64 hex digits, for everybody to keep."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, message: bytes) -> str:
        """Give the signature of a message: 128 hex digits, the same each time."""
        return self._key.sign(message).hex()


def is_signed(message: bytes, *, public_key: str, signature: str) -> bool:
    """Tell whether the signature is this key's under this message. What is no key or no signature is not."""
    if not (is_public_key(public_key) and _SIGNATURE.fullmatch(signature)):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def is_public_key(text: str) -> bool:
    """Tell whether a text is spelled like a public key.

    >>> is_public_key("ab" * 32), is_public_key("AB" * 32), is_public_key("ab")
    (True, False, False)
    """
    return _PUBLIC_KEY.fullmatch(text) is not None


def fingerprint(public_key: str) -> str:
    """Give a key in a form that two people can compare by eye: the first 16 bytes of its SHA-256, in groups of four digits.

    >>> fingerprint("ab" * 32)
    '9a2d b2e2 3f15 04cd 0566 0655 3ac0 49c5'
    """
    digits = hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))
