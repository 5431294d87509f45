"""Judging: what is made of each envelope. Pure: envelopes and the record in, verdicts out, nothing written."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flows.engine.looking.view import View
from flows.engine.people.rows import (
    ToldRow,
    exported_id,
    is_told,
    read_told,
)
from flows.engine.steps.analysing import Analyst, Files
from flows.engine.steps.completing import Standing, at_odds, left_out, listed
from flows.engine.steps.foreign import why_foreign
from flows.engine.steps.further import beside_alone, further
from flows.engine.steps.identifying import identified
from flows.engine.steps.judgement import Judgement, standing_of
from flows.engine.steps.payloads import as_called_now, context_of, placed, problem_of, read_payload, with_actual
from flows.engine.steps.told_observations import ToldObservations
from flows.raw.store import RawFileDamaged, RawFileMissing
from flows.shown.words import outcome_line
from flows.webhooks.checking import KeysMissing
from flows.webhooks.message import is_message, result_said
from flows.webhooks.reading import MessageReader, Told
from loop.circumstances import is_as_planned
from loop.errors import LedgerBusy, LedgerFull, OutcomeError, SpecError
from loop.experiment import State
from loop.outcome import FAULT_RULES, Fault, FaultKind, Outcome, read_outcome
from loop.raw import is_raw, read_raw
from loop.record import AttemptRecord, EnvelopeRecord, Json, Settings, Verdict
from loop.spec import levels_of, words_of


class Judge:
    """Judges envelopes one after the other; each verdict counts for those after it."""

    def __init__(self, view: View, files: Files | None = None) -> None:
        self._view = view
        self._messages = MessageReader(view)
        self._analyst = None if files is None else Analyst(view, files)
        self.waiting: dict[str, str] = {}  # by key of an attempt, why its raw result cannot be looked at here
        self._units = {name: target.unit for name, target in view.spec.objective.items()}
        self._levels, self._words = levels_of(view.spec), words_of(view.spec)
        self._attempts = {a.key: a for a in view.attempts}
        standing = [Standing(o.id, o.outcome, o.context, o.settings, o.key) for o in view.observations]
        self._ended = {s.key: s for s in standing if s.key is not None}
        self._observations = ToldObservations(view, {s.id: s for s in standing if s.key is None})
        self._last: dict[tuple[str, int], int] = {}
        for a in view.attempts:
            place = (a.proposal_id, a.replicate_no)
            self._last[place] = max(self._last.get(place, 0), a.attempt_no)
        self._faults: Counter[tuple[str, int, FaultKind]] = Counter()
        for o in view.observations:
            if o.key in self._attempts and isinstance(o.outcome, Fault):
                a = self._attempts[o.key]
                self._faults[a.proposal_id, a.replicate_no, o.outcome.kind] += 1

    def judge(self, envelopes: Iterable[EnvelopeRecord]) -> list[Judgement]:
        """A verdict for each, in their order. Nothing that was received stops the judging of the rest.

        A raw result whose file is not on this machine or cannot be read now has none, nor has a message whose key is
        not in the environment: it stays unjudged, and is named in ``waiting``.
        """
        found = []
        for envelope in envelopes:
            try:
                found.append(self._judge(envelope))
            except (RawFileMissing, RawFileDamaged, KeysMissing) as error:
                self.waiting[envelope.key or ""] = str(error)
            except OSError as error:
                what, why = error.filename or "a file", error.strerror or error
                self.waiting[envelope.key or ""] = (
                    f"{what} cannot be read ({why}); see to it, it is tried again each time"
                )
        return found

    def has_ended(self, key: str) -> bool:
        """Whether an outcome of the attempt counts, those just judged included."""
        return key in self._ended

    def wants_retry(self, attempt: AttemptRecord, fault: Fault) -> str:
        """Why the experiment is tried again after this fault; "" when it is not. Counts the fault."""
        place = (attempt.proposal_id, attempt.replicate_no)
        self._faults[*place, fault.kind] += 1
        seen, allowed = self._faults[*place, fault.kind], FAULT_RULES[fault.kind].retries
        if seen > allowed or self._last[place] != attempt.attempt_no:
            return ""
        return f"{fault.kind.value} ({fault.message}): try {seen} of {allowed} again"

    def _judge(self, envelope: EnvelopeRecord) -> Judgement:
        try:
            if is_message(envelope.source):
                return self._message(envelope)
            return self._told_row(envelope) if is_told(envelope.source) else self._result(envelope, envelope.payload)
        except (
            RawFileMissing,
            RawFileDamaged,
            KeysMissing,
            LedgerBusy,
            LedgerFull,
            OSError,
        ):  # nothing wrong with the result itself
            raise
        except Exception as error:  # whatever a reader did not foresee: the envelope is kept, the campaign goes on
            return Judgement(envelope, Verdict.MALFORMED, f"it cannot be judged ({type(error).__name__}: {error})")

    def _result(self, envelope: EnvelopeRecord, payload: str | Mapping[str, Any]) -> Judgement:
        """A result that names its attempt; one that is none and speaks of danger halts the campaign all the same."""
        try:
            data = read_payload(payload) if isinstance(payload, str) else payload
        except OutcomeError as error:
            return Judgement(envelope, Verdict.MALFORMED, str(error))
        return _heard(self._content(envelope, data), data)

    def _content(self, envelope: EnvelopeRecord, data: Mapping[str, Any]) -> Judgement:
        attempt = self._attempts.get(envelope.key or "")
        if is_raw(data) and (said := problem_of(data)) is not None:
            return Judgement(envelope, *said)
        if attempt is None:
            return Judgement(envelope, Verdict.FOREIGN, why_foreign(self._view, envelope.key))
        try:
            outcome, context = self._raw(envelope, attempt, data) if is_raw(data) else self._said(data)
        except OutcomeError as error:
            return Judgement(envelope, Verdict.MALFORMED, str(error))
        if attempt.state in (State.CANCELLED, State.EXPIRED) and attempt.key not in self._ended:
            rule = f"attempt {attempt.key} is {attempt.state.value}"
            return Judgement(envelope, Verdict.LATE, f"{rule}; tell it as an observation to let it count")
        return self._outcome_of(attempt, envelope, outcome, context)

    def _message(self, envelope: EnvelopeRecord) -> Judgement:
        """A message: a result, where its laboratory sent it just now and not before; raises ``KeysMissing``.

        Danger that the laboratory signed is heard also where it comes too late to be a result, and heard once.
        """
        said = self._messages.read(envelope)
        if isinstance(said, Told):
            judgement = self._result(envelope, said.text)
            return replace(judgement, halts="") if said.is_repeated else judgement
        signed = result_said(envelope.payload) if said.is_signed else None
        return _heard(Judgement(envelope, said.verdict, said.why), signed or {})

    def _said(self, data: Mapping[str, Any]) -> tuple[Outcome, Json | None]:
        """A result that says its values itself; raises ``OutcomeError``."""
        return read_outcome(data, self._units, self._levels, self._words), context_of(data)

    def _raw(
        self, envelope: EnvelopeRecord, attempt: AttemptRecord, data: Mapping[str, Any]
    ) -> tuple[Outcome, Json | None]:
        """A result that is files, read by the campaign's analysis; raises ``OutcomeError``."""
        if self._analyst is None:
            raise OutcomeError("a raw result comes from a laboratory or hakken ingest; it cannot be told")
        result = self._analyst.result(read_raw(data), attempt, received=envelope.received)
        return result.analysed.outcome, result.context

    def _outcome_of(
        self, attempt: AttemptRecord, envelope: EnvelopeRecord, outcome: Outcome, context: Json | None
    ) -> Judgement:
        context = as_called_now(self._view.space, attempt, context)
        known = self._ended.get(attempt.key)
        if known is not None:
            how = further(self._view, envelope, known, outcome, context, f"the outcome of attempt {attempt.key}")
            if isinstance(how, Judgement):
                if how.completes:
                    self._ended[attempt.key] = standing_of(how, known)
                return how
            retract = f"hakken retract {shlex.quote(self._view.name)} {attempt.key} --why REASON"
            which = f"{attempt.key} ({self._view.label(attempt.settings)})"
            said = outcome_line(outcome, self._view.campaign.spec)
            if rest := left_out(known.outcome, outcome):
                said += f", with {outcome_line(rest, self._view.campaign.spec)}, which is retracted with it"
            if others := at_odds(known.outcome, outcome):
                said += f". On record is {outcome_line(others, self._view.campaign.spec)}"
                if rest := left_out(outcome, known.outcome):
                    joins = listed([m.property for m in rest.measurements])
                    said += f"; where that is right, empty the cells that differ, and {joins} will join it"
                else:  # such as one sample at two temperatures
                    said += "; where both are right, tell this one without its key"
            message = f"attempt {which} already ended {how}; to let this count, {retract} and tell it again: {said}"
            return Judgement(envelope, Verdict.CONTRADICTORY, message)
        retry = self.wants_retry(attempt, outcome) if isinstance(outcome, Fault) else ""
        is_unsent = attempt.state is State.READY
        judgement = Judgement(envelope, Verdict.ACCEPTED, "", outcome, None, placed(attempt, context), retry, is_unsent)
        self._ended[attempt.key] = standing_of(judgement, attempt)
        return judgement

    def _told_row(self, envelope: EnvelopeRecord) -> Judgement:
        """A row that a person told: the result of an attempt where it names one, else an observation."""
        try:
            known = self._ended.get(envelope.key or "")
            if known is not None and (beside := beside_alone(self._view, envelope, known)) is not None:
                if beside.completes:
                    self._ended[envelope.key or ""] = standing_of(beside, known)
                return beside
            row: ToldRow = read_told(envelope.payload, self._view.spec, self._view.space)
            if envelope.key is not None:
                attempt = self._attempts.get(envelope.key)
                planned = None if attempt is None else self._view.space.as_named(attempt.settings, attempt.smiles)
                if planned is not None and exported_id(envelope) and (other := _not_planned(row.settings, planned)):
                    return Judgement(envelope, Verdict.CONTRADICTORY, f"attempt {envelope.key} ran with {other}")
                return self._result(envelope, _without_planned(row.payload, planned))
            outcome = read_outcome(row.payload, self._units, self._levels, self._words)
            candidate = identified(self._view.space, row.settings)
        except (OutcomeError, SpecError) as error:
            return Judgement(envelope, Verdict.MALFORMED, str(error))
        return self._observations.judge(envelope, row, outcome, candidate, context_of(row.payload))


