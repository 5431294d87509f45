"""Judging: what is made of each envelope. Pure: envelopes and the record in, verdicts out, nothing written."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from flows.engine.looking.view import View
from flows.engine.people.rows import (
    OBSERVATION,
    NoResult,
    ToldRow,
    completed_by,
    content_of,
    exported_id,
    is_told,
    read_beside,
    read_told,
    says_the_same,
)
from flows.engine.steps.analysing import Analyst, Files
from flows.engine.steps.completing import Standing, completed, completions_of, is_said, last_of
from flows.engine.steps.foreign import why_foreign
from flows.engine.steps.judgement import ENGINE, Judgement, completing, joining, standing_of
from flows.raw.store import RawFileDamaged, RawFileMissing
from flows.shown.words import outcome_line
from flows.webhooks.checking import KeysMissing
from flows.webhooks.message import is_message, result_said
from flows.webhooks.reading import MessageReader, Told
from loop.circumstances import EFFECTS, PLACE, actual_of, is_as_planned, read_context
from loop.contracts import Work
from loop.errors import LedgerBusy, LedgerFull, OutcomeError, SpecError
from loop.experiment import State
from loop.named_once import named_once
from loop.outcome import FAULT_RULES, Fault, FaultKind, Outcome, read_outcome, write_outcome
from loop.raw import is_raw, read_raw
from loop.record import AttemptRecord, Candidate, EnvelopeDraft, EnvelopeRecord, Json, Settings, Verdict
from loop.space import Space
from loop.spec import declared_of, levels_of, words_of


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
        self._completable = {s.id: s for s in standing if s.key is None}
        before = self._told_before() if any(is_told(e.source) for e in view.unjudged) else []
        self._told = {content_of(e) for e in before}
        self._exported: dict[str, list[str]] = {}  # what was told of results of another record, by their ids there
        for e in before:
            if of := exported_id(e):
                self._exported.setdefault(of, []).append(e.payload)
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
        if is_raw(data) and (said := _problem_of(data)) is not None:
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
        return read_outcome(data, self._units, self._levels, self._words), _context(data)

    def _raw(
        self, envelope: EnvelopeRecord, attempt: AttemptRecord, data: Mapping[str, Any]
    ) -> tuple[Outcome, Json | None]:
        """A result that is files, read by the campaign's analysis; raises ``OutcomeError``."""
        if self._analyst is None:
            raise OutcomeError("a raw result comes from a laboratory or hakken ingest; it cannot be told")
        result = self._analyst.result(read_raw(data), attempt, received=envelope.received.isoformat())
        return result.analysed.outcome, result.context

    def _outcome_of(
        self, attempt: AttemptRecord, envelope: EnvelopeRecord, outcome: Outcome, context: Json | None
    ) -> Judgement:
        known = self._ended.get(attempt.key)
        if known is not None:
            how = self._further(envelope, known, outcome, context, f"the outcome of attempt {attempt.key}")
            if isinstance(how, Judgement):
                if how.completes:
                    self._ended[attempt.key] = standing_of(how, known)
                return how
            retract = f"hakken retract {shlex.quote(self._view.name)} {attempt.key} --why REASON"
            which = f"{attempt.key} ({self._view.label(attempt.settings)})"
            said = outcome_line(outcome, self._view.campaign.spec)
            message = f"attempt {which} already ended {how}; to let this count, {retract} and tell it again: {said}"
            return Judgement(envelope, Verdict.CONTRADICTORY, message)
        retry = self.wants_retry(attempt, outcome) if isinstance(outcome, Fault) else ""
        is_unsent = attempt.state is State.READY
        judgement = Judgement(envelope, Verdict.ACCEPTED, "", outcome, None, placed(attempt, context), retry, is_unsent)
        self._ended[attempt.key] = standing_of(judgement, attempt)
        return judgement

    def _further(
        self,
        envelope: EnvelopeRecord,
        known: Standing,
        outcome: Outcome,
        context: Json | None,
        what: str,
        candidate: Candidate | None = None,
    ) -> Judgement | str:
        """A further result of what is known, as ``what`` names it: it completes or repeats it, or how it differs."""
        whole = completed(known.outcome, outcome)
        if whole is None and _meant(known.outcome) != _meant(outcome) and not is_said(known.outcome, outcome):
            return "otherwise"
        if beside := self._beside_otherwise(known.settings, known.context, context):
            return f"so, but with {beside}"
        if whole is None:
            return Judgement(envelope, Verdict.DUPLICATE, f"repeats {what}")
        return completing(envelope, known, whole, context, candidate)

    def _beside_otherwise(self, settings: Settings, known: Json, context: Json | None) -> str:
        """What is on record beside a result of ``settings`` where a further envelope says something else; "" for none.

        Of what can be used only: what an envelope leaves out, or a comment, says nothing else.
        """
        declared = declared_of(self._view.spec)
        mine, _ = read_context(known, declared)
        new, _ = read_context(context or {}, declared)
        names = [name for name in new if name in (*EFFECTS, *declared) and new[name] != mine.get(name)]
        beside = [f"{name} {mine[name]}" if name in mine else f"no {name}" for name in names]
        used = {**settings, **actual_of(known)}
        really = [name for name, value in actual_of(context or {}).items() if not is_as_planned(value, used.get(name))]
        beside += [f"{name} {used[name]}" if name in used else f"no {name}" for name in really]
        return ", ".join(beside)

    def _told_row(self, envelope: EnvelopeRecord) -> Judgement:
        """A row that a person told: the result of an attempt where it names one, else an observation."""
        try:
            if (beside := self._beside_alone(envelope)) is not None:
                return beside
            row: ToldRow = read_told(envelope.payload, self._view.spec, self._view.space)
            if envelope.key is not None:
                return self._result(envelope, _without_planned(row.payload, self._attempts.get(envelope.key)))
            outcome = read_outcome(row.payload, self._units, self._levels, self._words)
            candidate = identified(self._view.space, row.settings)
        except (OutcomeError, SpecError) as error:
            return Judgement(envelope, Verdict.MALFORMED, str(error))
        content = content_of(envelope)
        if content in self._told:
            return Judgement(envelope, Verdict.DUPLICATE, "the same row was told before, from another line")
        if (of := exported_id(envelope)) and any(self._says(row, e) for e in self._exported.get(of, ())):
            return Judgement(envelope, Verdict.DUPLICATE, "the same result was told before, from a table saved anew")
        if of:
            self._exported.setdefault(of, []).append(envelope.payload)
        self._told.add(content)
        if (known := self._known(completed_by(envelope))) is not None:
            return self._told_later(envelope, known, outcome, candidate, _context(row.payload))
        return Judgement(envelope, Verdict.ACCEPTED, "", outcome, candidate, _context(row.payload))

    def _beside_alone(self, envelope: EnvelopeRecord) -> Judgement | None:
        """A row with the key of an experiment that has ended, and without a result: what it says beside it, such as a
        lot, joins the result. None of any other row."""
        known = self._ended.get(envelope.key or "")
        if known is None or known.key is None or isinstance(known.outcome, Fault):
            return None
        try:
            read_told(envelope.payload, self._view.spec, self._view.space)
            return None
        except NoResult:
            said = read_beside(envelope.payload, self._view.spec, self._view.space)
        declared = declared_of(self._view.spec)
        new, mine = (read_context(c, declared)[0] for c in (said, known.context))
        named = [n for n in said if n in new and n in (*EFFECTS, *declared) and not (n in PLACE and n in mine)]
        if not named:
            return None
        if other := [f"{n} {mine[n]}" for n in named if n in mine and mine[n] != new[n]]:
            retract = f"hakken retract {shlex.quote(self._view.name)} {known.key} --why REASON"
            which = f"attempt {known.key} ({self._view.label(known.settings)})"
            message = (
                f"{which} is on record with {', '.join(other)}; to let this count, {retract} and tell the result again"
            )
            return Judgement(envelope, Verdict.CONTRADICTORY, message)
        if not (added := [n for n in named if n not in mine]):
            return Judgement(envelope, Verdict.DUPLICATE, f"repeats what is on record of attempt {known.key}")
        joined = joining(envelope, known, {n: said[n] for n in said if n in (*added, "comment")}, added)
        self._ended[known.key] = standing_of(joined, known)
        return joined

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
        if known.settings == candidate.settings:
            how = self._further(envelope, known, outcome, context, f"result {known.id}", candidate)
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


