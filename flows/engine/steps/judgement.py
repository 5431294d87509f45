"""Judgements: what is to be recorded of envelopes, and the writing of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from flows.engine.steps.completing import Standing, added_by, beside_both, listed
from flows.engine.steps.payloads import placed
from flows.progress import Progress
from loop.contracts import ToldOutcome, Work
from loop.experiment import Event
from loop.outcome import Fault, Measured, Outcome, write_outcome
from loop.record import AttemptRecord, Candidate, EnvelopeDraft, EnvelopeRecord, Json, Verdict
from loop.safety import said_by
from loop.wording import plural

TOGETHER: Final = 500  # told rows that are put on record at once
ENGINE: Final = "engine"  # source of the envelopes that the engine writes itself


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be recorded of one envelope."""

    envelope: EnvelopeRecord
    verdict: Verdict
    message: str = ""
    outcome: Outcome | None = None  # of an accepted one
    candidate: Candidate | None = None  # of an accepted told observation
    context: Json | None = None
    retry: str = ""  # why its attempt is tried again, "" for not
    claims: bool = False  # a result came for an attempt that was never sent: it is claimed first
    halts: str = ""  # why the campaign is halted: a safety stop that is no outcome, such as of an ended attempt
    completes: str = ""  # the earlier result of the same experiment in whose place it stands, with further values
    adds: str = ""  # what it adds to that one, in words

    @property
    def told(self) -> ToldOutcome | None:
        """The outcome of an accepted told row, which belongs to no attempt and is new; None of anything else."""
        if self.verdict is not Verdict.ACCEPTED or self.outcome is None or self.candidate is None or self.completes:
            return None
        return ToldOutcome(self.envelope.id, self.outcome, self.candidate, self.context)

    @property
    def is_no_outcome(self) -> bool:
        """Whether nothing but its verdict is to be recorded."""
        return self.verdict is not Verdict.ACCEPTED and not self.halts

    def write(self, work: Work) -> str | None:
        """Record it; returns the id of the observation, where one was added."""
        if self.verdict is not Verdict.ACCEPTED:
            work.judge(self.envelope.id, self.verdict, self.message)
            if self.halts:
                work.halt(*said_by(self.envelope.source, self.halts))
            return None
        assert self.outcome is not None
        if self.claims and self.envelope.key:
            work.move(self.envelope.key, Event.CLAIMED, "a result came before it was sent")
        if self.completes:
            work.retract(self.completes, ENGINE, f"completed by result {self.envelope.id}, which adds {self.adds}")
        record = work.accept(self.envelope.id, self.outcome, candidate=self.candidate, context=self.context)
        if self.retry and self.envelope.key:
            work.retry(self.envelope.key, self.retry)
        return record.id


def write_all(judgements: Sequence[Judgement], work: Work, progress: Progress) -> None:
    """Record them in their order, and told rows, or verdicts alone, that follow one another together."""
    done = 0
    for (is_told_row, is_no_outcome), some in groupby(judgements, key=lambda j: (j.told is not None, j.is_no_outcome)):
        run, size = [*some], TOGETHER if is_told_row or is_no_outcome else 1
        for start in range(0, len(run), size):
            part = run[start : start + size]
            if is_told_row:
                work.accept_told([j.told for j in part if j.told is not None])
            elif is_no_outcome:
                work.judge_all([(j.envelope.id, j.verdict, j.message) for j in part])
            else:
                part[0].write(work)
            done += len(part)
            progress("results judged", done)


def completing(
    envelope: EnvelopeRecord,
    known: Standing,
    whole: Measured,
    context: Json | None,
    added: Sequence[str],
    candidate: Candidate | None = None,
) -> Judgement:
    """Of a result that adds values, and what stands beside them as ``added`` names it, to one that counts: both as
    ``whole``, in the place of that one."""
    beside, adds = beside_both(known, context), added_by(known.outcome, whole, added)
    return Judgement(envelope, Verdict.ACCEPTED, "", whole, candidate, beside, completes=known.id, adds=adds)


def joining(
    envelope: EnvelopeRecord, known: Standing, context: Json, added: Sequence[str], candidate: Candidate | None = None
) -> Judgement:
    """Of a row that says something beside a result that counts, and no further value: the result with it, in the place
    of that one."""
    beside, adds = beside_both(known, context), listed(added)
    return Judgement(envelope, Verdict.ACCEPTED, "", known.outcome, candidate, beside, completes=known.id, adds=adds)


def said_of_completed(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    """A note on results that further values joined; none where there are none."""
    adds = Counter(j.adds for j in judgements if j.completes)
    return tuple(f"{added} joined {plural(count, 'result')} on record" for added, count in adds.items())


def standing_of(judgement: Judgement, of: AttemptRecord | Standing) -> Standing:
    """A result as it will be on record, of an attempt or in the place of another; its id is that of its envelope."""
    assert judgement.outcome is not None
    return Standing(judgement.envelope.id, judgement.outcome, judgement.context or {}, of.settings, of.key)


def conclude(work: Work, attempt: AttemptRecord, fault: Fault, *, retry: str = "") -> None:
    """End an attempt with a fault that the engine itself states, through an envelope like any other."""
    payload = json.dumps(write_outcome(fault), sort_keys=True)
    envelope = work.receive(EnvelopeDraft(ENGINE, attempt.key, payload))
    work.accept(envelope.id, fault, context=placed(attempt, None))
    if retry:
        work.retry(attempt.key, retry)
