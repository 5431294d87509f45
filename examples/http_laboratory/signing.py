"""Signed messages after the Standard Webhooks specification, so that the receiver knows who sent what, and when."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time


def signed(message_id: str, body: str, key_id: str, secret: str) -> dict[str, str]:
    """The headers of a message: HMAC-SHA256 over id, time and body, in base64."""
    timestamp = str(int(time.time()))
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    digest = hmac.new(key, f"{message_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-key-id": key_id,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