def _without_planned(payload: Mapping[str, Any], attempt: AttemptRecord | None) -> Mapping[str, Any]:
    """What a row says of an attempt, its settings left out where they are the planned ones."""
    context = payload.get("context", {})
    if attempt is None or "actual" not in context:
        return payload
    planned = attempt.settings
    actual = {name: v for name, v in context["actual"].items() if not is_as_planned(v, planned.get(name))}
    beside = {name: said for name, said in context.items() if name != "actual"}
    return {**payload, "context": {**beside, **({"actual": actual} if actual else {})}}


def conclude(work: Work, attempt: AttemptRecord, fault: Fault, *, retry: str = "") -> None:
    """End an attempt with a fault that the engine itself states, through an envelope like any other."""
    payload = json.dumps(write_outcome(fault), sort_keys=True)
    envelope = work.receive(EnvelopeDraft(ENGINE, attempt.key, payload))
    work.accept(envelope.id, fault, context=placed(attempt, None))
    if retry:
        work.retry(attempt.key, retry)


def placed(attempt: AttemptRecord, context: Json | None) -> Json | None:
    """The context of a result with the well it was planned for, where the batch is a plate.

    A result that names another plate or well was made there, and says itself what else there is to say.
    """
    if attempt.place is None:
        return context
    planned, said = attempt.place.context, context or {}
    if any(name in said and str(said[name]) != planned[name] for name in ("plate", "well")):
        return context
    return {**planned, **said}


