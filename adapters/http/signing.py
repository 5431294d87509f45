"""Signatures of messages, as Standard Webhooks says: HMAC-SHA256 over ``id.timestamp.body``, base64, ``v1,`` before it.

Several stand side by side, parted by spaces, while keys are changed. A key id says which key was used; without one
every key is tried. A key that begins with ``whsec_`` is the base64 after it, as that specification writes keys; any
other one is its own text.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress


def sign(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """The signature of a message."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def is_signed(
    keys: Mapping[str, str], message_id: str, timestamp: str, body: bytes, signatures: str, key_id: str = ""
) -> bool:
    """Whether one of the signatures is by one of the keys (by ``key_id``, where the message names it).

    An id with a dot is refused: "a.1" at "2" would be signed like "a" at "1.2".
    """
    if "." in message_id or "." in timestamp:
        return False
    candidates = list(keys.values()) if not key_id else [keys[key_id]] if key_id in keys else []
    fits = False
    for secret in candidates:
        right = sign(secret, message_id, timestamp, body).encode()
        for given in signatures.split():
            fits |= hmac.compare_digest(right, given.encode("utf-8", "replace"))
    return fits


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        with suppress(ValueError):
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()
