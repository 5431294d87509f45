"""The conformance suite of ledgers: ``class TestMine(LedgerContract)`` with a ``ledger`` fixture, and nothing else.

It knows ``loop.contracts.Ledger`` and the laws of the record, and no ledger in particular.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from loop.contracts import Artifact, Ledger, Work
from loop.decision import Amendment, DecisionDraft, DecisionKind, in_force
from loop.errors import LeaseHeld, LedgerError, NotFound, OutcomeConflict, StaleLease, TransitionError
from loop.experiment import FINAL, PENDING, TRANSITIONS, Event, State
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome, Qualifier
from loop.record import (
    Arm,
    AttemptRecord,
    CampaignState,
    Candidate,
    EnvelopeDraft,
    Lease,
    ObservationRecord,
    Place,
    Prediction,
    ProposalDraft,
    RoundDraft,
    Verdict,
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
    position: int, *, run_order: int | None = None, replicates: int = 1, number: int = 0, place: Place | None = None
) -> ProposalDraft:
    """A proposal with all that can be said of one."""
    return ProposalDraft(
        candidate(number or position),
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


class LedgerContract:
    """Every promise of ``Ledger`` and ``Work``. Subclasses give an empty ledger built with ``clock``."""

    @pytest.fixture
    def clock(self) -> Clock:
        """The time that the ledger reads."""
        return Clock()

    @pytest.fixture
    def ledger(self, clock: Clock) -> Iterator[Ledger]:
        """An empty ledger whose clock is ``clock``."""
        raise NotImplementedError("give a fixture 'ledger' that yields an empty ledger built with 'clock'")

    @pytest.fixture
    def lease(self, ledger: Ledger) -> Lease:
        """A campaign called ``coupling``, and the right to write to it."""
        ledger.open_campaign("coupling", SPEC, by="ada")
        return ledger.acquire("coupling", "engine-1", HOUR)

    # Campaigns

    def test_a_new_campaign_is_active_and_has_the_first_version_of_its_spec(self, ledger: Ledger) -> None:
        made = ledger.open_campaign("coupling", SPEC, by="ada")

        assert made == ledger.campaign("coupling")
        assert (made.state, made.reason, made.version, made.data_version) == (CampaignState.ACTIVE, "", 1, 0)
        assert made.spec == SPEC
        assert made.created.utcoffset() == timedelta(0)

    def test_opening_a_campaign_again_with_the_same_spec_changes_nothing(self, ledger: Ledger) -> None:
        first = ledger.open_campaign("coupling", SPEC, by="ada")
        entries = ledger.audit()

        again = ledger.open_campaign("coupling", dict(reversed(SPEC.items())), by="bob")

        assert again == first
        assert ledger.audit() == entries

    def test_a_changed_spec_becomes_a_new_version_and_the_old_one_can_be_read(self, ledger: Ledger) -> None:
        first = ledger.open_campaign("coupling", SPEC, by="ada")

        second = ledger.open_campaign("coupling", {**SPEC, "budget": 60}, by="ada")

        assert (second.id, second.version) == (first.id, 2)
        assert second.spec_sha != first.spec_sha
        assert ledger.spec_version("coupling", 1) == SPEC
        assert ledger.spec_version("coupling", 2) == {**SPEC, "budget": 60}
        with pytest.raises(NotFound, match="1 to 2"):
            ledger.spec_version("coupling", 3)

    def test_campaigns_are_listed_oldest_first(self, ledger: Ledger) -> None:
        for name in ("zeta", "alpha"):
            ledger.open_campaign(name, SPEC, by="ada")

        assert [c.name for c in ledger.campaigns()] == ["zeta", "alpha"]

    def test_an_unknown_campaign_is_refused_with_the_names_there_are(self, ledger: Ledger) -> None:
        ledger.open_campaign("coupling", SPEC, by="ada")

        for ask in (ledger.campaign, ledger.rounds, ledger.observations, ledger.attempts, ledger.envelopes):
            with pytest.raises(NotFound, match=r"'couplin'.*coupling"):
                ask("couplin")
        with pytest.raises(NotFound, match="coupling"):
            ledger.acquire("couplin", "engine-1", HOUR)

    def test_a_spec_that_json_cannot_say_is_refused_and_nothing_is_made(self, ledger: Ledger) -> None:
        with pytest.raises(LedgerError, match="spec of campaign 'coupling'"):
            ledger.open_campaign("coupling", {"low": float("nan")}, by="ada")

        assert ledger.campaigns() == ()

    # The lease (law 6)

    def test_the_epoch_grows_by_one_each_time_the_lease_is_taken(self, ledger: Ledger, lease: Lease) -> None:
        again = ledger.acquire("coupling", "engine-1", HOUR)
        ledger.release(again)
        other = ledger.acquire("coupling", "engine-2", HOUR)

        assert (again.epoch, other.epoch) == (lease.epoch + 1, lease.epoch + 2)

    def test_a_held_lease_is_refused_to_another_naming_the_holder_and_its_end(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with pytest.raises(LeaseHeld, match=re.escape(f"'engine-1' until {lease.expires.isoformat()}")):
            ledger.acquire("coupling", "engine-2", HOUR)

        with ledger.work(lease) as work:
            work.record_round(batch())
        assert len(ledger.rounds("coupling")) == 1

    def test_an_expired_lease_can_be_taken_over_and_that_is_audited(
        self, ledger: Ledger, lease: Lease, clock: Clock
    ) -> None:
        clock.advance(2 * HOUR)

        taken = ledger.acquire("coupling", "engine-2", HOUR)

        assert taken.epoch == lease.epoch + 1
        assert taken.expires > clock.now
        last = ledger.audit()[-1]
        assert (last.actor, last.action, last.detail["from"]) == ("engine-2", "take_over_lease", "engine-1")

    def test_a_lease_past_its_end_still_writes_while_nobody_took_it(
        self, ledger: Ledger, lease: Lease, clock: Clock
    ) -> None:
        clock.advance(2 * HOUR)

        with ledger.work(lease) as work:
            work.record_round(batch())

        assert len(ledger.rounds("coupling")) == 1

    def test_a_stale_holder_can_write_nothing(self, ledger: Ledger, lease: Lease, clock: Clock) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
            envelope = work.receive(EnvelopeDraft("robot", None, "{}"))
        key = ledger.attempts("coupling")[0].key
        clock.advance(2 * HOUR)
        ledger.acquire("coupling", "engine-2", HOUR)
        before = everything(ledger)
        writes: tuple[Callable[[Work], object], ...] = (
            lambda work: work.record_round(batch(2)),
            lambda work: work.move(key, Event.CLAIMED),
            lambda work: work.receive(EnvelopeDraft("robot", key, "{}")),
            lambda work: work.judge(envelope.id, Verdict.MALFORMED),
            lambda work: work.accept(envelope.id, measured(), candidate=candidate(0)),
            lambda work: work.set_state(CampaignState.STOPPED, "no"),
            lambda work: work.keep(Artifact("0" * 64, "log.txt", "text/plain", 1)),
        )

        for write in writes:
            with pytest.raises(StaleLease, match="'engine-1'"), ledger.work(lease) as work:
                write(work)

        assert everything(ledger) == before

    def test_a_released_lease_writes_nothing_more(self, ledger: Ledger, lease: Lease) -> None:
        ledger.release(lease)

        with pytest.raises(StaleLease), ledger.work(lease) as work:
            work.record_round(batch())
        assert ledger.rounds("coupling") == ()

    def test_releasing_a_stale_lease_leaves_the_new_holder_in_place(
        self, ledger: Ledger, lease: Lease, clock: Clock
    ) -> None:
        clock.advance(2 * HOUR)
        taken = ledger.acquire("coupling", "engine-2", HOUR)

        ledger.release(lease)

        with ledger.work(taken) as work:
            work.record_round(batch())
        with pytest.raises(LeaseHeld):
            ledger.acquire("coupling", "engine-3", HOUR)

    def test_leases_of_two_campaigns_do_not_touch_each_other(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")
        theirs = ledger.acquire("other", "engine-2", HOUR)

        for one in (theirs, lease):
            with ledger.work(one) as work:
                work.record_round(batch())

        assert len(ledger.rounds("coupling")) == len(ledger.rounds("other")) == 1

    def test_a_unit_of_work_reaches_nothing_of_another_campaign(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")
        theirs = ledger.acquire("other", "engine-2", HOUR)
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            mine = work.receive(EnvelopeDraft("robot", key, "{}"))
            seen = work.accept(mine.id, measured())

        with ledger.work(theirs) as work:
            for write in (
                lambda: work.move(key, Event.CANCEL),
                lambda: work.judge(mine.id, Verdict.FOREIGN),
                lambda: work.retract(seen.id, "bob", "no"),
                lambda: work.retry(key, "again"),
            ):
                with pytest.raises(NotFound):
                    write()

    # One transaction

    def test_an_exception_inside_leaves_nothing_of_what_was_written(self, ledger: Ledger, lease: Lease) -> None:
        before = everything(ledger)

        def break_off(work: Work) -> None:
            work.record_round(batch())
            work.receive(EnvelopeDraft("robot", None, "{}"))
            work.set_state(CampaignState.FINISHED, "done")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError), ledger.work(lease) as work:
            break_off(work)

        assert everything(ledger) == before

    def test_reads_see_committed_state_only(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
            work.set_state(CampaignState.FINISHED, "done")
            inside = (ledger.rounds("coupling"), ledger.attempts("coupling"), ledger.campaign("coupling").state)

        assert inside == ((), (), CampaignState.ACTIVE)
        assert len(ledger.rounds("coupling")) == 1

    def test_a_unit_of_work_inside_another_is_refused_at_once(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            with pytest.raises(LedgerError, match="unit of work already"), ledger.work(lease):
                pass
            work.record_round(batch())

        assert len(ledger.rounds("coupling")) == 1

    def test_an_error_that_is_caught_inside_leaves_the_rest_of_the_work_whole(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
            for refused in (
                lambda: work.record_round(batch()),
                lambda: work.record_round(batch(2, model={"loss": float("nan")})),
                lambda: work.move("nobody", Event.CLAIMED),
                lambda: work.judge("nothing", Verdict.FOREIGN),
                lambda: work.accept("nothing", measured()),
                lambda: work.retract("nothing", "ada", "no"),
                lambda: work.decide("nothing", True, "ada", "yes"),
                lambda: work.keep(Artifact("0" * 64, "log.txt", "text/plain", 1, "nobody")),
            ):
                with pytest.raises(LedgerError):
                    refused()

        assert [r.number for r in ledger.rounds("coupling")] == [1]
        assert len(ledger.attempts("coupling")) == 2
        assert ledger.verify_audit().is_intact

    def test_a_unit_of_work_that_writes_nothing_leaves_no_trace(self, ledger: Ledger, lease: Lease) -> None:
        before = everything(ledger)

        with ledger.work(lease):
            pass

        assert everything(ledger) == before

    # Rounds

    def test_a_round_comes_back_as_it_was_written(self, ledger: Ledger, lease: Lease) -> None:
        draft = batch()

        with ledger.work(lease) as work:
            made = work.record_round(draft)

        assert made == ledger.round("coupling", 1)
        for name in ("number", "seed", "data_version", "surrogate", "model", "notes", "environment"):
            assert getattr(made, name) == getattr(draft, name), name
        assert made.version == ledger.campaign("coupling").version

    def test_a_round_remembers_the_version_of_the_spec_that_it_was_planned_under(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1))
        ledger.open_campaign("coupling", {**SPEC, "budget": 60}, by="ada")
        with ledger.work(lease) as work:
            work.record_round(batch(2))

        assert [r.version for r in ledger.rounds("coupling")] == [1, 2]

    def test_a_round_planned_under_a_version_that_is_not_in_force_is_refused(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, version=1))
        ledger.open_campaign("coupling", {**SPEC, "budget": 60}, by="ada")
        before = everything(ledger)

        for version in (1, 3, -1):
            with (
                pytest.raises(LedgerError, match=f"round 2 .* under version {version} of the spec, and version 2"),
                ledger.work(lease) as work,
            ):
                work.record_round(batch(2, version=version))

        assert everything(ledger) == before
        with ledger.work(lease) as work:
            assert work.record_round(batch(2, version=2)).version == 2

    def test_a_round_gives_back_what_it_was_planned_from_in_the_same_order(self, ledger: Ledger, lease: Lease) -> None:
        ended = finished(ledger, lease, n=3)
        with ledger.work(lease) as work:
            work.record_round(batch(2, proposal(0), proposal(1), proposal(2)))
        waiting = tuple(a.key for a in ledger.attempts("coupling", PENDING))
        seen, pending = tuple(o.id for o in reversed(ended)), tuple(reversed(waiting))

        with ledger.work(lease) as work:
            work.record_round(batch(3, observations=seen, pending=pending))
        for attempt in ledger.attempts("coupling", PENDING):
            with ledger.work(lease) as work:
                work.move(attempt.key, Event.CANCEL)

        kept = ledger.round("coupling", 3)
        assert (kept.observations, kept.pending) == (seen, pending)

    def test_a_round_planned_from_what_is_not_on_record_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        for changes in ({"observations": ("unheard-of",)}, {"pending": ("unheard-of",)}):
            with pytest.raises(NotFound, match="unheard-of"), ledger.work(lease) as work:
                work.record_round(batch(1, **changes))

        assert ledger.rounds("coupling") == ()

    def test_a_round_number_on_record_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())
        before = everything(ledger)

        with pytest.raises(LedgerError, match=r"round 1 .* already on record"), ledger.work(lease) as work:
            work.record_round(batch())

        assert everything(ledger) == before

    @pytest.mark.parametrize(
        ("wrong", "says"),
        [
            (batch(0), "numbered from 1"),
            (batch(1, seed=2**70), "64 bits"),
            (batch(1, proposal(0), proposal(0)), "at one position"),
            (batch(1, proposal(0, replicates=0)), "replicates must be at least 1"),
            (batch(1, proposal(0, place=Place(1, "A1", 1)), proposal(1, place=Place(1, "A1", 1))), "into well A1"),
            (batch(1, proposal(0, place=Place(0, "A1", 1))), "a place needs a plate"),
            (batch(1, model={"loss": float("inf")}), "cannot be stored as JSON"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_round_that_cannot_be_is_refused(
        self, ledger: Ledger, lease: Lease, wrong: RoundDraft, says: str
    ) -> None:
        with pytest.raises(LedgerError, match=says), ledger.work(lease) as work:
            work.record_round(wrong)

        assert ledger.rounds("coupling") == ()

    def test_an_unknown_round_is_refused_with_the_numbers_there_are(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch())

        with pytest.raises(NotFound, match="no round 7; its rounds: 1"):
            ledger.round("coupling", 7)

    def test_proposals_come_back_whole_ordered_by_round_and_position(self, ledger: Ledger, lease: Lease) -> None:
        first, second = proposal(1, run_order=0), proposal(0, run_order=1)

        with ledger.work(lease) as work:
            work.record_round(batch(2, proposal(0)))
            work.record_round(batch(1, first, second))

        assert [p.draft for p in ledger.proposals("coupling")] == [second, first, proposal(0)]
        assert [p.round_number for p in ledger.proposals("coupling", 2)] == [2]
        assert all(p.approved for p in ledger.proposals("coupling"))

    def test_a_proposal_and_its_attempts_keep_their_place_on_a_plate(self, ledger: Ledger, lease: Lease) -> None:
        there, nowhere = proposal(0, place=Place(3, "H12", 8)), proposal(1)

        with ledger.work(lease) as work:
            work.record_round(batch(1, there, nowhere))

        assert [p.draft.place for p in ledger.proposals("coupling")] == [Place(3, "H12", 8), None]
        assert [a.place for a in ledger.attempts("coupling")] == [Place(3, "H12", 8), None]

    def test_a_control_well_is_an_arm_of_its_own(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, replace(proposal(0), arm=Arm.REFERENCE, place=Place(1, "A1", 1))))

        assert [p.draft.arm for p in ledger.proposals("coupling")] == [Arm.REFERENCE]

    def test_one_candidate_has_one_id_however_its_numbers_are_written(self, ledger: Ledger, lease: Lease) -> None:
        whole = Candidate({"temperature": 90})
        real = Candidate({"temperature": 90.0})
        as_proposed = [proposal(0), proposal(1)]

        with ledger.work(lease) as work:
            work.record_round(batch(1, *(with_point(p, whole) for p in as_proposed)))
            work.record_round(batch(2, *(with_point(p, real) for p in as_proposed)))
            work.record_round(batch(3, with_point(as_proposed[0], Candidate({"temperature": 91.0}))))

        ids = [p.candidate_id for p in ledger.proposals("coupling")]
        assert len(set(ids[:4])) == 1
        assert ids[4] != ids[0]

    def test_a_label_that_now_means_another_structure_is_another_candidate(self, ledger: Ledger, lease: Lease) -> None:
        as_proposed = [
            with_point(proposal(i), Candidate({"ligand": "L1"}, {"ligand": s})) for i, s in enumerate(("C", "CC"))
        ]

        with ledger.work(lease) as work:
            work.record_round(batch(1, *as_proposed))

        assert len({p.candidate_id for p in ledger.proposals("coupling")}) == 2

    def test_each_replicate_of_an_approved_proposal_is_one_ready_attempt(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, run_order=1, replicates=2), proposal(1, run_order=0)))

        attempts = ledger.attempts("coupling")
        assert [(a.run_order, a.position, a.replicate_no, a.attempt_no) for a in attempts] == [
            (0, 1, 0, 0),
            (1, 0, 0, 0),
            (1, 0, 1, 0),
        ]
        assert {a.state for a in attempts} == {State.READY}
        assert len({a.key for a in attempts}) == 3
        assert attempts[0].settings == candidate(1).settings
        assert attempts[0].smiles == candidate(1).smiles
        assert [a.proposal_id for a in attempts[1:]] == [ledger.proposals("coupling")[0].id] * 2

    def test_a_round_without_approval_waits_for_a_person(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, replicates=2), proposal(1), approved=False))
        first, second = ledger.proposals("coupling")
        waiting = (first.approved, second.approved, ledger.attempts("coupling"))

        with ledger.work(lease) as work:
            work.decide(first.id, True, "ada", "looks safe")
            work.decide(second.id, False, "ada", "peroxide")

        assert waiting == (None, None, ())
        assert [p.approved for p in ledger.proposals("coupling")] == [True, False]
        assert [(a.proposal_id, a.replicate_no) for a in ledger.attempts("coupling")] == [(first.id, 0), (first.id, 1)]

    def test_a_decision_again_changes_nothing_and_another_one_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, approved=False))
        one = ledger.proposals("coupling")[0]
        with ledger.work(lease) as work:
            work.decide(one.id, True, "ada", "yes")
        before = everything(ledger)

        with ledger.work(lease) as work:
            work.decide(one.id, True, "bob", "yes")
            with pytest.raises(LedgerError, match="already approved"):
                work.decide(one.id, False, "bob", "no")

        assert everything(ledger) == before

    # What people decide

    def test_decisions_come_back_as_they_were_made_and_count_from_the_next_round(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        region = {"exclude": {"ligand": ["XPhos"]}, "where": {"temperature": {"above": 100.0}}}
        drafts = (
            DecisionDraft(DecisionKind.BAN, "ada", "too dear", region=region),
            DecisionDraft(DecisionKind.PIN, "bob", "I want to see it", {"ligand": "PPh3", "temperature": 95}),
        )
        with ledger.work(lease) as work:
            first = work.settle(drafts[0])
            work.record_round(batch(1))
        with ledger.work(lease) as work:
            second = work.settle(drafts[1])
        with ledger.work(lease) as work:
            work.settle(DecisionDraft(DecisionKind.LIFT, "ada", "cheaper now", lifts=first.id))

        made = ledger.decisions("coupling")
        assert made[:2] == (first, second)
        assert [d.number for d in made] == [1, 2, 3]
        assert [d.after_round for d in made] == [0, 1, 1]
        assert made[0].draft == drafts[0]
        assert made[1].draft.settings == {"ligand": "PPh3", "temperature": 95.0}
        assert [d.number for d in in_force(made, 1)] == [1]
        assert [d.number for d in in_force(made, 2)] == [2]
        assert [e.action for e in ledger.audit() if e.action == "decision"] == ["decision"] * 3

    def test_a_decision_without_a_reason_or_about_nothing_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            pinned = work.settle(DecisionDraft(DecisionKind.PIN, "ada", "why not", {"ligand": "PPh3"}))
            lifted = work.settle(DecisionDraft(DecisionKind.LIFT, "ada", "better not", lifts=pinned.id))
        before = everything(ledger)

        for draft, message in (
            (DecisionDraft(DecisionKind.PIN, "ada", " ", {"ligand": "PPh3"}), "needs a reason"),
            (DecisionDraft(DecisionKind.PIN, "", "why not", {"ligand": "PPh3"}), "needs somebody who made it"),
            (DecisionDraft(DecisionKind.PIN, "ada", "why not"), "is about a candidate"),
            (DecisionDraft(DecisionKind.BAN, "ada", "why not"), "names a candidate or a condition"),
            (DecisionDraft(DecisionKind.LIFT, "ada", "why not", lifts="nobody"), "no decision 'nobody' to lift"),
            (DecisionDraft(DecisionKind.LIFT, "ada", "why not", lifts=pinned.id), "was lifted before"),
            (DecisionDraft(DecisionKind.LIFT, "ada", "why not", lifts=lifted.id), "cannot be lifted"),
        ):
            with ledger.work(lease) as work, pytest.raises(LedgerError, match=message):
                work.settle(draft)
        with ledger.work(lease) as work, pytest.raises(NotFound, match="no proposal 'nobody'"):
            work.settle(DecisionDraft(DecisionKind.CANNOT, "ada", "why not", {"ligand": "PPh3"}, proposal_id="nobody"))

        assert everything(ledger) == before

    def test_an_edit_refuses_one_proposal_and_runs_another_in_its_place(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, approved=False))
        old, other = ledger.proposals("coupling")
        wanted = replace(old.draft, candidate=candidate(9), arm=Arm.MANUAL, replicates=2)

        with ledger.work(lease) as work:
            made = work.amend(Amendment(old.id, wanted, "ada", "the pump is too slow"))

        proposals = ledger.proposals("coupling")
        assert [(p.id, p.approved) for p in proposals] == [(old.id, False), (other.id, None), (made.id, True)]
        assert made.draft == replace(wanted, position=2)
        assert made == proposals[2]
        assert [(a.proposal_id, a.replicate_no) for a in ledger.attempts("coupling")] == [(made.id, 0), (made.id, 1)]
        (decision,) = ledger.decisions("coupling")
        assert (decision.draft.kind, decision.draft.proposal_id, decision.replacement_id) == (
            DecisionKind.EDIT,
            old.id,
            made.id,
        )
        assert decision.draft.settings == made.draft.candidate.settings
        for amendment, message in (
            (Amendment(old.id, wanted, "ada", "again"), "was refused already"),
            (Amendment(made.id, wanted, "ada", "again"), "was approved already"),
            (Amendment(other.id, wanted, "ada", ""), "needs a reason"),
        ):
            with ledger.work(lease) as work, pytest.raises(LedgerError, match=message):
                work.amend(amendment)
        assert len(ledger.proposals("coupling")) == 3
        assert ledger.verify_audit().is_intact

    # The life of an attempt (law 4)

    @pytest.mark.parametrize("state", list(State))
    def test_an_attempt_takes_the_steps_of_the_table_and_no_other(
        self, ledger: Ledger, lease: Lease, state: State
    ) -> None:
        events = [event for event in Event if event is not Event.OUTCOME]
        keys = in_state(ledger, lease, state, n=len(events))
        before = {key: (ledger.attempt(key), ledger.events(key)) for key in keys}

        with ledger.work(lease) as work:
            for key, event in zip(keys, events, strict=True):
                if (state, event) in TRANSITIONS:
                    assert work.move(key, event, "why") is TRANSITIONS[state, event]
                else:
                    with pytest.raises(TransitionError, match=state.value):
                        work.move(key, event)

        for key, event in zip(keys, events, strict=True):
            was, steps = before[key]
            if (state, event) in TRANSITIONS:
                *earlier, last = ledger.events(key)
                assert ledger.attempt(key).state is TRANSITIONS[state, event]
                assert tuple(earlier) == steps
                assert (last.event, last.before, last.after, last.detail) == (
                    event,
                    state,
                    TRANSITIONS[state, event],
                    "why",
                )
            else:
                assert (ledger.attempt(key), ledger.events(key)) == (was, steps)

    def test_an_outcome_is_no_step_that_can_be_taken_without_an_envelope(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key

        with pytest.raises(TransitionError, match="accept"), ledger.work(lease) as work:
            work.move(key, Event.OUTCOME)
        assert ledger.attempt(key).state is State.SENDING

    def test_the_handle_of_an_attempt_is_kept_until_it_proves_absent(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            work.move(key, Event.ACCEPTED, adapter="robot", handle="job-7")
            work.move(key, Event.STARTED)
        kept = ledger.attempt(key)
        with ledger.work(lease) as work:
            work.move(key, Event.DOUBTED)
            work.move(key, Event.ABSENT)

        assert (kept.adapter, kept.handle) == ("robot", "job-7")
        assert (ledger.attempt(key).adapter, ledger.attempt(key).handle) == (None, None)

    def test_the_intent_is_on_record_as_soon_as_the_work_ends(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key

        assert ledger.attempt(key).state is State.SENDING
        assert [e.event for e in ledger.events(key)] == [Event.CLAIMED]

    def test_pending_attempts_are_read_from_the_ledger(self, ledger: Ledger, lease: Lease) -> None:
        first, second, third = (a.key for a in started(ledger, lease, n=3))
        with ledger.work(lease) as work:
            work.move(second, Event.DOUBTED)
            work.accept(work.receive(EnvelopeDraft("robot", third, "{}")).id, measured())

        assert [a.key for a in ledger.attempts("coupling", PENDING)] == [first, second]
        assert [a.key for a in ledger.attempts("coupling", [State.ENDED])] == [third]
        assert ledger.attempts("coupling", []) == ()

    def test_an_attempt_is_found_by_a_beginning_that_only_it_has(self, ledger: Ledger, lease: Lease) -> None:
        first, second = (a.key for a in started(ledger, lease))
        shared = "".join(
            a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=True))
        )

        assert ledger.attempt(first).key == first
        assert ledger.attempt(first[: len(shared) + 1]).key == first
        assert ledger.events(first[: len(shared) + 1]) == ledger.events(first)
        for nobody in ("", "%", "zzz"):
            with pytest.raises(NotFound, match="no attempt"):
                ledger.attempt(nobody)
        if shared:
            with pytest.raises(NotFound, match="more of the key"):
                ledger.attempt(shared)

    def test_a_retry_is_a_new_attempt_at_the_same_experiment(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, replicates=2)))
        failed = ledger.attempts("coupling")[1]
        with ledger.work(lease) as work:
            work.move(failed.key, Event.CLAIMED)
            work.accept(work.receive(EnvelopeDraft("robot", failed.key, "{}")).id, OUTCOMES[-1])

        with ledger.work(lease) as work:
            again = work.retry(failed.key, "needle cleaned")

        assert again == ledger.attempt(again.key)
        assert again.key != failed.key
        assert (again.replicate_no, again.attempt_no, again.state) == (1, 1, State.READY)
        assert [a.attempt_no for a in ledger.attempts("coupling")] == [0, 0, 1]

    def test_only_what_ended_without_a_result_can_be_tried_again_and_once(self, ledger: Ledger, lease: Lease) -> None:
        running, good, failed = (a.key for a in started(ledger, lease, n=3))
        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", good, "{}")).id, Negative("no conversion"))
            work.accept(work.receive(EnvelopeDraft("robot", failed, "{}")).id, OUTCOMES[-1])
            work.retry(failed, "again")

        with ledger.work(lease) as work:
            for key, says in ((running, "may still run"), (good, "negative"), (failed, "tried again already")):
                with pytest.raises(LedgerError, match=says):
                    work.retry(key, "again")

        assert len(ledger.attempts("coupling")) == 4

    # Results (law 2)

    def test_an_envelope_is_stored_unread_whatever_it_holds(self, ledger: Ledger, lease: Lease) -> None:
        drafts = (
            EnvelopeDraft("robot", "nobody-knows-this-key", "not JSON at all {"),
            EnvelopeDraft("tell:results.csv:3", None, "", {"ligand": "PPh3", "temperature": float("inf")}),
            EnvelopeDraft(
                "robot", None, "NUL \x00, half a surrogate \ud83d, a noncharacter \ufdd0, \N{HIRAGANA LETTER A}"
            ),
            EnvelopeDraft("robot", None, "\ufdd0 first"),
            EnvelopeDraft("fichi\udce9r \x00", "key \x00", "{}", {"ligand\x00": "\ud83d"}),
        )

        with ledger.work(lease) as work:
            stored = [work.receive(draft) for draft in drafts]

        assert tuple(stored) == ledger.envelopes("coupling")
        for draft, record in zip(drafts, stored, strict=True):
            assert (record.source, record.key, record.payload, record.settings) == (
                draft.source,
                draft.key,
                draft.payload,
                draft.settings,
            )
            assert record.verdict is None

    def test_the_same_envelope_again_is_the_first_one(self, ledger: Ledger, lease: Lease) -> None:
        draft = EnvelopeDraft("tell:results.csv:3", None, "{}", {"temperature": 90.0})
        with ledger.work(lease) as work:
            first = work.receive(draft)
        before = everything(ledger)

        with ledger.work(lease) as work:
            again = work.receive(draft)

        assert again == first
        assert everything(ledger) == before

    def test_an_envelope_that_differs_in_anything_is_another_one(self, ledger: Ledger, lease: Lease) -> None:
        drafts = (
            EnvelopeDraft("robot", "k", "{}", None),
            EnvelopeDraft("person", "k", "{}", None),
            EnvelopeDraft("robot", None, "{}", None),
            EnvelopeDraft("robot", "k", "{ }", None),
            EnvelopeDraft("robot", "k", "{}", {}),
            EnvelopeDraft("robot", "k", "{}", {"temperature": 90.0}),
        )

        with ledger.work(lease) as work:
            ids = {work.receive(draft).id for draft in drafts}

        assert len(ids) == len(drafts)

    def test_a_verdict_is_given_once(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            one = work.receive(EnvelopeDraft("robot", "k", "{}"))
            two = work.receive(EnvelopeDraft("robot", "k", "{ }"))
            work.judge(one.id, Verdict.FOREIGN, "nobody knows k")
        before = everything(ledger)

        with ledger.work(lease) as work:
            work.judge(one.id, Verdict.FOREIGN, "once more")
            with pytest.raises(LedgerError, match="already judged foreign"):
                work.judge(one.id, Verdict.MALFORMED)
            with pytest.raises(LedgerError, match="only accept"):
                work.judge(two.id, Verdict.ACCEPTED)
            with pytest.raises(LedgerError, match="judged foreign"):
                work.accept(one.id, measured(), candidate=candidate(0))

        assert everything(ledger) == before
        judged = ledger.envelopes("coupling")[0]
        assert (judged.verdict, judged.message) == (Verdict.FOREIGN, "nobody knows k")
        assert [e.id for e in ledger.envelopes("coupling", unjudged_only=True)] == [two.id]

    @pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda o: type(o).__name__)
    def test_an_outcome_comes_back_as_it_was_accepted(self, ledger: Ledger, lease: Lease, outcome: Outcome) -> None:
        attempt = started(ledger, lease)[1]
        context = {"instrument": "HPLC-2", "well": "B7", "actual": {"temperature": 91.3}}

        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", attempt.key, "{}"))
            accepted = work.accept(envelope.id, outcome, context=context)

        (seen,) = ledger.observations("coupling")
        assert seen == accepted
        assert (seen.id, seen.key, seen.source, seen.outcome) == (envelope.id, attempt.key, "robot", outcome)
        assert (seen.candidate_id, seen.settings, seen.smiles) == (
            attempt.candidate_id,
            attempt.settings,
            attempt.smiles,
        )
        assert (seen.arm, seen.round_number, seen.position, seen.run_order) == (Arm.MODEL, 1, 1, 1)
        assert seen.context == context
        assert seen.retracted is None
        assert ledger.attempt(attempt.key).state is State.ENDED
        assert ledger.envelopes("coupling")[0].verdict is Verdict.ACCEPTED
        assert ledger.campaign("coupling").data_version == 1

    def test_an_outcome_accepted_again_changes_nothing(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", key, "{}"))
            first = work.accept(envelope.id, OUTCOMES[1])
        before = everything(ledger)

        with ledger.work(lease) as work:
            again = work.accept(envelope.id, OUTCOMES[1])

        assert again == first
        assert everything(ledger) == before

    def test_the_same_outcome_in_another_envelope_is_a_duplicate(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        swapped = Measured(tuple(reversed(OUTCOMES[1].measurements)))  # type: ignore[union-attr]  # it is a Measured
        with ledger.work(lease) as work:
            first = work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, OUTCOMES[1])

        with ledger.work(lease) as work:
            other = work.receive(EnvelopeDraft("robot", key, "{ }"))
            again = work.accept(other.id, swapped)
            work.judge(other.id, Verdict.DUPLICATE)

        assert again == first
        assert ledger.observations("coupling") == (first,)
        assert ledger.campaign("coupling").data_version == 1
        assert [e.verdict for e in ledger.envelopes("coupling")] == [Verdict.ACCEPTED, Verdict.DUPLICATE]
        assert [e.event for e in ledger.events(key)].count(Event.OUTCOME) == 1

    @pytest.mark.parametrize("second", [measured(12.0), measured(61.0, sd=0.5), Negative("no"), OUTCOMES[-1]])
    def test_another_outcome_of_an_ended_attempt_is_a_conflict_and_its_envelope_stays(
        self, ledger: Ledger, lease: Lease, second: Outcome
    ) -> None:
        key = started(ledger, lease)[0].key
        with ledger.work(lease) as work:
            first = work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, measured(61.0))

        with ledger.work(lease) as work:
            other = work.receive(EnvelopeDraft("robot", key, "{ }"))
            with pytest.raises(OutcomeConflict, match=f"measured.*hakken retract {first.id}"):
                work.accept(other.id, second)
            work.judge(other.id, Verdict.CONTRADICTORY, "61 and then this")

        assert ledger.observations("coupling") == (first,)
        assert ledger.envelopes("coupling")[1].verdict is Verdict.CONTRADICTORY
        assert ledger.campaign("coupling").data_version == 1

    def test_an_envelope_has_one_outcome(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            told = work.receive(EnvelopeDraft("tell:a.csv:2", None, "{}"))
            first = work.accept(told.id, measured(61.0), candidate=candidate(0))
            with pytest.raises(OutcomeConflict):
                work.accept(told.id, measured(62.0), candidate=candidate(0))

        assert ledger.observations("coupling") == (first,)

    @pytest.mark.parametrize("state", [State.READY, *sorted(FINAL - {State.ENDED})])
    def test_an_attempt_that_was_not_out_cannot_end(self, ledger: Ledger, lease: Lease, state: State) -> None:
        (key,) = in_state(ledger, lease, state)

        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", key, "{}"))
            with pytest.raises(TransitionError, match=key):
                work.accept(envelope.id, measured())
            work.judge(envelope.id, Verdict.LATE, "too late")

        assert ledger.observations("coupling") == ()
        assert ledger.attempt(key).state is state
        assert [e.verdict for e in ledger.envelopes("coupling")] == [Verdict.LATE]

    @pytest.mark.parametrize("state", sorted(PENDING - {State.READY}))
    def test_an_attempt_that_is_out_ends_with_its_outcome(self, ledger: Ledger, lease: Lease, state: State) -> None:
        (key,) = in_state(ledger, lease, state)

        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", key, "{}")).id, measured())

        assert ledger.attempt(key).state is State.ENDED

    def test_a_result_for_an_attempt_that_nobody_knows_stays_as_an_envelope(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", "unheard-of", "{}"))
            with pytest.raises(NotFound, match="unheard-of"):
                work.accept(envelope.id, measured())

        assert ledger.envelopes("coupling", unjudged_only=True) == (envelope,)

    def test_it_must_be_clear_what_was_observed(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key

        with ledger.work(lease) as work:
            told = work.receive(EnvelopeDraft("tell:a.csv:2", None, "{}"))
            sent = work.receive(EnvelopeDraft("robot", key, "{}"))
            with pytest.raises(LedgerError, match="give the candidate"):
                work.accept(told.id, measured())
            with pytest.raises(LedgerError, match="give none"):
                work.accept(sent.id, measured(), candidate=candidate(0))

        assert ledger.observations("coupling") == ()

    # Observations

    def test_a_told_observation_needs_no_attempt(self, ledger: Ledger, lease: Lease) -> None:
        point = Candidate({"ligand": "XPhos", "temperature": 120}, {"ligand": "CP"}, None)

        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("tell:old.csv:2", None, "{}", point.settings))
            seen = work.accept(envelope.id, measured(), candidate=point)

        assert ledger.observations("coupling") == (seen,)
        assert (seen.key, seen.round_number, seen.arm) == (None, 0, Arm.MANUAL)
        assert (seen.settings, seen.smiles) == (point.settings, point.smiles)
        assert ledger.campaign("coupling").data_version == 1
        assert ledger.attempts("coupling") == ()

    def test_equal_results_told_in_two_lines_are_two_observations_of_one_candidate(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        with ledger.work(lease) as work:
            for line in (2, 3):
                envelope = work.receive(EnvelopeDraft(f"tell:old.csv:{line}", None, "{}"))
                work.accept(envelope.id, measured(), candidate=candidate(0))

        first, second = ledger.observations("coupling")
        assert first.candidate_id == second.candidate_id
        assert first.id != second.id

    @pytest.mark.parametrize("arrival", list(itertools.permutations(range(4)))[::5])
    def test_the_order_of_observations_does_not_depend_on_the_order_of_arrival(
        self, ledger: Ledger, lease: Lease, arrival: Sequence[int]
    ) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, run_order=1, replicates=2), proposal(1, run_order=0)))
            work.record_round(batch(2, proposal(0)))
        attempts = ledger.attempts("coupling")
        keys = [a.key for a in sorted(attempts, key=lambda a: (a.round_number, a.position, a.replicate_no))]

        for number in arrival:
            with ledger.work(lease) as work:
                work.move(keys[number], Event.CLAIMED)
                work.accept(work.receive(EnvelopeDraft("robot", keys[number], "{}")).id, measured(float(number)))
                told = work.receive(EnvelopeDraft(f"tell:a.csv:{number}", None, "{}"))
                work.accept(told.id, measured(), candidate=candidate(0))

        seen = ledger.observations("coupling")
        assert [o.source for o in seen[:4]] == [f"tell:a.csv:{number}" for number in arrival]
        assert [o.key for o in seen[4:]] == keys

    def test_a_retried_experiment_is_ordered_by_attempt_number(self, ledger: Ledger, lease: Lease) -> None:
        first, second = (a.key for a in started(ledger, lease))
        with ledger.work(lease) as work:
            work.accept(work.receive(EnvelopeDraft("robot", first, "{}")).id, OUTCOMES[-1])
            again = work.retry(first, "cleaned").key
            work.move(again, Event.CLAIMED)
            work.accept(work.receive(EnvelopeDraft("robot", second, "{}")).id, measured(2.0))
            work.accept(work.receive(EnvelopeDraft("robot", again, "{}")).id, measured(3.0))

        assert [o.key for o in ledger.observations("coupling")] == [first, again, second]

    def test_a_retracted_observation_counts_no_more_and_stays_on_record(self, ledger: Ledger, lease: Lease) -> None:
        first, second = finished(ledger, lease)

        with ledger.work(lease) as work:
            work.retract(first.id, "ada", "wrong vial")

        assert ledger.observations("coupling") == (second,)
        kept = ledger.observations("coupling", with_retracted=True)
        assert [(o.id, o.outcome, o.retracted) for o in kept] == [
            (first.id, first.outcome, "wrong vial"),
            (second.id, second.outcome, None),
        ]
        assert ledger.campaign("coupling").data_version == 3
        with pytest.raises(LedgerError, match=r"already retracted by ada \(wrong vial\)"), ledger.work(lease) as work:
            work.retract(first.id, "bob", "again")

    def test_what_contradicted_a_retracted_outcome_can_count_in_its_place(self, ledger: Ledger, lease: Lease) -> None:
        first, _ = finished(ledger, lease)
        assert first.key is not None
        with ledger.work(lease) as work:
            other = work.receive(EnvelopeDraft("person", first.key, "{}"))
            with pytest.raises(OutcomeConflict):
                work.accept(other.id, Negative("no conversion"))
            work.judge(other.id, Verdict.CONTRADICTORY)
            work.retract(first.id, "ada", "wrong vial")

        with ledger.work(lease) as work:
            second = work.accept(other.id, Negative("no conversion"))

        assert ledger.observations("coupling")[0] == second
        assert [o.id for o in ledger.observations("coupling", with_retracted=True)][:2] == [first.id, second.id]
        assert ledger.attempt(first.key).state is State.ENDED
        assert ledger.envelopes("coupling")[2].verdict is Verdict.CONTRADICTORY  # what was made of it at the time
        with ledger.work(lease) as work:
            third = work.receive(EnvelopeDraft("person", first.key, "{ }"))
            with pytest.raises(OutcomeConflict):
                work.accept(third.id, measured(1.0))

    # The campaign's state, and files

    def test_a_campaign_ends_with_a_reason_and_can_go_on(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.set_state(CampaignState.FINISHED, "yield above 99 %")
        ended = ledger.campaign("coupling")
        with ledger.work(lease, actor="ada") as work:
            work.set_state(CampaignState.ACTIVE, "one more plate")
        active = ledger.campaign("coupling")

        assert (ended.state, ended.reason) == (CampaignState.FINISHED, "yield above 99 %")
        assert (active.state, active.reason) == (CampaignState.ACTIVE, "")
        last = ledger.audit()[-1]
        assert (last.actor, last.action, last.detail["reason"]) == ("ada", "set_state", "one more plate")

    def test_a_file_is_kept_once(self, ledger: Ledger, lease: Lease) -> None:
        key = started(ledger, lease)[0].key
        files = (
            Artifact("b" * 64, "xtb.log", "text/plain", 2**40, key),
            Artifact("a" * 64, "plate.png", "image/png", 0),
        )

        for _ in range(2):
            with ledger.work(lease) as work:
                for file in files:
                    work.keep(file)

        assert ledger.artifacts("coupling") == files

    # The audit log

    def test_everything_written_is_a_link_of_one_chain(self, ledger: Ledger, lease: Lease) -> None:
        finished(ledger, lease)

        entries = ledger.audit()
        assert [e.number for e in entries] == list(range(1, len(entries) + 1))
        assert all(later.previous == earlier.hash for earlier, later in itertools.pairwise(entries))
        assert len({e.hash for e in entries}) == len(entries)
        assert {e.action for e in entries} == {"open_campaign", "record_round", "move", "receive", "accept"}
        assert (entries[0].actor, entries[-1].actor) == ("ada", "engine")
        assert all(earlier.at <= later.at for earlier, later in itertools.pairwise(entries))

    def test_an_untouched_ledger_is_intact(self, ledger: Ledger, lease: Lease) -> None:
        first, _ = finished(ledger, lease)
        with ledger.work(lease) as work:
            work.retract(first.id, "ada", "wrong vial")
            work.keep(Artifact("b" * 64, "xtb.log", "text/plain", 5, first.key))
            work.record_round(batch(2, approved=False))
        with ledger.work(lease) as work:
            work.decide(ledger.proposals("coupling", 2)[0].id, True, "ada", "yes")

        report = ledger.verify_audit()
        assert (report.is_intact, report.first_break, report.entries) == (True, None, len(ledger.audit()))


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
