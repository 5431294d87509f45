"""Ingesting: what the laboratory sends is stored before anything reads it, then judged."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flows.engine.looking.failing import Failed
from flows.engine.looking.held_up import keep_beside
from flows.engine.looking.outgrown import ran_out_of
from flows.engine.people.reminding import paid_all_the_same
from flows.engine.people.rows import is_told
from flows.engine.people.slips import slips
from flows.engine.session import Session
from flows.engine.steps.judgement import Judgement, conclude, said_of_completed, write_all
from flows.engine.steps.judging import Judge
from flows.engine.steps.late import late_answers
from flows.engine.steps.parts import NAMED, can_work, is_by_person, others_go_on, unreached, untold
from flows.engine.steps.payloads import raw_of
from flows.progress import Progress, in_silence
from flows.remarks import rearranged_in
from loop.analysis import media_type
from loop.checkpoints import reached
from loop.contracts import Artifact, Envelope, Handle, RawFile
from loop.errors import AdapterUnavailable, AttemptUnavailable, PartUnavailable
from loop.outcome import Fault, FaultKind, Measured
from loop.raw import sha_of
from loop.record import AttemptRecord, EnvelopeDraft, EnvelopeRecord, Verdict

Ended = Sequence[tuple[AttemptRecord, Handle]]


@dataclass(frozen=True)
class _Came:
    """What a laboratory gave: of which attempts all of it, the envelopes, and their files by name, sha and key."""

    attempts: list[AttemptRecord] = field(default_factory=list)
    drafts: list[EnvelopeDraft] = field(default_factory=list)
    files: dict[tuple[str, str, str], RawFile] = field(default_factory=dict)
    put: set[str] = field(default_factory=set)  # files that were put away

    def take(self, session: Session, envelopes: Iterable[Envelope]) -> None:
        """Put files away before the envelope that names them, so that no record lacks its file."""
        for e in envelopes:
            for file in e.files:
                if (sha := sha_of(file.data)) not in self.put:
                    session.files.put(file.data)
                self.put.add(sha)
                self.files[file.name, sha, e.key] = file
            self.drafts.append(EnvelopeDraft(session.adapter, e.key, e.payload))


def ingest(session: Session, ended: Ended) -> None:
    """Fetch, store and judge the results of attempts that ended, and what came late of others."""
    came = _fetch(session, ended) if ended else _Came()
    came.take(session, late_answers(session))
    if not (ended or came.drafts):
        return
    reached("ingest.fetched")
    if came.drafts:
        before, known = len(session.view.unjudged), {a.key for a in session.view.attempts}
        with session.work(moves=False) as work:
            received = work.receive_all(came.drafts)
            for (name, sha, key), file in came.files.items():
                if key in known:
                    work.keep(Artifact(sha, name, media_type(name), len(file.data), key))
        if again := _readable_now(session, came.attempts, received):
            with session.work(moves=False) as work:
                work.receive_all(again)
        session.refresh()
        if new := len(session.view.unjudged) - before:
            session.tally.received += new
            session.tally.has_moved = True
            reached("ingest.stored")
    judge_all(session, came.attempts)


def _readable_now(
    session: Session, attempts: Iterable[AttemptRecord], received: Iterable[EnvelopeRecord]
) -> list[EnvelopeDraft]:
    """Entries of a person that could not be read when they came, and can since the campaign file was mended.

    A verdict stands for ever, so each comes in an envelope of its own: as it was, and a line end more. Files that wait
    for an analysis are left to whoever has them analysed anew, with a reason.
    """
    waiting = {a.key for a in attempts if is_by_person(session.laboratory, a)}
    refused = [e for e in received if e.verdict is Verdict.MALFORMED and e.key in waiting and raw_of(e) is None]
    if not refused:
        return []
    found = Judge(session.view, session.files).judge(refused)
    times = Counter((e.key, e.payload.rstrip("\n")) for e in session.ledger.envelopes(session.name))
    readable = [j.envelope for j in found if j.verdict is not Verdict.MALFORMED]
    return [EnvelopeDraft(e.source, e.key, e.payload + "\n" * times[e.key, e.payload]) for e in readable]


def _fetch(session: Session, ended: Ended) -> _Came:
    """Fetch results, and put their files away; nothing more of a laboratory that cannot be reached."""
    came, n_untold = _Came(), 0
    try:
        for attempt, handle in ended:
            with others_go_on(session):
                try:
                    envelopes = session.laboratory.fetch(handle)
                except PartUnavailable:
                    raise
                except AdapterUnavailable as error:
                    is_of_one = isinstance(error, AttemptUnavailable) or (
                        len(ended) > 1 and can_work(session.laboratory)
                    )
                    if n_untold == NAMED or not is_of_one:
                        raise
                    n_untold += 1
                    session.tally.note(untold(session, attempt, str(error)))
                    continue
                came.take(session, envelopes)
                came.attempts.append(attempt)
    except AdapterUnavailable as error:
        session.tally.note(unreached(session, error))
    return came


def judge_all(
    session: Session, fetched: Sequence[AttemptRecord] = (), progress: Progress = in_silence
) -> list[Judgement]:
    """Judge whatever was not judged yet, also what a killed pass left behind; one transaction.

    An attempt of ``fetched`` without a readable result ends as ``analysis_failed``, unless a person brings the
    results: that person can correct what was typed, so the attempt waits.
    """
    judge = Judge(session.view, session.files)
    judgements = judge.judge(session.view.unjudged)
    unread = [a for a in fetched if not judge.has_ended(a.key) and a.key not in judge.waiting]
    for key, error in judge.waiting.items():
        session.tally.note(f"{f'the result of attempt {key}' if key else 'a result'} waits: {error}")
    why = _faults_of_reading(session, judge, judgements) if unread else {}
    ends = [a for a in unread if not is_by_person(session.laboratory, a)]
    if judgements or ends:
        with session.work() as work:
            write_all(judgements, work, progress)
            for attempt in ends:
                fault = _unreadable(why.get(attempt.key))
                conclude(work, attempt, fault, retry=judge.wants_retry(attempt, fault))
                session.tally.faults += 1
                session.tally.accepted += 1
        session.refresh()
        reached("ingest.judged")
    waiting = {a.key for a in unread if a not in ends}
    if ends:
        session.tally.note(_without_result(session, ends, are_unread=all(a.key in why for a in ends)))
    _count(session, [j for j in judgements if j.verdict is not Verdict.MALFORMED or j.envelope.key not in waiting])
    new = {j.envelope.id for j in judgements if j.verdict is Verdict.ACCEPTED}
    came = [o for o in session.view.observations if o.id in new] if new else []
    for note in (*slips(session.view, came), *paid_all_the_same(session.view, came)) if came else ():
        session.tally.note(note)
    entries = {a.key: why.get(a.key, "nothing readable was entered") for a in unread if a.key in waiting}
    for note in _entries_that_wait(session, [a for a in unread if a.key in entries], entries):
        session.tally.note(note)
    waits_too = {key: error for key, error in judge.waiting.items() if key}
    keep_beside(session.settings, session.name, {k: f"waits: {said}" for k, said in {**entries, **waits_too}.items()})
    return judgements


def _entries_that_wait(session: Session, unread: Sequence[AttemptRecord], why: Mapping[str, str]) -> list[str]:
    """A note for each reason why a person's entries cannot be read, on every pass until they are corrected."""
    alike: dict[str, list[AttemptRecord]] = {}
    for attempt in unread:
        alike.setdefault(why[attempt.key], []).append(attempt)
    notes = []
    for reason, (one, *others) in alike.items():
        well = "" if one.place is None else f"{one.place.well}: "
        which = f"{well}{session.view.label(one.settings)} ({one.key})"
        several = f"the entries for {len(others) + 1} experiments, such as {which}, wait"
        notes.append(f"{several if others else f'the entry for {which} waits'}: {reason}")
    return notes


