"""Reading messages for the judge: each id counts once, whatever the laboratory or somebody else sends again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from flows.webhooks.checking import Genuine, Keys, KeysMissing, Refused, check
from flows.webhooks.keys import keys_of
from flows.webhooks.message import Received, is_message, read
from loop.record import EnvelopeRecord, Verdict

if TYPE_CHECKING:
    from flows.engine.looking.view import View

# What only a message that the laboratory signed can come to.
_GENUINE = frozenset({Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.CONTRADICTORY})


@dataclass(frozen=True, slots=True)
class Told:
    """The result that a message brings, as text."""

    text: str
    is_repeated: bool  # the laboratory said so before: it may count now as a result, and warns of nothing new


class MessageReader:
    """Reads the messages of one campaign; keys and what came before are looked up when the first one is read."""

    def __init__(self, view: View) -> None:
        self._view = view

    def read(self, envelope: EnvelopeRecord) -> Told | Refused:
        """The result that a message brings, or why it counts for nothing.

        A replay warns of nothing new, whatever became of the first and whatever unsigned header was changed.

        Raises:
            KeysMissing: The environment lacks the key.
        """
        message = read(envelope.payload)
        found = check(message, self._keys)
        is_repeated = (message.id, message.body) in self._heard
        if isinstance(found, Genuine) or found.is_signed:
            self._heard.add((message.id, message.body))
        if isinstance(found, Genuine):
            found = self._fitting(found, message, envelope.key)
        if isinstance(found, Refused):
            return replace(found, is_signed=False) if is_repeated else found
        return Told(json.dumps(found.result, sort_keys=True), is_repeated)

    def _fitting(self, found: Genuine, message: Received, key: str | None) -> Genuine | Refused:
        """A message by the laboratory, as far as it is about this campaign and its id is new."""
        if found.key != key:
            return Refused(Verdict.MALFORMED, f"the key {found.key[:80]!r} is none that a laboratory is given", True)
        if found.campaign != self._view.name:
            return Refused(Verdict.FOREIGN, f"the message is about campaign {found.campaign[:80]!r}", True)
        if (first := self._seen.get(found.id)) is None:
            self._seen[found.id] = message.body
            return found
        if first == message.body:
            return Refused(Verdict.DUPLICATE, f"message {found.id} came before")
        rule = f"message {found.id} came before with another text"
        return Refused(Verdict.CONTRADICTORY, f"{rule}; give each message an id of its own", True)

    @cached_property
    def _keys(self) -> Keys:
        return keys_of(self._view.spec.laboratory.options)

    @cached_property
    def _judged(self) -> list[tuple[Verdict, Received]]:
        """The messages that were judged, with what they came to."""
        envelopes = self._view.ledger.envelopes(self._view.name)
        return [(e.verdict, read(e.payload)) for e in envelopes if is_message(e.source) and e.verdict is not None]

    @cached_property
    def _seen(self) -> dict[str, bytes]:
        """Bodies of the messages that counted, by id."""
        known: dict[str, bytes] = {}
        for verdict, message in self._judged:
            if verdict in _GENUINE:
                known.setdefault(message.id, message.body)
        return known

    @cached_property
    def _heard(self) -> set[tuple[str, bytes]]:
        """Ids and bodies of all that the laboratory signed, also of what counted for nothing."""
        return {(m.id, m.body) for verdict, m in self._judged if verdict in _GENUINE or self._is_signed(m)}

    def _is_signed(self, message: Received) -> bool:
        try:
            found = check(message, self._keys)
        except KeysMissing:  # nor can a replay of it be judged without that key
            return False
        return isinstance(found, Genuine) or found.is_signed