def _not_planned(settings: Settings, planned: Settings) -> str:
    """Settings of an attempt that its row in an exported table has otherwise, and what to do; "" for none."""
    names = [n for n in {**planned, **settings} if not is_as_planned(settings.get(n), planned.get(n))]
    if not names:
        return ""
    said = ", ".join(f"{n} {planned[n]}" if n in planned else f"no {n}" for n in names)
    columns = " and ".join(f"'actual.{n}'" for n in names)
    return (
        f"{said}, and the table has something else; leave the settings as they were planned, and write what was really "
        f"used into a column {columns}"
    )


def _without_planned(payload: Mapping[str, Any], planned: Settings | None) -> Mapping[str, Any]:
    """What a row says of an attempt, its settings left out where they are the planned ones."""
    context = payload.get("context", {})
    if planned is None or "actual" not in context:
        return payload
    actual = {name: v for name, v in context["actual"].items() if not is_as_planned(v, planned.get(name))}
    return {**payload, "context": with_actual(context, actual)}


def _heard(judgement: Judgement, data: Mapping[str, Any]) -> Judgement:
    """The judgement; where its envelope is no outcome and speaks of danger, it halts the campaign all the same."""
    is_none = judgement.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE)
    if not is_none or data.get("kind") != FaultKind.SAFETY_STOP.value:
        return judgement
    return replace(judgement, halts=f"{data.get('message') or 'safety_stop'} ({judgement.verdict.value})")
