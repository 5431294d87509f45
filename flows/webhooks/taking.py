"""Taking in: what waits in the inbox becomes envelopes, then is judged, as everything that a laboratory sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.engine.holding import PATIENCE, holding
from flows.engine.passes import call_off
from flows.engine.session import Session
from flows.engine.steps.ingesting import judge_all
from flows.webhooks.inbox import Inbox
from flows.webhooks.message import draft
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.record import Verdict
from loop.safety import told

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of messages."""

    messages: int = 0
    by_verdict: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> int:
        return self.by_verdict.get(Verdict.ACCEPTED.value, 0)

    def and_(self, other: Taken) -> Taken:
        """Both together."""
        both = Counter(self.by_verdict) + Counter(other.by_verdict)
        return Taken(self.messages + other.messages, dict(both), tuple(dict.fromkeys(self.notes + other.notes)))


def take_in(settings: Settings, name: str, *, patience: float = PATIENCE) -> Taken:
    """Store every message that waits, judge what was not judged yet, and let the stored ones go.

    Where a safety stop is among them, what runs is called off as the campaign files say.

    Killed anywhere, the next one goes on: a message stored twice is one envelope, and a judged one stays so.

    Raises:
        LeaseHeld: Somebody else works on the campaign and gives no way; the messages wait.
        NotFound: There is no such campaign.
    """
    inbox = Inbox(settings, name)
    found = list(inbox.waiting())
    if not found:
        return Taken()
    with open_record(settings) as ledger, holding(ledger, settings, name, patience=patience) as held:
        session = Session(settings, name, ledger, held)
        with session.work(actor="listen") as work:
            ids = [work.receive(draft(message, session.adapter)).id for _, message in found]
        reached("inbox.stored")
        session.refresh()
        judgements = judge_all(session)
        reached("inbox.judged")
        came = session.stops_since()
        for path, _ in found:
            path.unlink(missing_ok=True)
    halted = [f"campaign {name!r} is halted by {told(name, [stop])}" for stop in came]
    mine = Counter(j.verdict.value for j in judgements if j.envelope.id in ids)
    return Taken(len(found), dict(mine), (*session.tally.notes, *halted, *call_off(settings, came)))
