"""What tests of messages share: a campaign whose laboratory is at work, and messages of every kind about it."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapters.http.signing import sign
from db.ledger import open_ledger
from flows.engine import tick
from flows.settings import Settings
from flows.webhooks.door import LARGEST, Door
from flows.webhooks.inbox import Inbox
from flows.webhooks.keys import keys_of
from flows.webhooks.message import received, write
from loop.record import EnvelopeRecord
from tests.adapters.http.http_servers import Asked, Laboratory, speaking
from tests.flows.engine.bench import add, cheap_planner

NOW = 1_800_000_000.0  # of every clock here
SECTION = {"webhook_keys": {"k1": "$LAB_KEY", "k2": "$LAB_KEY_2"}}
SECRETS = {"LAB_KEY": "first-secret", "LAB_KEY_2": "second-secret"}


def begin(settings: Settings, folder: Path, **section: Any) -> list[str]:
    """A campaign with four experiments in a laboratory that is still at them; returns their keys."""

    def at_work(asked: Asked) -> bytes:
        if asked.method == "POST":
            laboratory.known[asked.document["key"]] = asked.document
            laboratory.states[asked.document["key"]] = "running"
        return laboratory.honest(asked)

    with speaking(Laboratory()) as laboratory:
        laboratory.answers = at_work
        options = {"adapter": "http", "url": laboratory.url, **SECTION, **section}
        name = add(settings, folder, laboratory=options)
        tick(settings, name, planner=cheap_planner)
        keys = list(laboratory.known)
    assert len(keys) == 4
    return keys


@dataclass(frozen=True)
class Sent:
    """A message on its way, and how it is cut there."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""


def body_of(key: str, value: float = 50.0, *, campaign: str = "small", **more: Any) -> bytes:
    result = {"outcome": "measured", "values": [{"property": "yield", "value": value, "unit": "%"}]}
    news = {"contract": "hakken-laboratory/1", "campaign": campaign, "key": key, "result": result}
    return json.dumps(news | more).encode()


def signed(
    body: bytes, message_id: str = "m1", *, at: float = NOW, secret: str = "first-secret", key_id: str = "k1"
) -> Sent:
    """As the laboratory sends it."""
    stamp = str(int(at))
    headers = {"webhook-id": message_id, "webhook-timestamp": stamp, "content-type": "application/json"}
    headers |= {"webhook-signature": sign(secret, message_id, stamp, body)}
    return Sent(body, headers | ({"webhook-key-id": key_id} if key_id else {}))


def door_of(settings: Settings, *, now: float = NOW, **more: Any) -> Door:
    from loop.spec import CampaignSpec

    with open_ledger(settings.database) as ledger:
        spec = CampaignSpec.from_resolved(ledger.campaign("small").spec)
    keys = keys_of(spec.laboratory.options)
    return Door(Inbox(settings, "small"), keys, lambda: None, clock=lambda: now, **more)


def send(url: str, sent: Sent) -> int:
    """Over a real connection; the status, 0 where the sender went away before it could be answered."""
    if sent.cut:
        where = urlsplit(url)
        with socket.create_connection((where.hostname, where.port)) as connection:
            head = f"POST /messages HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent.body)}\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in sent.headers.items())
            connection.sendall(head.encode() + b"\r\n" + sent.body[: len(sent.body) // 2])
        return 0
    try:
        with httpx.Client(trust_env=False, verify=False) as client:
            return client.post(f"{url}/messages", content=sent.body, headers=sent.headers).status_code
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        return 0  # a body that is too long is not read to its end


def as_kept(sent: Sent, now: float = NOW) -> str:
    """The envelope that a whole message becomes."""
    return write(received(sent.headers, sent.body, now=now, window=300.0, size=len(sent.body)))


def wait_for(inbox: Inbox, count: int) -> None:
    """Until so many messages lie in the inbox: a sender who went away is not told when his was kept."""
    until = time.monotonic() + 120.0
    while sum(1 for _ in inbox.waiting()) < count:
        assert time.monotonic() < until, "a message was not kept"
        time.sleep(0.005)


def values(settings: Settings) -> dict[str | None, list[float]]:
    """What counts, by attempt."""
    found: dict[str | None, list[float]] = {}
    with open_ledger(settings.database) as ledger:
        for o in ledger.observations("small"):
            found.setdefault(o.key, []).extend(m.value for m in o.outcome.measurements)
    return found


def envelopes(settings: Settings) -> list[EnvelopeRecord]:
    with open_ledger(settings.database) as ledger:
        return [e for e in ledger.envelopes("small") if e.source.startswith("message:")]


TOO_LONG = b"x" * (LARGEST + 1)
