"""What the laws are tried with: a clock, proposals and rounds, outcomes, and attempts on their way."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from loop.contracts import Ledger, Work
from loop.experiment import Event, State
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import (
    Arm,
    AttemptRecord,
    Candidate,
    EnvelopeDraft,
    Lease,
    ObservationRecord,
    Place,
    Prediction,
    ProposalDraft,
    RoundDraft,
)

SPEC: Final = {"campaign": "coupling", "space": {"ligand": {"options": ["PPh3", "XPhos"]}}, "budget": 50}
HOUR: Final = timedelta(hours=1)


class Clock:
    """A clock that a test moves; each reading is a millisecond after the one before."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def advance(self, step: timedelta) -> None:
        """Let time pass."""
        self.now += step


def candidate(number: int) -> Candidate:
    """A point with a structure, told from the others by its temperature."""
    return Candidate({"ligand": "PPh3", "temperature": 90.0 + number}, {"ligand": "c1ccc(P(c2ccccc2)c2ccccc2)cc1"})


def proposal(
    position: int, *, run_order: int | None = None, replicates: int = 1, place: Place | None = None
) -> ProposalDraft:
    """A proposal with all that can be said of one."""
    return ProposalDraft(
        candidate(position),
        Arm.MODEL,
        position,
        position if run_order is None else run_order,
        replicates,
        "best expected improvement",
        "committee",
        "improvement",
        -0.25,
        (
            Prediction("yield", "committee", 61.5, 7.25, None),
            Prediction("yield", "onehot", 60.0, 8.0, 0.75),
            Prediction("yield", "descriptors", 66.0, 5.0, 0.25),
        ),
        "PPh3, 90 degC",
        0.125,
        place,
    )


def batch(number: int = 1, *proposals: ProposalDraft, **changes: Any) -> RoundDraft:
    """A round; of two proposals unless they are given."""
    said: dict[str, Any] = {
        "number": number,
        "seed": 2**40 + number,
        "data_version": 0,
        "surrogate": "committee",
        "model": {"weights": [0.75, 0.25], "lengthscale": {"onehot": 0.5}},
        "notes": ("member 'tanimoto' was dropped: no structure varies",),
        "environment": {"torch": "2.13", "botorch": "0.18"},
        "observations": (),
        "pending": (),
        "proposals": proposals or (proposal(0), proposal(1)),
        "approved": True,
    }
    return RoundDraft(**{**said, **changes})


def measured(value: float = 61.0, **more: Any) -> Measured:
    """A yield."""
    return Measured((Measurement("yield", value, "%", value, **more),))


OUTCOMES: Final[tuple[Outcome, ...]] = (
    measured(61.0, sd=1.5, canonical_sd=1.5, n=3, channel="hplc"),
    Measured((Measurement("gap", 4.25, "eV", 4.25), Measurement("dipole", 3e-30, "C*m", 0.9, n=1))),
    Negative("no conversion"),
    Negative("below detection", (Measurement("yield", 1.0, "%", 1.0, qualifier=Qualifier.BELOW),)),
    Fault(FaultKind.CONVERGENCE_ERROR, "SCF did not converge in 250 steps", informative=True),
    Fault(FaultKind.INSTRUMENT_FAULT, "needle clogged", informative=False),
)


def with_point(draft: ProposalDraft, point: Candidate) -> ProposalDraft:
    """The proposal, of another candidate."""
    values = {name: getattr(draft, name) for name in ProposalDraft.__slots__}
    return ProposalDraft(**{**values, "candidate": point})


def everything(ledger: Ledger) -> object:
    """All that can be read, to be compared before and after."""
    return [
        (
            campaign,
            ledger.rounds(campaign.name),
            ledger.proposals(campaign.name),
            ledger.attempts(campaign.name),
            [ledger.events(attempt.key) for attempt in ledger.attempts(campaign.name)],
            ledger.envelopes(campaign.name),
            ledger.observations(campaign.name, with_retracted=True),
            ledger.decisions(campaign.name),
            ledger.stops(campaign.name, with_lifted=True),
            ledger.artifacts(campaign.name),
            ledger.audit(),
        )
        for campaign in ledger.campaigns()
    ]


def started(ledger: Ledger, lease: Lease, n: int = 2) -> tuple[AttemptRecord, ...]:
    """A round of ``n`` attempts, each about to be sent."""
    with ledger.work(lease) as work:
        work.record_round(batch(1, *(proposal(i) for i in range(n))))
    attempts = ledger.attempts("coupling")
    with ledger.work(lease) as work:
        for attempt in attempts:
            work.move(attempt.key, Event.CLAIMED)
    return attempts


def finished(ledger: Ledger, lease: Lease, n: int = 2) -> tuple[ObservationRecord, ...]:
    """A round of ``n`` attempts, each measured."""
    attempts = started(ledger, lease, n)
    with ledger.work(lease) as work:
        return tuple(accepted(work, attempt.key, float(number)) for number, attempt in enumerate(attempts))


def accepted(work: Work, key: str, value: float) -> ObservationRecord:
    """The attempt, ended with a yield of ``value``."""
    return work.accept(work.receive(EnvelopeDraft("robot", key, f'{{"yield": {value}}}')).id, measured(value))


# How an attempt comes to be in each state.
_WAYS: Final[dict[State, tuple[Event, ...]]] = {
    State.READY: (),
    State.SENDING: (Event.CLAIMED,),
    State.SUBMITTED: (Event.CLAIMED, Event.ACCEPTED),
    State.RUNNING: (Event.CLAIMED, Event.ACCEPTED, Event.STARTED),
    State.ENDED: (Event.CLAIMED, Event.OUTCOME),
    State.AMBIGUOUS: (Event.CLAIMED, Event.DOUBTED),
    State.CANCELLED: (Event.CANCEL,),
    State.EXPIRED: (Event.EXPIRE,),
}


def in_state(ledger: Ledger, lease: Lease, state: State, n: int = 1) -> tuple[str, ...]:
    """The keys of ``n`` attempts that are in ``state``."""
    with ledger.work(lease) as work:
        work.record_round(batch(1, *(proposal(i) for i in range(n))))
    keys = tuple(attempt.key for attempt in ledger.attempts("coupling"))
    with ledger.work(lease) as work:
        for key, event in itertools.product(keys, _WAYS[state]):
            if event is Event.OUTCOME:
                accepted(work, key, 61.0)
            else:
                work.move(key, event)
    assert {ledger.attempt(key).state for key in keys} == {state}
    return keys
