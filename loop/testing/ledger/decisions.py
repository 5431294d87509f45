"""What people decide: approvals, decisions that count from the next round, and edits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loop.contracts import Ledger, ToldOutcome
from loop.decision import Amendment, DecisionDraft, DecisionKind, in_force
from loop.errors import LedgerError, NotFound
from loop.record import Arm, EnvelopeDraft, Lease
from loop.testing.ledger.material import HOUR, SPEC, batch, candidate, everything, measured, proposal, started


class DecisionLaws:
    """A part of ``LedgerContract``."""

    def test_a_round_without_approval_waits_for_a_person(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, proposal(0, replicates=2), proposal(1), approved=False))
        first, second = ledger.proposals("coupling")
        waiting = (first.approved, second.approved, ledger.attempts("coupling"))

        with ledger.work(lease) as work:
            work.decide(first.id, True, "ada", "looks safe")
            work.decide(second.id, False, "ada", "peroxide")

        assert waiting == (None, None, ())
        said = [(p.approved, p.by, p.why) for p in ledger.proposals("coupling")]
        assert said == [(True, "ada", "looks safe"), (False, "ada", "peroxide")]
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

    def test_what_was_approved_with_its_round_stays_approved(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1))
        one = ledger.proposals("coupling")[0]
        before = everything(ledger)

        with ledger.work(lease) as work:
            work.decide(one.id, True, "ada", "yes")
            with pytest.raises(LedgerError, match="already approved"):
                work.decide(one.id, False, "ada", "no")

        assert everything(ledger) == before

    def test_decisions_come_back_as_they_were_made_and_count_from_the_next_round(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        region = {"exclude": {"ligand": ["XPhos"]}, "where": {"temperature": {"above": 100.0}}}
        drafts = (
            DecisionDraft(DecisionKind.BAN, "ada", "too dear", region=region),
            DecisionDraft(DecisionKind.PIN, "bob", "I want to see it", {"ligand": "PPh3", "temperature": 95}, times=3),
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
        assert [d.draft.times for d in made] == [1, 3, 1]
        assert [d.number for d in in_force(made, 1)] == [1]
        assert [d.number for d in in_force(made, 2)] == [2]
        assert [e.action for e in ledger.audit() if e.action == "decision"] == ["decision"] * 3

    def test_decisions_and_observations_name_the_audit_entry_that_put_them_on_record(
        self, ledger: Ledger, lease: Lease
    ) -> None:
        drafts = [DecisionDraft(DecisionKind.PIN, "ada", f"hunch {n}", dict(candidate(n).settings)) for n in range(3)]
        (attempt,) = started(ledger, lease, 1)
        with ledger.work(lease) as work:
            work.settle(drafts[0])
            told = [work.receive(EnvelopeDraft("tell", None, str(n), {"n": n})).id for n in range(3)]
            first = work.accept(told[0], measured(1.0), candidate=candidate(0))
            work.settle(drafts[1])
            more = work.accept_told([ToldOutcome(i, measured(2.0), candidate(n)) for n, i in enumerate(told[1:], 1)])
            work.settle(drafts[2])
            ran = work.accept(work.receive(EnvelopeDraft("robot", attempt.key, "4")).id, measured(4.0))

        log = {e.number: e for e in ledger.audit()}
        seen = {o.id: o for o in ledger.observations("coupling")}
        made = [first, *more, ran]
        assert [seen[o.id] for o in made] == made
        assert [log[o.entry].detail["envelope"] for o in made] == [o.id for o in made]
        assert [log[d.entry].action for d in ledger.decisions("coupling")] == ["decision"] * 3
        assert [log[d.entry].detail["number"] for d in ledger.decisions("coupling")] == [1, 2, 3]

    def test_a_decision_without_a_reason_or_about_nothing_is_refused(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            pinned = work.settle(DecisionDraft(DecisionKind.PIN, "ada", "why not", {"ligand": "PPh3"}))
            lifted = work.settle(DecisionDraft(DecisionKind.LIFT, "ada", "better not", lifts=pinned.id))
        before = everything(ledger)

        for draft, message in (
            (DecisionDraft(DecisionKind.PIN, "ada", " ", {"ligand": "PPh3"}), "needs a reason"),
            (DecisionDraft(DecisionKind.PIN, "", "why not", {"ligand": "PPh3"}), "needs somebody who made it"),
            (DecisionDraft(DecisionKind.PIN, "ada", "why not"), "is about a candidate"),
            (DecisionDraft(DecisionKind.PIN, "ada", "why not", {"ligand": "PPh3"}, times=0), "1 to 1000 experiments"),
            (DecisionDraft(DecisionKind.PIN, "ada", "why not", {"ligand": "PPh3"}, times=9999), "experiments, .* 9999"),
            (DecisionDraft(DecisionKind.BAN, "ada", "why not", {"ligand": "PPh3"}, times=2), "nothing else for more"),
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
        assert [p.why for p in proposals] == ["edited: the pump is too slow", "", "the pump is too slow"]
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

    def test_rounds_of_another_campaign_put_no_decision_off(self, ledger: Ledger, lease: Lease) -> None:
        ledger.open_campaign("other", SPEC, by="ada")
        with ledger.work(ledger.acquire("other", "engine-2", HOUR)) as work:
            work.record_round(batch(1))

        with ledger.work(lease) as work:
            decision = work.settle(DecisionDraft(DecisionKind.PIN, "ada", "why not", {"ligand": "PPh3"}))

        assert decision.after_round == 0

    def test_an_edit_is_the_next_of_its_round_and_of_what_was_decided(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            work.record_round(batch(1, *(proposal(i) for i in range(3)), approved=False))
            work.record_round(batch(2, proposal(0), approved=False))
            work.settle(DecisionDraft(DecisionKind.PIN, "ada", "why not", {"ligand": "PPh3"}))
        (old,) = ledger.proposals("coupling", 2)

        with ledger.work(lease) as work:
            with pytest.raises(LedgerError, match="replicates must be at least 1"):
                work.amend(Amendment(old.id, replace(old.draft, replicates=0), "ada", "none of it"))
            made = work.amend(Amendment(old.id, old.draft, "ada", "as it was"))

        assert (made.round_number, made.draft.position) == (2, 1)
        assert [d.number for d in ledger.decisions("coupling")] == [1, 2]
