"""Reading messages for the judge: each id counts once, whatever the laboratory or somebody else sends again."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from flows.webhooks.checking import Keys, Refused, check
from flows.webhooks.keys import keys_of
from flows.webhooks.message import is_message, read
from loop.record import EnvelopeRecord, Verdict

if TYPE_CHECKING:
    from flows.engine.looking.view import View

# What only a message that the laboratory signed can come to.
_GENUINE = frozenset({Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.CONTRADICTORY})


class MessageReader:
    """Reads the messages of one campaign; keys and what came before are looked up when the first one is read."""

    def __init__(self, view: View) -> None:
        self._view = view

    def read(self, envelope: EnvelopeRecord) -> str | Refused:
        """The result that a message brings, as text; or why it counts for nothing.

        Raises:
            KeysMissing: The environment lacks the key.
        """
        message = read(envelope.payload)
        found = check(message, self._keys)
        if isinstance(found, Refused):
            is_known = found.is_signed and self._seen.get(message.id) == message.body  # a replay says nothing new
            return replace(found, is_signed=False) if is_known else found
        if found.key != envelope.key:
            return Refused(Verdict.MALFORMED, f"the key {found.key[:80]!r} is none that a laboratory is given", True)
        if found.campaign != self._view.name:
            return Refused(Verdict.FOREIGN, f"the message is about campaign {found.campaign[:80]!r}", True)
        if (first := self._seen.get(found.id)) is None:
            self._seen[found.id] = message.body
            return json.dumps(found.result, sort_keys=True)
        if first == message.body:
            return Refused(Verdict.DUPLICATE, f"message {found.id} came before")
        rule = f"message {found.id} came before with another text"
        return Refused(Verdict.CONTRADICTORY, f"{rule}; give each message an id of its own", True)

    @cached_property
    def _keys(self) -> Keys:
        return keys_of(self._view.spec.laboratory.options)

    @cached_property
    def _seen(self) -> dict[str, bytes]:
        """Bodies of the messages that the laboratory sent, by id."""
        known: dict[str, bytes] = {}
        for envelope in self._view.ledger.envelopes(self._view.name):
            if is_message(envelope.source) and envelope.verdict in _GENUINE:
                message = read(envelope.payload)
                known.setdefault(message.id, message.body)
        return known
