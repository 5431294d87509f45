"""A message as it was received, and as an envelope that can be read again: nothing is judged here.

The envelope of a message that comes twice to the letter is one envelope, so a replay adds nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from loop.record import EnvelopeDraft

SOURCE: Final = "message:"  # before the name of the laboratory's adapter
TRUNCATED: Final = "truncated"
OVERSIZED: Final = "oversized"
_LONGEST: Final = 1000  # characters kept of a header


@dataclass(frozen=True, slots=True)
class Received:
    """What came, and what only the receiver could see of it."""

    id: str
    timestamp: str
    signature: str
    key_id: str
    content_type: str  # without parameters: nobody signs it, and each spelling would be another envelope
    body: bytes
    size: int | None  # as announced, in bytes; None where it was not
    cut: str = ""  # TRUNCATED: it broke off; OVERSIZED: the rest was not read
    is_fresh: bool = True  # its time was near the receiver's


def received(
    headers: Mapping[str, str], body: bytes, *, now: float, window: float, size: int | None = None, cut: str = ""
) -> Received:
    """A message by its headers, whose names are in small letters. ``now`` and ``window`` are in seconds."""
    told = {name: headers.get(f"webhook-{name}", "")[:_LONGEST] for name in ("id", "timestamp", "signature", "key-id")}
    return Received(
        told["id"],
        told["timestamp"],
        told["signature"],
        told["key-id"],
        _media_type(headers.get("content-type", "")[:_LONGEST]),
        body,
        size,
        cut,
        _is_near(told["timestamp"], now, window),
    )


def is_message(source: str) -> bool:
    """Whether an envelope is a message."""
    return source.startswith(SOURCE)


def draft(message: Received, adapter: str) -> EnvelopeDraft:
    """The message as an envelope, with the key that it says it is about."""
    return EnvelopeDraft(SOURCE + adapter, claimed_key(message.body), write(message))


def write(message: Received) -> str:
    """The message as the text of an envelope."""
    try:
        body: Any = message.body.decode("utf-8")
    except UnicodeDecodeError:
        body = {"base64": base64.b64encode(message.body).decode()}
    said = {name: getattr(message, name) for name in ("id", "timestamp", "signature", "key_id", "content_type")}
    seen = {"size": message.size, "cut": message.cut, "is_fresh": message.is_fresh}
    return json.dumps({"headers": said, **seen, "body": body}, sort_keys=True)


def read(payload: str) -> Received:
    """The message that ``write`` wrote."""
    said = json.loads(payload)
    body = said["body"]
    data = body.encode("utf-8") if isinstance(body, str) else base64.b64decode(body["base64"])
    return Received(**said["headers"], body=data, size=said["size"], cut=said["cut"], is_fresh=said["is_fresh"])


def claimed_key(body: bytes) -> str | None:
    """The attempt that a body says it is about, whoever wrote it; None where it says none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    key = said.get("key") if isinstance(said, dict) else None
    return key if isinstance(key, str) and 0 < len(key) <= 120 and key.isascii() and key.isprintable() else None


def result_said(payload: str) -> Mapping[str, Any] | None:
    """The result that an accepted message brought; None where there is none."""
    try:
        said = json.loads(read(payload).body)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    result = said.get("result") if isinstance(said, dict) else None
    return result if isinstance(result, dict) else None


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def counts_seconds(timestamp: str) -> bool:
    """Whether a timestamp may be seconds since 1970: neither milliseconds nor a date."""
    return timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12


def _is_near(timestamp: str, now: float, window: float) -> bool:
    return counts_seconds(timestamp) and abs(int(timestamp) - now) <= window
