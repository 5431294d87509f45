"""The contract's requests, one method each: documents in, documents out, and whatever is neither is unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from adapters.errors import KeyReused
from adapters.http.contract import (
    Cancellation,
    Experiment,
    KeyTaken,
    Laboratory,
    Message,
    Messages,
    Refusal,
    Results,
    Submission,
    UnknownKey,
)
from adapters.http.wire import Wire
from loop.contracts import Handle
from loop.errors import AdapterUnavailable


class Service:
    """One laboratory, asked. Every method may raise ``AdapterUnavailable``, after which nothing is known."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def about(self) -> Laboratory:
        return self._wire.get("/laboratory").read(Laboratory)

    def look(self, handle: Handle) -> Experiment | UnknownKey:
        """What the laboratory says of a key. It is unknown only where the laboratory itself says so, by name."""
        reply = self._wire.get(_path(handle))
        if reply.status == 404 and reply.is_one(UnknownKey):
            unknown = reply.read(UnknownKey)
            _same_key(unknown.key, handle)
            return unknown
        if reply.status != 200:
            raise AdapterUnavailable(
                f"{reply.asked} answered {reply.status} without saying that it does not know the key; check the url"
            )
        found = reply.read(Experiment)
        _same_key(found.key, handle)
        return found

    def submit(self, document: Submission) -> Experiment | Refusal:
        """Send an experiment.

        Raises:
            KeyReused: The laboratory knows the key, for another experiment.
        """
        reply = self._wire.post("/experiments", document, document.key)
        if reply.status == 422 and reply.is_one(Refusal):
            return reply.read(Refusal)
        if reply.status == 409 and reply.is_one(KeyTaken):
            raise KeyReused(document.key)
        if reply.status not in (200, 201, 202):
            raise AdapterUnavailable(
                f"{reply.asked} answered {reply.status} without saying what is wrong; the laboratory must keep the "
                "contract in openapi.yaml"
            )
        found = reply.read(Experiment)
        _same_key(found.key, Handle(document.key))
        return found

    def results(self, handle: Handle) -> Results:
        found = self._wire.get(f"{_path(handle)}/results").read(Results)
        _same_key(found.key, handle)
        return found

    def cancel(self, handle: Handle, reason: str) -> Experiment:
        found = self._wire.post(f"{_path(handle)}/cancel", Cancellation(reason=reason), handle).read(Experiment)
        _same_key(found.key, handle)
        return found

    def messages(self, campaign: str, after: int, wait: float) -> Sequence[Message]:
        """Messages about a campaign after a number, oldest first; waits so many seconds for one (long polling)."""
        query = {"campaign": campaign, "after": str(after), "wait": f"{wait:g}"}
        return self._wire.get("/messages", query, wait=wait).read(Messages).messages


def _path(handle: Handle) -> str:
    return f"/experiments/{quote(handle, safe='')}"


def _same_key(said: str, handle: Handle) -> None:
    if said != handle:
        raise AdapterUnavailable(f"asked for {handle!r}, the laboratory answered for {said[:80]!r}; it must be mended")
