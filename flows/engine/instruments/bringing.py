"""Bringing: files of instruments from a person, kept by their hash, matched to attempts and made into results."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.holding import PATIENCE, holding
from flows.engine.instruments.matching import MOST_NAMED, Brought, InHand, Sorted, sort_files
from flows.engine.instruments.remarks import remarks
from flows.engine.looking.reports import Ingested, IngestReport
from flows.engine.looking.view import View
from flows.engine.passes import call_off
from flows.engine.people.slips import slips
from flows.engine.session import Session
from flows.engine.steps.ingesting import judge_all
from flows.engine.steps.judgement import Judgement
from flows.engine.steps.judging import Judge
from flows.wiring import open_record
from loop.analysis import Analysis, media_type
from loop.analysis.readings import plate_name
from loop.checkpoints import reached
from loop.contracts import Artifact
from loop.errors import AnalysisError, HakkenError
from loop.outcome import Outcome
from loop.raw import sha_of
from loop.record import AttemptRecord, EnvelopeDraft, EnvelopeRecord, Json, Verdict
from loop.safety import told
from loop.spec import build_analysis
from loop.wording import plural

if TYPE_CHECKING:
    from flows.settings import Settings


class IngestError(HakkenError):
    """A file cannot be opened, or the campaign says nothing of how files become values; the message says what to do."""


def ingest_files(
    settings: Settings, name: str, paths: Sequence[Path | str], *, by: str, plate: str = "", dry_run: bool = False
) -> IngestReport:
    """Take in files of instruments; all files of one attempt are given at once.

    Every file is kept, and an envelope says what it is of, before anything is judged. The same files again change
    nothing; what was refused before is judged anew. A dry run writes nothing and says what would come out.

    Args:
        settings: Where the record and the store of raw files are.
        name: The campaign.
        paths: The files.
        by: Who brings them.
        plate: The number of the plate that they are of, where they do not say it.
        dry_run: Show what goes where and what comes out.

    Raises:
        NotFound: There is no such campaign.
        IngestError: A file cannot be opened, or the campaign has no analysis.
        LeaseHeld: Somebody else works on the campaign and gives no way within a minute.
    """
    files, plate = [_brought(Path(path)) for path in paths], plate_name(plate)
    with open_record(settings) as ledger:
        if dry_run:
            view = View(ledger, name)
            sorted_ = sort_files(files, view.attempts, _analysis(view), plate=plate)
            records = [_unsaved(draft, i) for i, draft in enumerate(sorted_.drafts)]
            judged = Judge(view, InHand(files)).judge(records)
            return _report(
                view,
                [(j.envelope, j.verdict, j.message, j.outcome, j.context) for j in judged],
                notes=remarks(view, files, sorted_.owners, plate=plate),
                dry_run=True,
            )
        _analysis(View(ledger, name))  # before anything is written
        with holding(ledger, settings, name, patience=PATIENCE) as held:
            session = Session(settings, name, ledger, held)
            sorted_ = sort_files(files, session.view.attempts, _analysis(session.view), plate=plate)
            report = _take_in(session, files, sorted_, by)
            said = remarks(session.view, files, sorted_.owners, plate=plate)
            came = session.stops_since()  # a stop that was on record and not judged yet, among them
    halted = [f"campaign {name!r} is halted by {told(name, [stop])}" for stop in came]
    return replace(report, notes=(*report.notes, *said, *halted, *call_off(settings, came)))


def _take_in(session: Session, files: Sequence[Brought], sorted_: Sorted, by: str) -> IngestReport:
    for file in files:
        session.files.put(file.data)
    reached("raw.brought")
    before = {e.id for e in session.view.unjudged}
    with session.work(actor=by, moves=False) as work:
        for file in files:
            for key in sorted_.owners.get(file.named.sha, ()):
                work.keep(Artifact(file.named.sha, file.name, media_type(file.name), len(file.data), key))
        received = [work.receive(draft) for draft in sorted_.drafts]
    session.refresh()
    reached("raw.received")
    judgements = judge_all(session)
    if again := _again(session, received, sorted_.drafts):
        with session.work(actor=by) as work:
            received = [work.receive(again[r.id]) if r.id in again else r for r in received]
        session.refresh()
        judgements += judge_all(session)
    made: Mapping[str, Judgement] = {j.envelope.id: j for j in judgements}
    on_record = {e.id: e for e in session.ledger.envelopes(session.name)}
    outcomes = {o.id: o for o in session.view.observations}
    told = []
    for r in received:
        e = on_record[r.id]
        is_new = r.id in made and r.id not in before
        o = outcomes.get(r.id)
        verdict = e.verdict if is_new or e.verdict is not Verdict.ACCEPTED else Verdict.DUPLICATE
        message = "it was taken in before" if verdict is Verdict.DUPLICATE and not e.message else e.message
        told.append((e, verdict, message, None if o is None else o.outcome, None if o is None else o.context))
    return _report(session.view, told, notes=session.tally.notes)


def _again(
    session: Session, received: Sequence[EnvelopeRecord], drafts: Sequence[EnvelopeDraft]
) -> dict[str, EnvelopeDraft]:
    """By envelope: files that were refused before, as an envelope of their own, where they can be used by now."""
    refused = {
        r.id: (r, draft)
        for r, draft in zip(received, drafts, strict=True)
        if r.verdict not in (None, Verdict.ACCEPTED, Verdict.DUPLICATE)
    }
    if not refused:
        return {}
    anew = Judge(session.view, session.files).judge(r for r, _ in refused.values())
    times = sum(e.source.startswith("ingest:") for e in session.ledger.envelopes(session.name))
    found = {}
    for judgement in anew:
        if judgement.verdict is Verdict.ACCEPTED:
            draft = refused[judgement.envelope.id][1]
            payload = json.dumps({**json.loads(draft.payload), "again": times}, sort_keys=True, ensure_ascii=False)
            found[judgement.envelope.id] = replace(draft, payload=payload)
    return found


_Told = tuple[EnvelopeRecord, Verdict | None, str, Outcome | None, Json | None]


def _report(view: View, told: Sequence[_Told], *, notes: Sequence[str] = (), dry_run: bool = False) -> IngestReport:
    attempts = {a.key: a for a in view.attempts}
    rows: list[Ingested] = []
    told_of: Counter[str] = Counter()  # what is said of a file, and of how many experiments
    otherwise: Counter[str] = Counter()  # attempts that ended otherwise, by file
    for envelope, verdict, message, outcome, context in told:
        attempt = attempts.get(envelope.key or "")
        provenance = (context or {}).get("provenance") or {}
        files = envelope.source.removeprefix("ingest:")
        rows.append(
            Ingested(
                files,
                envelope.key,
                "" if attempt is None else _where(attempt) + view.label(attempt.settings),
                "waits" if verdict is None else verdict.value,
                outcome,
                tuple(provenance.get("doubts", ())),
                message,
            )
        )
        otherwise[files] += verdict is Verdict.CONTRADICTORY
        is_shown = verdict is not Verdict.CONTRADICTORY or otherwise[files] <= MOST_NAMED
        if verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE) and is_shown:
            told_of[f"{files}: {message or 'its file is not on this machine'}"] += 1
    problems = [said if n == 1 else f"{said} (so it is of {n} experiments)" for said, n in told_of.items()]
    for files, n in otherwise.items():
        if n > MOST_NAMED:
            more = f"{files}: so did {plural(n - MOST_NAMED, 'attempt')} more"
            problems.append(
                f"{more}; hakken retract with --plate lets all results of a plate count no more, and files that one "
                "hakken ingest brings together are readings of one value each"
            )
    new = {e.id for e, verdict, *_ in told if verdict is Verdict.ACCEPTED}
    said = () if dry_run else slips(view, (o for o in view.observations if o.id in new))
    counts = [r.verdict for r in rows]
    notes = _not_said_as(problems, [message for _, _, message, *_ in told if message], notes)
    return IngestReport(
        tuple(rows),
        counts.count(Verdict.ACCEPTED.value),
        counts.count(Verdict.DUPLICATE.value),
        problems,
        tuple(dict.fromkeys((*notes, *said))),
        dry_run,
    )


def _not_said_as(problems: Sequence[str], messages: Sequence[str], notes: Sequence[str]) -> Sequence[str]:
    """The notes without those that say of one file what a problem says of it, and how many more of these there are."""
    if not problems:
        return notes
    of_one = re.compile(r"\d+ more envelopes? (is|are) ")
    return [n for n in notes if not (n.endswith(tuple(messages)) or of_one.match(n))]


def _where(attempt: AttemptRecord) -> str:
    """The well in which an experiment of a plate lies, before its settings."""
    return "" if attempt.place is None else f"plate {attempt.place.plate} {attempt.place.well}: "


def _brought(path: Path) -> Brought:
    try:
        return Brought(path.name, path.read_bytes())
    except OSError as error:
        raise IngestError(f"{path} cannot be read ({error.strerror}); check the path") from None


def _analysis(view: View) -> Analysis:
    try:
        found = build_analysis(view.spec)
    except AnalysisError as error:
        raise IngestError(f"the analysis of campaign {view.name!r} cannot be used: {error}") from None
    if found is None:
        raise IngestError(
            f"campaign {view.name!r} says nothing of how files become values; add a section analysis to its file "
            "(docs/guide/ingesting.md) and hand it over again, such as by hakken tell or run"
        )
    return found


def _unsaved(draft: EnvelopeDraft, number: int) -> EnvelopeRecord:
    """An envelope as it would be on record."""
    sha = sha_of(draft.payload.encode())
    now = datetime.now(UTC)
    return EnvelopeRecord(f"unsaved {number}", draft.source, draft.key, draft.payload, sha, None, now, None, "")
