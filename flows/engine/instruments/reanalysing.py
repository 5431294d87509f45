"""Re-analysing: results of files, made anew by the analysis in force. New rows; the older ones stay, superseded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.engine.changes.results import check_change
from flows.engine.holding import PATIENCE, holding
from flows.engine.looking.reports import Reanalysed, ReanalysisReport
from flows.engine.looking.view import View
from flows.engine.session import Session
from flows.engine.steps.analysing import Analyst, Result, said_analysis
from flows.engine.steps.completing import parts_of
from flows.engine.steps.judgement import ENGINE
from flows.engine.steps.payloads import placed, raw_of
from flows.wiring import open_record, raw_files
from loop.checkpoints import reached
from loop.contracts import Work
from loop.errors import AnalysisError, LedgerError
from loop.experiment import State
from loop.outcome import Fault, FaultKind, Measured, Outcome, write_outcome
from loop.raw import RawResult, raw_payload
from loop.record import AttemptRecord, EnvelopeDraft, EnvelopeRecord, ObservationRecord, Verdict
from loop.spec import CampaignSpec

if TYPE_CHECKING:
    from flows.settings import Settings


@dataclass(frozen=True, slots=True)
class _Anew:
    """A result on record, or an attempt that waits for one, and what the analysis in force makes of its files."""

    attempt: AttemptRecord
    before: ObservationRecord | None  # None where nothing could be read of them so far
    envelope: EnvelopeRecord
    raw: RawResult
    result: Result
    outcome: Outcome  # with what else was measured and is not of these files


def reanalyse(
    settings: Settings, name: str, *, by: str, why: str, dry_run: bool = False, spec: CampaignSpec | None = None
) -> ReanalysisReport:
    """Analyse the files of every attempt anew; where something else comes out, it takes the older result's place.

    An attempt that waits, since nothing could be read of its files, ends with what comes out of them. All of it is one
    transaction. The older outcome stays on record, retracted as superseded by this analysis, and the new envelope names
    it; rounds that were planned from it are told. What comes out alike is left as it is.

    Args:
        settings: Where the record and the store of raw files are.
        name: The campaign.
        by: Who asks for it.
        why: The reason, kept on record.
        dry_run: Say what would change, and write nothing.
        spec: For a dry run: another spec than the one in force.

    Raises:
        NotFound: There is no such campaign.
        SpecError: The other spec changes what results on record mean.
        LedgerError: No reason is given, or the campaign has no analysis.
        RawFileMissing: A file is not on this machine; nothing was written.
    """
    if not dry_run:
        check_reason(why)
    with open_record(settings) as ledger:
        if dry_run:
            view = View(ledger, name)
            if spec is not None:
                check_change(settings, view, spec)
                view = view.under(spec.resolved())
            return _report(view, *_compared(view, Analyst(view, raw_files(settings))), dry_run=True)
        with holding(ledger, settings, name, patience=PATIENCE) as held:
            session = Session(settings, name, ledger, held)
            view, analyst = session.view, Analyst(session.view, session.files)
            changed, alike, problems = _compared(view, analyst)
            if changed:
                assert analyst.analysis is not None  # or nothing would have come out
                with session.work(actor=by) as work:
                    for each in changed:
                        _supersede(work, each, analyst.analysis.version, by, why)
                reached("reanalyse.stored")
            return _report(view, changed, alike, problems)


def check_reason(why: str) -> None:
    """Raises ``LedgerError`` where a re-analysis has no reason."""
    if not why.strip():
        raise LedgerError("a re-analysis needs a reason, which stays on record; give it with --why")


def _compared(view: View, analyst: Analyst) -> tuple[list[_Anew], int, list[str]]:
    """Results that come out otherwise now, how many come out alike, and what cannot be analysed."""
    if analyst.analysis is None:
        raise LedgerError(f"campaign {view.name!r} has no analysis; add one to its file, and give the file here")
    envelopes = {e.id: e for e in view.ledger.envelopes(view.name)}
    every = {o.id: o for o in view.ledger.observations(view.name, with_retracted=True)}
    analysed = {method.target for method in analyst.analysis.methods}
    last_raw = {e.key: e for e in envelopes.values() if e.key is not None and raw_of(e) is not None}
    attempts = {a.key: a for a in view.attempts}
    changed: list[_Anew] = []
    problems: list[str] = []
    alike = 0
    for o in view.observations:
        attempt = attempts.get(o.key or "")
        envelope = next((e for part in parts_of(o, every) if (e := _envelope_of(part, envelopes, last_raw))), None)
        raw = None if envelope is None else raw_of(envelope)
        if attempt is None or envelope is None or raw is None:
            continue
        if said_analysis(o.context) == analyst.analysis.version:
            alike += 1
            continue
        try:
            result = analyst.result(raw, attempt, received=envelope.received)
            outcome = _with_others(result.analysed.outcome, o.outcome, analysed)
        except AnalysisError as error:
            problems.append(f"attempt {attempt.key} stays as it is: {error}")
            continue
        if _values_of(outcome) == _values_of(o.outcome):
            alike += 1
        else:
            changed.append(_Anew(attempt, o, envelope, raw, result, outcome))
    for attempt, envelope in _waiting(view, last_raw, {o.key for o in every.values()}):
        raw = raw_of(envelope)
        assert raw is not None
        try:
            result = analyst.result(raw, attempt, received=envelope.received)
        except AnalysisError as error:
            problems.append(f"attempt {attempt.key} waits still: {error}")
        else:
            changed.append(_Anew(attempt, None, envelope, raw, result, result.analysed.outcome))
    return changed, alike, problems


def _waiting(
    view: View, last_raw: Mapping[str, EnvelopeRecord], with_results: Collection[str | None]
) -> Iterator[tuple[AttemptRecord, EnvelopeRecord]]:
    """Attempts with the laboratory that no result ever came of, and the files of which nothing could be read."""
    for attempt in view.pending:
        envelope = last_raw.get(attempt.key)
        if attempt.state is State.READY or envelope is None or attempt.key in with_results:
            continue
        if envelope.verdict is Verdict.MALFORMED and (raw := raw_of(envelope)) is not None and not raw.problem:
            yield attempt, envelope


def _with_others(outcome: Outcome, before: Outcome, analysed: Collection[str]) -> Outcome:
    """What came of the files, with what was measured otherwise and joined the result; raises ``AnalysisError``."""
    others = [m for m in before.measurements if m.property not in analysed] if isinstance(before, Measured) else []
    if not others:
        return outcome
    if not isinstance(outcome, Measured):
        names = " and ".join(dict.fromkeys(m.property for m in others))
        raise AnalysisError(
            f"its files say no value now, and {names} joined it; retract the result where that is wrong"
        )
    return Measured((*outcome.measurements, *others))


def _values_of(outcome: Outcome) -> Mapping[str, Any]:
    """What an outcome says, values by name in whatever order they came."""
    said = write_outcome(outcome)
    if isinstance(outcome, Measured):
        said["values"] = sorted(said["values"], key=lambda v: (v["property"], v["channel"] or ""))
    return said


def _envelope_of(
    o: ObservationRecord, envelopes: Mapping[str, EnvelopeRecord], last_raw: Mapping[str, EnvelopeRecord]
) -> EnvelopeRecord | None:
    """The envelope with the files behind a result; the last one where an attempt ended because none could be read."""
    if raw_of(envelopes[o.id]) is not None:
        return envelopes[o.id]
    failed = isinstance(o.outcome, Fault) and o.outcome.kind is FaultKind.ANALYSIS_FAILED and o.source == ENGINE
    return last_raw.get(o.key or "") if failed else None


def _supersede(work: Work, each: _Anew, version: str, by: str, why: str) -> None:
    raw = each.raw
    payload = raw_payload(
        raw.files,
        plate=raw.plate,
        measured=raw.measured or each.envelope.received.astimezone().isoformat(),
        analysis=version,
        supersedes=None if each.before is None else each.before.id,
        context=dict(raw.context),
        provenance=dict(raw.provenance),
    )
    envelope = work.receive(EnvelopeDraft(f"reanalyse:{by}", each.attempt.key, payload))
    if each.before is not None:
        work.retract(each.before.id, by, f"superseded by analysis {version} (result {envelope.id}): {why}")
    context = placed(each.attempt, each.result.context)
    work.accept(envelope.id, each.outcome, context=context)


def _report(
    view: View, changed: list[_Anew], alike: int, problems: list[str], *, dry_run: bool = False
) -> ReanalysisReport:
    rounds = view.ledger.rounds(view.name)
    rows = tuple(
        Reanalysed(
            each.attempt.key,
            view.label(each.attempt.settings),
            None if each.before is None else each.before.id,
            None if each.before is None else each.before.outcome,
            each.outcome,
            each.result.analysed.doubts,
            tuple(r.number for r in rounds if each.before is not None and each.before.id in r.observations),
        )
        for each in changed
    )
    return ReanalysisReport(rows, alike, problems, dry_run)
