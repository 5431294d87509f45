"""What a person decides of proposals that wait: approved, or refused with a meaning, which stays on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Final

from flows.engine.looking.view import rounds_of
from flows.engine.people.writing import deciding
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.contracts import Ledger
from loop.decision import DecisionDraft, DecisionKind
from loop.errors import LedgerError, NotFound
from loop.record import ProposalRecord

if TYPE_CHECKING:
    from flows.settings import Settings as Where

AGAIN: Final = "again"
MEANINGS: Final[Mapping[str, DecisionKind]] = {
    "cannot": DecisionKind.CANNOT,
    "preference": DecisionKind.PREFERENCE,
    AGAIN: DecisionKind.PREFERENCE,  # and lifted at once
}


def approve(
    settings: Where,
    name: str,
    round_number: int,
    *,
    by: str,
    why: str = "",
    refuse: bool = False,
    only: Sequence[int] = (),
    meaning: str | None = None,
) -> int:
    """Approve (or refuse) the proposals of a round that wait for it; returns how many.

    Args:
        settings: Where the record is.
        name: The campaign.
        round_number: The round.
        by: Who decides.
        why: The reason; a refusal with a meaning needs one.
        refuse: Refuse them instead.
        only: Numbers of the proposals as ``hakken show`` gives them; all that wait where left out.
        meaning: Of a refusal: ``cannot`` (it cannot be made: that trains feasibility, and warns of its neighbours),
            ``preference`` (it is kept out, and says nothing of others) or ``again`` (it may be proposed again: its
            plate or its moment was wrong).

    Raises:
        NotFound: There is no such round, or no such proposal in it.
        LedgerError: Nothing of it waits for a decision, or a reason is missing.
    """
    if meaning is not None and meaning not in MEANINGS:
        first, *others = MEANINGS
        raise LedgerError(f"a refusal means {', '.join((first, *others[:-1]))} or {others[-1]}, not {meaning!r}")
    if meaning is not None and not refuse:
        raise LedgerError("only a refusal has a meaning; add --refuse, or leave --meaning out")
    if meaning is not None and not why.strip():
        raise LedgerError("a refusal with a meaning needs a reason, which stays on record; give it with --why")
    with open_record(settings) as ledger:

        def look() -> list[ProposalRecord]:
            return waiting_for_approval(ledger, name, round_number, only)

        with deciding(settings, ledger, name, by, look) as (work, waiting):
            for proposal in waiting:
                work.decide(proposal.id, not refuse, by, why)
                if meaning is not None:
                    candidate = dict(proposal.draft.candidate.settings)
                    said = work.settle(DecisionDraft(MEANINGS[meaning], by, why, candidate, proposal_id=proposal.id))
                    if meaning == AGAIN:
                        work.settle(DecisionDraft(DecisionKind.LIFT, by, "it may be proposed again", lifts=said.id))
        reached("approve.decided")
        return len(waiting)


def waiting_for_approval(ledger: Ledger, name: str, round_number: int, only: Sequence[int]) -> list[ProposalRecord]:
    ledger.round(name, round_number)
    proposals = ledger.proposals(name, round_number)
    waiting = [p for p in proposals if p.approved is None]
    chosen = [_undecided(ledger, name, round_number, proposals, number) for number in dict.fromkeys(only)]
    if not waiting:
        raise LedgerError(
            f"round {round_number} of campaign {name!r} waits for no decision{_deciders(proposals)}; "
            f"{_elsewhere(ledger, name)}"
        )
    return chosen or waiting


def _undecided(
    ledger: Ledger, name: str, round_number: int, proposals: Sequence[ProposalRecord], number: int
) -> ProposalRecord:
    """The proposal of this number, which waits for a decision; ``proposals`` are its round's."""
    mine = [p for p in proposals if p.draft.run_order + 1 == number]
    if not mine:
        wait = sorted(p.draft.run_order + 1 for p in proposals if p.approved is None)
        there = f"there wait {', '.join(map(str, wait))}" if wait else f"none of it waits, {_elsewhere(ledger, name)}"
        raise NotFound(f"round {round_number} of campaign {name!r} has no proposal {number}; {there}")
    undecided = [p for p in mine if p.approved is None]
    if not undecided:
        refused = all(not p.approved for p in mine)
        word = "edited" if len(mine) > 1 else "refused" if refused else "approved"
        ban = "" if refused else f"; where it was not sent yet, hakken ban {quote(name)} keeps it back"
        raise LedgerError(
            f"proposal {number} of round {round_number} was {word} already and a decision stands{_decider(mine)}; pin "
            f"the candidate that you want instead (hakken pin {quote(name)}){ban}"
        )
    return undecided[0]


def _decider(decided: Sequence[ProposalRecord]) -> str:
    """In brackets, who decided a proposal and why, where a person did; of one that was edited, who did that."""
    by, why = decided[0].by, decided[0].why.removeprefix("edited: ")
    return f" (by {by}{f': {why}' if why else ''})" if by else ""


def _deciders(proposals: Sequence[ProposalRecord]) -> str:
    """In brackets, who decided a round, where people did."""
    names = sorted({p.by for p in proposals if p.by})
    return f" (decided by {' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))})" if names else ""


def _elsewhere(ledger: Ledger, name: str) -> str:
    """Which round of a campaign waits for a decision, with the command; that nothing does."""
    others = [p for p in ledger.proposals(name) if p.approved is None]
    if not others:
        return "nothing does"
    n = rounds_of(others)[0]
    numbers = sorted(p.draft.run_order + 1 for p in others if p.round_number == n)
    which = f"proposal{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
    return f"round {n} does ({which}): hakken approve {quote(name)} {n}"
