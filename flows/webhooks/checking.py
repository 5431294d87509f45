"""Checking: what is to be made of a message, by the keys of its laboratory. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from flows.webhooks.message import TRUNCATED, Received, counts_seconds
from loop.errors import HakkenError
from loop.named_once import named_once
from loop.record import Verdict


class KeysMissing(HakkenError):
    """The environment lacks a key by which a message may be signed; set it, and the message is judged."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a campaign's laboratory by their ids, and ids whose secrets are not in the environment."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: Mapping[str, str] = field(default_factory=dict)  # id, and the variable that should hold the secret
    window: float = 300.0  # seconds that a signature is good for


@dataclass(frozen=True, slots=True)
class Genuine:
    """The laboratory sent it, just now: a result of an attempt, still to be judged as one."""

    id: str
    campaign: str
    key: str
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """It counts for nothing."""

    verdict: Verdict
    why: str
    is_signed: bool = False  # the laboratory sent it all the same: what it says of danger is heard


Checked: TypeAlias = Genuine | Refused


def check(message: Received, keys: Keys) -> Checked:
    """Whether it is a whole message by the laboratory, just signed, about a result.

    Raises:
        KeysMissing: No key at hand fits, and another one is not in the environment.
    """
    if message.cut == TRUNCATED:
        whole = "" if message.size is None else f" of {message.size}"
        return Refused(Verdict.MALFORMED, f"the message broke off after {len(message.body)}{whole} bytes")
    if message.cut:
        return Refused(Verdict.MALFORMED, f"the message is too long; its first {len(message.body)} bytes are kept")
    if not (message.id and message.timestamp and message.signature):
        return Refused(Verdict.FOREIGN, "the message is not signed; set webhook-id, -timestamp and -signature")
    if not _is_signed(message, keys):
        said = f" {message.key_id!r}" if message.key_id else ""
        return Refused(Verdict.FOREIGN, f"the message is not signed by a key{said} of this laboratory, or was changed")
    found = _told(message)
    return replace(found, is_signed=True) if isinstance(found, Refused) else found


def _told(message: Received) -> Checked:
    """What a signed message says."""
    if not message.is_fresh:
        counts = "webhook-timestamp counts seconds since 1970 in UTC"
        if not counts_seconds(message.timestamp):
            return Refused(Verdict.LATE, f"{counts}, got {message.timestamp[:80]!r}; sign it anew")
        rule = f"the message was signed at {message.timestamp}, too far from the time at which it came"
        return Refused(Verdict.LATE, f"{rule}: it is replayed, or a clock is wrong ({counts}); sign it anew")
    if message.content_type.partition(";")[0].strip().lower() != "application/json":  # older envelopes kept it whole
        return Refused(Verdict.MALFORMED, f"the message must be application/json, got {message.content_type[:80]!r}")
    return _read(message)


def _is_signed(message: Received, keys: Keys) -> bool:
    from adapters.http.signing import is_signed

    told = (message.id, message.timestamp, message.body, message.signature, message.key_id)
    if is_signed(keys.secrets, *told):
        return True
    absent = [v for name, v in keys.missing.items() if message.key_id in ("", name)]
    if absent:
        raise KeysMissing(f"the environment variable {absent[0]} is not set; set it to the laboratory's key")
    return False


def _read(message: Received) -> Checked:
    try:
        said = json.loads(message.body, object_pairs_hook=named_once)
    except (ValueError, RecursionError) as error:
        return Refused(Verdict.MALFORMED, f"the message is not JSON ({error})")
    if not isinstance(said, dict) or said.get("contract") != "hakken-laboratory/1":
        return Refused(Verdict.MALFORMED, "the message must be an object with contract 'hakken-laboratory/1'")
    campaign, key, result = said.get("campaign"), said.get("key"), said.get("result")
    if not (isinstance(campaign, str) and isinstance(key, str) and isinstance(result, dict)):
        return Refused(Verdict.MALFORMED, "the message must hold campaign, key and result, an object with 'outcome'")
    if result.get("outcome") == "raw":
        return Refused(Verdict.MALFORMED, "a message brings values; files of instruments come by hakken ingest")
    return Genuine(message.id, campaign, key, result)