def _faults_of_reading(session: Session, judge: Judge, judgements: Sequence[Judgement]) -> dict[str | None, str]:
    """Why the last unreadable envelope of each attempt cannot be read, those that a killed pass judged included; by
    the campaign file as it is now."""
    came = (e for e in session.ledger.envelopes(session.name) if not is_told(e.source))
    known = {e.key: e for e in came if e.verdict is Verdict.MALFORMED and not judge.has_ended(e.key or "")}
    anew = {j.envelope.key: j.message for j in judge.judge(known.values()) if j.verdict is Verdict.MALFORMED}
    return anew | {j.envelope.key: j.message for j in judgements if j.verdict is Verdict.MALFORMED}


def _without_result(session: Session, ends: Sequence[AttemptRecord], *, are_unread: bool) -> str:
    """What becomes of attempts of which a laboratory says that they ended, and gives nothing that can be read."""
    last, kind, name = ends[-1], FaultKind.ANALYSIS_FAILED.value, shlex.quote(session.name)
    label, came = session.view.label(last.settings), "what came" if are_unread else "no readable result came"
    retract = f"hakken retract {name} {last.key} --why REASON"
    if (n := len(ends)) == 1:
        came = f"{came} with it cannot be read" if are_unread else f"{came} with it"
        return (
            f"attempt {last.key} ({label}) ended, and {came}: it counts as a fault ({kind}). Where there is one, "
            f"{retract}, and tell it under that key"
        )
    came = f"{came} with them cannot be read" if are_unread else f"{came} with them"
    return (
        f"{n} attempts ended, the last {label}, and {came}: they count as faults ({kind}). Where there are results, "
        f"retract each, as by {retract}, and tell it under its key"
    )


