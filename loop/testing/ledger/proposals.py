"""Proposals and their candidates, and the attempts that an approved one becomes."""

from __future__ import annotations

from dataclasses import replace

from loop.contracts import Ledger
from loop.experiment import State
from loop.record import Arm, Candidate, Lease, Place
from loop.testing.ledger.material import HOUR, SPEC, batch, candidate, proposal, with_point


class ProposalLaws:
    """A part of ``LedgerContract``."""

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
        whole = Candidate({"temperature": 90, "shift": 0})
        real = Candidate({"temperature": 90.0, "shift": -0.0})
        as_proposed = [proposal(0), proposal(1)]

        with ledger.work(lease) as work:
            work.record_round(batch(1, *(with_point(p, whole) for p in as_proposed)))
            work.record_round(batch(2, *(with_point(p, real) for p in as_proposed)))
            work.record_round(batch(3, with_point(as_proposed[0], Candidate({"temperature": 91.0}))))

        ids = [p.candidate_id for p in ledger.proposals("coupling")]
        assert len(set(ids[:4])) == 1
        assert ids[4] != ids[0]

    def test_a_candidate_of_two_campaigns_is_one_of_each(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")

        for held in (lease, ledger.acquire("other", "engine-2", HOUR)):
            with ledger.work(held) as work:
                work.record_round(batch(1, proposal(0)))

        ids = {p.candidate_id for name in ("coupling", "other") for p in ledger.proposals(name)}
        assert len(ids) == 2

    def test_a_label_that_now_means_another_structure_is_another_candidate(self, ledger: Ledger, lease: Lease) -> None:
        as_proposed = [
            with_point(proposal(i), Candidate({"ligand": "L1"}, {"ligand": s})) for i, s in enumerate(("C", "CC"))
        ]

        with ledger.work(lease) as work:
            work.record_round(batch(1, *as_proposed))

        assert len({p.candidate_id for p in ledger.proposals("coupling")}) == 2

    def test_a_standardised_structure_keeps_the_one_that_it_was_made_from(self, ledger: Ledger, lease: Lease) -> None:
        made = Candidate({"acid": "A"}, {"molecule": "CCN"}, as_made={"molecule": "CC[NH3+]"})
        plain = Candidate({"acid": "B"}, {"molecule": "CCN"})

        with ledger.work(lease) as work:
            work.record_round(batch(1, with_point(proposal(0), made), with_point(proposal(1), plain)))

        assert [p.draft.candidate.as_made for p in ledger.proposals("coupling")] == [{"molecule": "CC[NH3+]"}, {}]

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
