"""Decisions: what a person says of a campaign besides approving and retracting. Kept as facts, never changed.

A decision counts from the round after the last one on record when it was made, so that every round can be planned
again from the decisions that were in force at its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from loop.errors import LedgerError
from loop.record import Json, ProposalDraft, ProposalRecord, Settings


class DecisionKind(StrEnum):
    """What was decided. Stored: values only grow."""

    CANNOT = "cannot_be_made"  # a candidate that was refused because it cannot be: information on its neighbours too
    PREFERENCE = "preference"  # a candidate that was refused for reasons of its own: it is kept out, no more
    EDIT = "edit"  # a proposal was changed into another
    PIN = "pin"  # a candidate is to be run in the next batch
    BAN = "ban"  # a candidate or a whole region is kept out
    LIFT = "lift"  # an earlier decision counts no more


MOST_TIMES: Final = 1_000  # experiments that one pin asks for
LIFTABLE = frozenset(DecisionKind) - {DecisionKind.EDIT, DecisionKind.LIFT}


@dataclass(frozen=True, slots=True)
class DecisionDraft:
    """A decision to be put on record.

    Attributes:
        settings: Of the candidate that it is about; empty for a region.
        region: Of a ban: ``exclude`` with options by parameter, ``where`` with ranges; as in a spec's constraint.
            ``patterns``, by parameter, are those whose molecules ``exclude`` has.
        proposal_id: The proposal that it is about, if it is about one.
        lifts: The decision that counts no more.
        times: How many experiments a pin asks for.
    """

    kind: DecisionKind
    by: str
    why: str
    settings: Settings = field(default_factory=dict)
    region: Json = field(default_factory=dict)
    proposal_id: str | None = None
    lifts: str | None = None
    times: int = 1

    @property
    def said_times(self) -> str:
        """How often a pinned candidate is to be run, behind what it is called; "" for once."""
        return f" ({self.times} times)" if self.times > 1 else ""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision on record. ``after_round`` is the last round there was: it counts from the next one on."""

    id: str
    number: int  # from 1, in the order made
    draft: DecisionDraft
    replacement_id: str | None  # of an edit: the proposal that came of it
    after_round: int
    at: datetime
    entry: int = 0  # of the audit log, that put it on record: tells before from after, whatever clocks say


@dataclass(frozen=True, slots=True)
class Amendment:
    """A proposal put in place of another, by a person."""

    proposal_id: str  # that it replaces
    draft: ProposalDraft
    by: str
    why: str


def in_force(decisions: Iterable[DecisionRecord], round_number: int) -> tuple[DecisionRecord, ...]:
    """The decisions that count for a round, in the order made: made before it, and not lifted before it."""
    made = [d for d in decisions if d.after_round < round_number]
    lifted = {d.draft.lifts for d in made if d.draft.kind is DecisionKind.LIFT}
    return tuple(d for d in made if d.id not in lifted and d.draft.kind is not DecisionKind.LIFT)


def check_decision(draft: DecisionDraft, known: Mapping[str, DecisionRecord], name: str) -> None:
    """Refuse a decision that says too little, or lifts what cannot be lifted; ``known`` are those on record by id.

    Raises:
        LedgerError: It is so; the message says what to do.
    """
    if not draft.why.strip():
        raise LedgerError(f"a decision ({draft.kind.value}) needs a reason, which stays on record; give it with --why")
    if not draft.by.strip():
        raise LedgerError(f"a decision ({draft.kind.value}) needs somebody who made it; give it with --by")
    if not (draft.times == 1 or (draft.kind is DecisionKind.PIN and 1 <= draft.times <= MOST_TIMES)):
        raise LedgerError(
            f"a pin asks for 1 to {MOST_TIMES} experiments, and nothing else for more than one, got {draft.times}"
        )
    if draft.kind is DecisionKind.LIFT:
        lifted = known.get(draft.lifts or "")
        if lifted is None:
            raise LedgerError(f"campaign {name!r} has no decision {draft.lifts!r} to lift; hakken decisions lists them")
        if lifted.draft.kind not in LIFTABLE:
            raise LedgerError(f"decision {lifted.number} ({lifted.draft.kind.value}) cannot be lifted; decide anew")
        if before := [d.draft for d in known.values() if d.draft.lifts == lifted.id]:
            raise LedgerError(
                f"decision {lifted.number} was lifted before (by {before[0].by}: {before[0].why}); hakken decisions "
                "shows what is in force"
            )
    elif draft.kind is DecisionKind.BAN:
        if not draft.settings and not (draft.region.get("exclude") or draft.region.get("where")):
            raise LedgerError("a ban names a candidate or a condition; give it with --where ligand=XPhos")
    elif not draft.settings:
        raise LedgerError(f"a decision ({draft.kind.value}) is about a candidate; give its settings")


def check_amendment(amendment: Amendment, proposal: ProposalRecord) -> None:
    """Refuse to put anything in place of a proposal that was decided.

    Raises:
        LedgerError: It was, or no reason is given.
    """
    if not amendment.why.strip():
        raise LedgerError("an edit needs a reason, which stays on record; give it with --why")
    if proposal.approved is not None:
        word = "approved" if proposal.approved else "refused"
        raise LedgerError(
            f"proposal {proposal.draft.position} of round {proposal.round_number} was {word} already and a decision "
            "stands; pin the candidate that you want instead (hakken pin)"
        )
