"""Told observations: what is made of rows that a person told of experiments that hakken did not plan."""

from __future__ import annotations

import shlex
from functools import cached_property

from flows.engine.looking.view import View
from flows.engine.people.rows import (
    OBSERVATION,
    ToldRow,
    completed_by,
    content_of,
    exported_id,
    is_told,
    read_told,
    says_the_same,
)
from flows.engine.steps.completing import Standing, completions_of, last_of
from flows.engine.steps.further import further
from flows.engine.steps.judgement import Judgement, standing_of
from loop.errors import OutcomeError, SpecError
from loop.outcome import Outcome
from loop.record import Candidate, EnvelopeRecord, Json, Verdict


class ToldObservations:
    """Judges them one after the other; ``completable`` are results without a key that count, by id."""

    def __init__(self, view: View, completable: dict[str, Standing]) -> None:
        self._view, self._completable = view, completable
        before = self._told_before() if any(is_told(e.source) for e in view.unjudged) else []
        self._told = {content_of(e) for e in before}
        self._exported: dict[str, list[str]] = {}  # what was told of results of another record, by their ids there
        for e in before:
            if of := exported_id(e):
                self._exported.setdefault(of, []).append(e.payload)

    def judge(
        self, envelope: EnvelopeRecord, row: ToldRow, outcome: Outcome, candidate: Candidate, context: Json | None
    ) -> Judgement:
        """A verdict of a row that was read."""
        content = content_of(envelope)
        if content in self._told:
            return Judgement(envelope, Verdict.DUPLICATE, "the same row was told before, from another line")
        if (of := exported_id(envelope)) and any(self._says(row, e) for e in self._exported.get(of, ())):
            return Judgement(envelope, Verdict.DUPLICATE, "the same result was told before, from a table saved anew")
        if of:
            self._exported.setdefault(of, []).append(envelope.payload)
        self._told.add(content)
        if (known := self._known(completed_by(envelope))) is not None:
            return self._told_later(envelope, known, outcome, candidate, context)
        return Judgement(envelope, Verdict.ACCEPTED, "", outcome, candidate, context)

    @cached_property
    def _after(self) -> dict[str, str]:
        """By the id of a told result that was completed, that of the one in its place."""
        return completions_of(self._view.ledger.observations(self._view.name, with_retracted=True))

    def _known(self, of: str) -> Standing | None:
        """The told result that counts of what was ``of`` once, whatever joined it since."""
        return self._completable.get(of) or (self._completable.get(last_of(of, self._after)) if of else None)

    def _told_later(
        self, envelope: EnvelopeRecord, known: Standing, outcome: Outcome, candidate: Candidate, context: Json | None
    ) -> Judgement:
        """A row of a told result that is on record: it completes or repeats it, where it says nothing else of it."""
        how: Judgement | str = "otherwise"
        if self._view.space.with_earlier(known.settings) == candidate.settings:
            how = further(self._view, envelope, known, outcome, context, f"result {known.id}", candidate)
        if isinstance(how, Judgement):
            if how.completes:
                self._completable[envelope.id] = standing_of(how, known)
                del self._completable[known.id]
                self._after[known.id] = envelope.id
            return how
        retract = f"hakken retract {shlex.quote(self._view.name)} {known.id} --why REASON"
        which = f"{known.id} ({self._view.label(known.settings)})"
        message = (
            f"result {which} says {how}; to let this count, {retract} and tell it again, or where it is an experiment "
            f"of its own, {_apart(envelope)}"
        )
        return Judgement(envelope, Verdict.CONTRADICTORY, message)

    def _says(self, row: ToldRow, payload: str) -> bool:
        """Whether a row told before says what this one does."""
        try:
            return says_the_same(row, read_told(payload, self._view.spec, self._view.space))
        except (OutcomeError, SpecError):  # the campaign file reads it no more
            return False

    def _told_before(self) -> list[EnvelopeRecord]:
        """The envelope of every told observation on record."""
        envelopes = self._view.ledger.envelopes(self._view.name)
        return [e for e in envelopes if is_told(e.source) and e.verdict is Verdict.ACCEPTED]


def _apart(envelope: EnvelopeRecord) -> str:
    """How a told row is told as an experiment that is not on record yet."""
    if of := exported_id(envelope):
        return f"empty its cell under {OBSERVATION!r} ({of})"
    return "tell it from a file of another name"