def _unreadable(why: str | None) -> Fault:
    message = f"the result cannot be read: {why}" if why else "it ended, and no readable result came with it"
    return Fault.of(FaultKind.ANALYSIS_FAILED, message)


def _rearranged(session: Session, judgements: Sequence[Judgement]) -> tuple[str, ...]:
    """A note on results that are of other molecules than their structures; none where there are none."""
    found = [
        (j.envelope.key or j.envelope.id, said)
        for j in judgements
        if j.verdict is Verdict.ACCEPTED
        and isinstance(j.outcome, Measured)
        and (said := rearranged_in(j.context or {}))
    ]
    if not found:
        return ()
    key, said = found[-1]
    labels = {a.key: session.view.label(a.settings) for a in session.view.attempts}
    last, name = labels.get(key, "one that was told"), shlex.quote(session.name)
    whose = (
        f"the result of {last} is of another molecule than its structure ({said})"
        if len(found) == 1
        else f"{len(found)} results are of other molecules than their structures, the last {last} ({said})"
    )
    return (
        f"{whose}: its geometry ended there. It counts; hakken retract {name} {key} --why REASON takes it out, and "
        f"hakken ban {name} keeps the molecule from being tried again",
    )


def _count(session: Session, judgements: Sequence[Judgement]) -> None:
    attempts = {a.key: a for a in session.view.attempts}
    for note in _rearranged(session, judgements):
        session.tally.note(note)
    for note in said_of_completed(judgements):
        session.tally.note(note)
    kept = Counter[Verdict]()  # and no outcome
    for j in judgements:
        if j.completes:  # its experiment had come back before
            session.tally.has_moved = True
        elif j.verdict is Verdict.ACCEPTED:
            session.tally.accepted += 1
            if isinstance(j.outcome, Fault):
                session.tally.faults += 1
                if (attempt := attempts.get(j.envelope.key or "")) is not None:
                    experiment = (attempt.proposal_id, attempt.replicate_no)
                    label = session.view.label(attempt.settings)
                    what = ran_out_of(j.outcome, j.context or {})
                    failed = Failed(label, j.outcome, bool(j.retry), experiment, key=attempt.key, ran_out_of=what)
                    session.tally.failed.append(failed)
        elif j.verdict is not Verdict.DUPLICATE:
            kept[j.verdict] += 1
            if kept[j.verdict] > NAMED:
                continue
            whose = f" under the key {j.envelope.key}" if j.envelope.key and j.envelope.key not in j.message else ""
            session.tally.note(f"an envelope from {j.envelope.source}{whose} is {j.verdict.value}: {j.message}")
    for verdict, n in kept.items():
        if (more := n - NAMED) > 0:
            what = "1 more envelope is" if more == 1 else f"{more} more envelopes are"
            session.tally.note(f"{what} {verdict.value}; hakken report {shlex.quote(session.name)} says why")