def identified(space: Space, settings: Mapping[str, str | float]) -> Candidate:
    """The candidate with its structures, and with the InChIKey of its molecule in a campaign over molecules.

    Raises:
        SpaceError: The settings do not fit the space.
    """
    space.coordinates(settings)
    candidate = space.candidate(settings)
    structure = None if space.molecule is None else candidate.smiles.get(space.molecule)
    if structure is None:
        return candidate
    from loop.molecules.standardise import inchikey  # RDKit: only where molecules are stored

    return replace(candidate, inchikey=inchikey(structure))


def read_payload(text: str) -> Mapping[str, Any]:
    """A received text as an object that can also be written down again.

    Raises:
        OutcomeError: It is not JSON, not an object, or holds what no record can keep (NaN, broken characters).
    """
    try:
        data = json.loads(text, parse_constant=_refuse, object_pairs_hook=named_once)
        json.dumps(data, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise OutcomeError(f"a result must be a JSON object with 'outcome'; this is not JSON ({error})") from None
    if not isinstance(data, dict):
        raise OutcomeError(f"a result must be a JSON object with 'outcome', got {type(data).__name__}")
    return data


def _problem_of(data: Mapping[str, Any]) -> tuple[Verdict, str] | None:
    """What was found of raw files when they were brought, where nothing can be made of them; None where nothing was."""
    try:
        raw = read_raw(data)
    except OutcomeError as error:
        return Verdict.MALFORMED, str(error)
    if raw.problem:
        return Verdict.MALFORMED, raw.problem
    return (Verdict.FOREIGN, raw.foreign) if raw.foreign else None


def _heard(judgement: Judgement, data: Mapping[str, Any]) -> Judgement:
    """The judgement; where its envelope is no outcome and speaks of danger, it halts the campaign all the same."""
    is_none = judgement.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE)
    if not is_none or data.get("kind") != FaultKind.SAFETY_STOP.value:
        return judgement
    return replace(judgement, halts=f"{data.get('message') or 'safety_stop'} ({judgement.verdict.value})")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value: where there is none, leave it out, or report negative or fault")


def _context(data: Mapping[str, Any]) -> Json | None:
    """The circumstances that a result reports, its provenance among them.

    Raises:
        OutcomeError: They are not an object.
    """
    context, provenance = data.get("context") or {}, data.get("provenance")
    if not isinstance(context, Mapping):
        raise OutcomeError(f"context must be an object with instrument, plate, well, ..., got {context!r}")
    merged = {**context, "provenance": provenance} if provenance else dict(context)
    return merged or None


def _meant(outcome: Outcome) -> object:
    """What an outcome says, in whatever order and words; those of a safety stop are heard, so they belong to it."""
    is_alarm = isinstance(outcome, Fault) and outcome.kind is FaultKind.SAFETY_STOP
    words = frozenset() if is_alarm else {"reason", "message"}
    data = {key: value for key, value in write_outcome(outcome).items() if key not in words}
    values = data.get("values")
    return {**data, "values": sorted(values, key=lambda v: (v["property"], v["channel"] or ""))} if values else data
