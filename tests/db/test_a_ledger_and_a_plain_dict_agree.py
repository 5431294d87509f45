"""A stateful test: SqlLedger and a model made of dicts, side by side, through any sequence of writes."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from db import open_ledger
from loop.errors import LedgerError, OutcomeConflict, TransitionError
from loop.experiment import Event
from loop.outcome import Fault, FaultKind, Measured, Measurement, Negative, Outcome
from loop.record import Candidate, EnvelopeDraft
from loop.testing.ledger import Clock, batch, proposal

# The judge's own table, written from the design page and not read from ``loop.experiment``.
STEPS = {
    "ready": {"claimed": "sending", "cancel": "cancelled", "expire": "expired"},
    "sending": {"accepted": "submitted", "absent": "ready", "doubted": "ambiguous"},
    "submitted": {"started": "running", "doubted": "ambiguous", "cancel": "cancelled"},
    "running": {"doubted": "ambiguous", "cancel": "cancelled"},
    "ambiguous": {"accepted": "submitted", "absent": "ready", "cancel": "cancelled"},
}
OUT = ("sending", "submitted", "running", "ambiguous")

values = st.floats(-1e300, 1e300)
outcomes = st.one_of(
    values.map(lambda v: Measured((Measurement("yield", v, "%", v / 3),))),
    st.sampled_from(["no conversion", "below \x00 detection"]).map(Negative),
    st.sampled_from(sorted(set(FaultKind) - {FaultKind.SAFETY_STOP})).map(  # which halts; it has laws of its own
        lambda kind: Fault(kind, "why", kind is FaultKind.INPUT_ERROR)
    ),
)

_EMPTY = Path(tempfile.mkdtemp()) / "empty.sqlite"


class Twins(RuleBasedStateMachine):
    """``model`` holds what should be on record; attempts are told apart by round, position, replicate and number."""

    keys = Bundle("keys")
    told = Bundle("told")

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        if not _EMPTY.exists():
            open_ledger(str(_EMPTY)).close()
        shutil.copy(_EMPTY, self.folder / "ledger.sqlite")
        self.clock = Clock()
        self.ledger = open_ledger(str(self.folder / "ledger.sqlite"), clock=self.clock)
        self.ledger.open_campaign("c", {"x": 1}, by="ada")
        self.lease = self.ledger.acquire("c", "me", timedelta(hours=1))
        self.model: dict[str, Any] = {"rounds": [], "attempts": {}, "results": {}, "told": [], "version": 0, "sent": 0}

    @rule(target=keys, n=st.integers(1, 3), replicates=st.integers(1, 2))
    def plan(self, n: int, replicates: int) -> Any:
        number = len(self.model["rounds"]) + 1
        seen = tuple(o.id for o in self.ledger.observations("c"))
        with self.ledger.work(self.lease) as work:
            drafts = [proposal(i, run_order=n - 1 - i, replicates=replicates) for i in range(n)]
            work.record_round(batch(number, *drafts, observations=seen))
        self.model["rounds"].append(seen)
        made = [a for a in self.ledger.attempts("c") if a.round_number == number]
        assert len(made) == n * replicates
        for a in made:
            self.model["attempts"][a.key] = ["ready", (number, a.position, a.replicate_no, 0)]
        return multiple(*(a.key for a in made))

    @rule(key=keys, event=st.sampled_from([e for e in Event if e is not Event.OUTCOME]))
    def move(self, key: str, event: Event) -> None:
        state = self.model["attempts"][key][0]
        after = STEPS.get(state, {}).get(event.value)
        try:
            with self.ledger.work(self.lease) as work:
                work.move(key, event)
            assert after is not None
            self.model["attempts"][key][0] = after
        except TransitionError:
            assert after is None

    @rule(key=keys, outcome=outcomes)
    def report(self, key: str, outcome: Outcome) -> None:
        state = self.model["attempts"][key][0]
        before = self.model["results"].get(key)
        self.model["sent"] += 1
        try:
            with self.ledger.work(self.lease) as work:
                envelope = work.receive(EnvelopeDraft("robot", key, f"payload {self.model['sent']}"))
                try:
                    work.accept(envelope.id, outcome)
                except OutcomeConflict:
                    assert before is not None
                    assert before[1] != outcome
                    return
            if before is None:
                assert state in OUT or state == "ended"
                self.model["results"][key] = (envelope.id, outcome)
                self.model["attempts"][key][0] = "ended"
                self.model["version"] += 1
            else:
                assert before[1] == outcome
        except TransitionError:
            assert state not in (*OUT, "ended")
            self.model["sent"] -= 1  # the whole work was undone

    @rule(target=told, number=st.integers(0, 3), outcome=outcomes)
    def tell(self, number: int, outcome: Outcome) -> str:
        self.model["sent"] += 1
        with self.ledger.work(self.lease) as work:
            envelope = work.receive(EnvelopeDraft("tell", None, f"payload {self.model['sent']}"))
            work.accept(envelope.id, outcome, candidate=Candidate({"x": number}))
        self.model["told"].append((envelope.id, outcome))
        self.model["version"] += 1
        return envelope.id

    @rule(key=keys)
    def retract(self, key: str) -> None:
        if key not in self.model["results"]:
            return
        with self.ledger.work(self.lease) as work:
            work.retract(self.model["results"].pop(key)[0], "ada", "why")
        self.model["version"] += 1

    @rule(target=keys, key=keys)
    def retry(self, key: str) -> Any:
        state, place = self.model["attempts"][key]
        result = self.model["results"].get(key)
        later = any(p[:3] == place[:3] and p[3] > place[3] for _, p in self.model["attempts"].values())
        may = state in ("ended", "cancelled", "expired") and not later
        may = may and (result is None or isinstance(result[1], Fault))
        try:
            with self.ledger.work(self.lease) as work:
                again = work.retry(key, "why").key
            assert may
        except LedgerError:
            assert not may
            return multiple()
        self.model["attempts"][again] = ["ready", (*place[:3], place[3] + 1)]
        return again

    @rule(key=keys)
    def break_off(self, key: str) -> None:
        try:
            with self.ledger.work(self.lease) as work:
                work.receive(EnvelopeDraft("robot", key, "never"))
                work.record_round(batch(99))
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = open_ledger(str(self.folder / "ledger.sqlite"), clock=self.clock)

    @invariant()
    def agree(self) -> None:
        ledger, model = self.ledger, self.model
        assert {a.key: a.state.value for a in ledger.attempts("c")} == {k: s for k, (s, _) in model["attempts"].items()}
        in_order = sorted(model["results"], key=lambda key: model["attempts"][key][1])
        expected = [*model["told"], *(model["results"][key] for key in in_order)]
        assert [(o.id, o.outcome) for o in ledger.observations("c")] == expected
        assert ledger.campaign("c").data_version == model["version"]
        assert [r.observations for r in ledger.rounds("c")] == model["rounds"]
        assert len(ledger.envelopes("c")) == model["sent"]
        for earlier, later in itertools.pairwise(ledger.audit()):
            assert (later.number, later.previous) == (earlier.number + 1, earlier.hash)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.verify_audit().is_intact
            self.ledger.close()
            shutil.rmtree(self.folder)


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=8, stateful_step_count=14, suppress_health_check=list(HealthCheck))
