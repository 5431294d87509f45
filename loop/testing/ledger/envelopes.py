"""Envelopes (law 2) and files: whatever came back is stored unread, once, and judged once."""

from __future__ import annotations

import pytest

from loop.contracts import Artifact, Ledger
from loop.errors import LedgerError, NotFound
from loop.record import EnvelopeDraft, Lease, Verdict
from loop.testing.ledger.material import HOUR, SPEC, candidate, everything, measured, started


class EnvelopeLaws:
    """A part of ``LedgerContract``."""

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

    def test_many_are_stored_together_as_one_by_one(self, ledger: Ledger, lease: Lease) -> None:
        drafts = [EnvelopeDraft(f"tell:a.csv:{line}", None, f"{line}", {"temperature": line}) for line in range(502)]
        with ledger.work(lease) as work:
            first = work.receive(drafts[7])

        with ledger.work(lease) as work:
            stored = work.receive_all([*drafts, drafts[3]])
            again = work.receive_all(drafts[500:])

        assert stored[7] == first
        assert stored[-1] == stored[3]
        assert again == stored[500:502]
        assert [r.payload for r in stored[:502]] == [draft.payload for draft in drafts]
        assert ledger.envelopes("coupling") == (first, *stored[:7], *stored[8:502])
        assert [e.action for e in ledger.audit()].count("receive") == 502  # an entry for each
        assert ledger.verify_audit().is_intact

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

    def test_many_are_judged_together_as_one_by_one(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            drafts = [EnvelopeDraft(f"tell:a.csv:{line}", None, "?") for line in range(2, 6)]
            first, *others = work.receive_all(drafts)
            work.judge(first.id, Verdict.MALFORMED, "no number")
            judged = [(one.id, Verdict.MALFORMED, f"no number in {one.source}") for one in (*others, others[0])]
            work.judge_all([(first.id, Verdict.MALFORMED, "once more"), *judged])
            with pytest.raises(LedgerError, match="already judged malformed"):
                work.judge_all([(others[1].id, Verdict.FOREIGN, "")])

        said = ["no number", *(f"no number in {one.source}" for one in others)]
        assert [(e.verdict, e.message) for e in ledger.envelopes("coupling")] == [(Verdict.MALFORMED, m) for m in said]
        assert [e.action for e in ledger.audit()].count("judge") == 4
        assert ledger.verify_audit().is_intact

    def test_a_result_for_an_attempt_that_nobody_knows_stays_as_an_envelope(self, ledger: Ledger, lease: Lease) -> None:
        with ledger.work(lease) as work:
            envelope = work.receive(EnvelopeDraft("robot", "unheard-of", "{}"))
            with pytest.raises(NotFound, match="'unheard-of'; hakken show coupling ROUND --json lists the keys"):
                work.accept(envelope.id, measured())

        assert ledger.envelopes("coupling", unjudged_only=True) == (envelope,)

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

    def test_a_file_that_two_campaigns_have_is_kept_for_each(self, ledger: Ledger, lease: Lease) -> None:
        file = Artifact("a" * 64, "plate.png", "image/png", 0)
        ledger.open_campaign("other", SPEC, by="ada")

        for held in (lease, ledger.acquire("other", "engine-2", HOUR)):
            with ledger.work(held) as work:
                work.keep(file)

        assert ledger.artifacts("coupling") == ledger.artifacts("other") == (file,)
