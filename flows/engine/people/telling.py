"""Telling: results that a person brings as a CSV or Parquet file. Every row is on record before anything reads it."""

from __future__ import annotations

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.holding import PATIENCE, holding
from flows.engine.looking.reports import TellReport
from flows.engine.looking.view import WITH_LABORATORY, View
from flows.engine.passes import call_off
from flows.engine.people.fuller import OnRecord
from flows.engine.people.grown import Grown, counted_once
from flows.engine.people.reminding import on_told
from flows.engine.people.rows import (
    FILE,
    UnknownColumns,
    columns_of,
    content_of,
    has_no_result_yet,
    is_exported,
    is_told,
    missing_in,
    perhaps_fractions,
    told_again,
)
from flows.engine.people.slips import bare_negatives, slips
from flows.engine.people.told_again import (
    corrected,
    line_of,
    of_another,
    places,
    repeats,
    retracted,
    still_counting,
    twins,
    written_otherwise,
)
from flows.engine.people.told_table import read_table
from flows.engine.session import Session
from flows.engine.steps.ingesting import judge_all
from flows.engine.steps.judgement import TOGETHER, Judgement, said_of_completed
from flows.engine.steps.judging import Judge
from flows.progress import Progress, in_silence
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.errors import HakkenError, OutcomeError
from loop.record import AttemptRecord, EnvelopeDraft, EnvelopeRecord, ObservationRecord, Verdict
from loop.sheets.cells import said_of_missing_numbers
from loop.spec import CampaignSpec, levels_of
from loop.values import values_of

if TYPE_CHECKING:
    from flows.settings import Settings


class TellError(HakkenError):
    """The file itself cannot be opened; check the path."""


def tell(
    settings: Settings,
    name: str,
    csv_path: Path | str,
    *,
    by: str,
    replaced: Collection[str] = (),
    is_matched: bool = False,
    ignore: Sequence[str] = (),
    are_replicates: bool = False,
    may_have_grown: bool = True,
    progress: Progress = in_silence,
) -> TellReport:
    """Store every row of a CSV or Parquet file, or every calculation of one in QCSchema, then judge it.

    Columns: every parameter of the space, or ``key`` of an attempt, of which the row is then the result; at least one
    target or ``outcome`` (measured, negative, cannot, cancelled or fault:KIND); and what else
    ``flows.engine.people.rows`` names; or a table that ``hakken export`` wrote, of which the results of this very
    record, and retracted ones, are passed over. The same file again adds nothing, also where rows were added above;
    rows that were refused are judged anew. ``replaced`` are results that are taken back next, of which no note speaks.
    Where the file ``is_matched``, rows without a key are results of the experiments that wait with their settings.
    Columns to ``ignore``, by header or name, are not kept. Where the file ``may_have_grown`` from another one, rows
    that this told count once, unless they ``are_replicates``.

    Raises:
        NoColumn: The file has none that is to be ignored.
        NotFound: There is no such campaign.
        TellError: The file cannot be opened.
        LeaseHeld: Somebody else works on the campaign and gives no way within a minute.
    """
    path = Path(csv_path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TellError(f"{path} cannot be read ({error.strerror}); check the path") from None
    with open_record(settings) as ledger:
        spec = CampaignSpec.from_record(ledger.campaign(name).spec)
        view = View(ledger, name) if is_matched else None
        read = read_table(path.name, data, spec, OnRecord(ledger, name), view, ignore)
    return tell_rows(
        settings,
        name,
        path.name,
        read.drafts,
        by=by,
        notes=read.notes,
        withdrawn=read.withdrawn,
        replaced=replaced,
        can_ignore=True,
        are_replicates=are_replicates,
        may_have_grown=may_have_grown and not are_replicates,
        progress=progress,
    )


def tell_rows(
    settings: Settings,
    name: str,
    file: str,
    drafts: Sequence[EnvelopeDraft],
    *,
    by: str,
    notes: tuple[str, ...] = (),
    withdrawn: Collection[str] = (),
    replaced: Collection[str] = (),
    can_ignore: bool = False,
    are_replicates: bool = False,
    may_have_grown: bool = False,
    progress: Progress = in_silence,
) -> TellReport:
    """Store rows of ``file``, drafted as ``flows.engine.people.rows`` does, then judge them. Raises as ``tell``.

    ``withdrawn`` are results of other campaigns that were retracted there, by their ids there. Where whoever tells them
    ``can_ignore`` columns, the options are named that leave out unknown ones. Of a file that ``may_have_grown`` from
    another one, rows that this told count once; of rows that ``are_replicates`` none is asked about as a copy.
    """
    with open_record(settings) as ledger:
        campaign = ledger.campaign(name)
        with holding(ledger, settings, campaign.name, patience=PATIENCE) as held:
            session = Session(settings, name, ledger, held)
            out = [a for a in session.view.attempts if a.state in WITH_LABORATORY]
            if may_have_grown:
                grown = _counted_once(session, file, drafts)
                drafts, notes = grown.drafts, (*notes, *grown.notes)
            told = _taken_in(session, drafts, by=by, progress=progress)
            halting = session.stops_since()
    notes += call_off(settings, halting)
    is_of_results = bool(told.added or told.n_known)  # one without any is another file
    unrun = _without_result(told.wrong, session) if is_of_results else []
    problems = _problems(file, [e for e in told.wrong if e not in unrun], session, can_ignore=can_ignore)
    standing = [o for o in session.view.observations if o.id not in replaced]
    notes += _unrun(file, unrun)
    notes += _remarks(session, file, told, standing, out, are_replicates=are_replicates)
    notes += retracted(told.earlier, {o.id for o in standing}, lambda: ledger.observations(name, with_retracted=True))
    notes += still_counting(name, withdrawn, [told.on_record[o.id] for o in standing])
    return TellReport(len(told.added), told.n_known, problems, tuple(e.id for e in told.added), notes)


@dataclass(frozen=True)
class _Told:
    """What became of the rows of a file.

    Attributes:
        received: The envelope of each row, one for rows that say the same.
        on_record: All envelopes of the campaign, by id.
        judgements: Those made now of what nobody had judged before.
        anew: By envelope, what would be made now of rows that were refused when they were told before.
    """

    received: Sequence[EnvelopeRecord]
    on_record: Mapping[str, EnvelopeRecord]
    judgements: Sequence[Judgement]
    anew: Mapping[str, Judgement]

    @cached_property
    def rows(self) -> list[EnvelopeRecord]:
        """The envelopes as they were judged, each once."""
        return [self.on_record[i] for i in dict.fromkeys(r.id for r in self.received)]

    @cached_property
    def added(self) -> list[EnvelopeRecord]:
        """Those that are new results."""
        new = {j.envelope.id for j in self.judgements}
        return [e for e in self.rows if e.id in new and e.verdict is Verdict.ACCEPTED]

    @cached_property
    def earlier(self) -> list[EnvelopeRecord]:
        """Those that were results before."""
        new = {e.id for e in self.added}
        return [e for e in self.rows if e.id not in new and e.verdict is Verdict.ACCEPTED]

    @cached_property
    def wrong(self) -> list[EnvelopeRecord]:
        """All but those that were refused once and are on record since, with what would be said of them now."""
        since, anew = self._since, self.anew
        return [replace(e, message=anew[e.id].message) if e.id in anew else e for e in self.rows if e.id not in since]

    @property
    def n_known(self) -> int:
        """How many rows were known before."""
        return len(self.earlier) + sum(e.verdict is Verdict.DUPLICATE or e.id in self._since for e in self.rows)

    @cached_property
    def _since(self) -> set[str]:
        return {i for i, j in self.anew.items() if j.verdict is Verdict.DUPLICATE}


def _taken_in(session: Session, drafts: Sequence[EnvelopeDraft], *, by: str, progress: Progress) -> _Told:
    """Put rows on record, then judge them, and once more those that can be used by now."""
    before = {e.id for e in session.view.unjudged}
    with session.work(actor=by) as work:
        received: list[EnvelopeRecord] = []
        for start in range(0, len(drafts), TOGETHER):
            received += work.receive_all(drafts[start : start + TOGETHER])
            progress("rows put on record", len(received))
    session.refresh()
    reached("tell.stored")
    judgements = judge_all(session, progress=progress)
    reached("tell.judged")
    anew = _judged_anew(session, received)
    if again := _again(session, drafts, received, anew):
        with session.work(actor=by) as work:
            once_more = dict(zip(again, work.receive_all([*again.values()]), strict=True))
            received = [once_more.get(r.id, r) for r in received]
        session.refresh()
        judgements += judge_all(session, progress=progress)
    on_record = {e.id: e for e in session.ledger.envelopes(session.name)}
    return _Told(received, on_record, [j for j in judgements if j.envelope.id not in before], anew)


def _remarks(
    session: Session,
    file: str,
    told: _Told,
    standing: Sequence[ObservationRecord],
    out: Sequence[AttemptRecord],
    *,
    are_replicates: bool,
) -> tuple[str, ...]:
    """What is said of the rows that count, beside the ``standing`` results; ``out`` was at the laboratory before."""
    name, view, on_record = session.name, session.view, told.on_record
    ids = {e.id for e in told.added}
    numbered = {o.id for o in standing if o.id in ids and values_of(o.outcome).keys() - levels_of(view.spec)}
    with_numbers = [e for e in told.added if e.id in numbered]
    known = [e for e in told.rows if e.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE) and e.id not in ids]
    named = [replace(o, settings=view.space.as_named(o.settings, o.smiles)) for o in standing]
    return (
        *said_of_completed(told.judgements),
        *_missing(session, told.added),
        *_unread_files(session, told.added),
        *repeats(name, file, with_numbers),
        *corrected(name, file, named, on_record, ids, told.received),
        *(() if are_replicates else twins(name, told.added, [on_record[o.id] for o in standing])),
        *(() if are_replicates else written_otherwise(name, named, on_record, numbered)),
        *_fractions(session, with_numbers),
        *slips(view, (o for o in standing if o.id in ids)),
        *bare_negatives(view, (o for o in standing if o.id in ids)),
        *on_told(view, out, (o for o in standing if o.id in ids)),
        *of_another(file, known, told.rows, [on_record[o.id] for o in standing if o.id not in ids]),
    )


def _counted_once(session: Session, file: str, drafts: Sequence[EnvelopeDraft]) -> Grown:
    """Rows of a file, those that other files told before as they were told there."""
    view, name = session.view, session.name
    labels = levels_of(view.spec)
    values = {o.id: [v for t, v in values_of(o.outcome).items() if t not in labels] for o in view.observations}
    return counted_once(name, file, drafts, session.ledger.envelopes(name), values)


def _judged_anew(session: Session, received: Sequence[EnvelopeRecord]) -> dict[str, Judgement]:
    """By envelope: what would be made now of rows that were refused when they were told before."""
    refused = {r.id: r for r in received if r.verdict not in (None, Verdict.ACCEPTED, Verdict.DUPLICATE)}
    return {j.envelope.id: j for j in Judge(session.view).judge(refused.values())} if refused else {}


def _again(
    session: Session,
    drafts: Sequence[EnvelopeDraft],
    received: Sequence[EnvelopeRecord],
    anew: Mapping[str, Judgement],
) -> dict[str, EnvelopeDraft]:
    """By envelope: the row once more, where it can be used now that the campaign was mended or an outcome retracted.

    A verdict stands for ever, so it comes in an envelope of its own.
    """
    usable = {i for i, j in anew.items() if j.verdict is Verdict.ACCEPTED}
    if not usable:
        return {}
    times = Counter(content_of(e) for e in session.ledger.envelopes(session.name) if is_told(e.source))
    return {
        r.id: told_again(draft, times[content_of(r)])
        for r, draft in zip(received, drafts, strict=True)
        if r.id in usable
    }


def _missing(session: Session, added: Sequence[EnvelopeRecord]) -> tuple[str, ...]:
    """A note on words for missing numbers, which count as empty cells in added rows."""
    columns: dict[str, list[str]] = defaultdict(list)
    for envelope in added:
        found = missing_in(json.loads(envelope.payload)["cells"], session.view.spec, session.view.space)
        for header, cell in found.items():
            columns[header].append(cell)
    said = said_of_missing_numbers(columns)
    return (said,) if said else ()


def _unread_files(session: Session, added: Sequence[EnvelopeRecord]) -> tuple[str, ...]:
    """A note on files that added rows name, as on a worksheet, and that only a pass takes in."""
    names = [said for e in added if (said := (_cells(e) or {}).get(FILE, "").strip())]
    if not names or FILE in (*session.view.space.names, *session.view.spec.space, *session.view.spec.objective):
        return ()
    return (
        f"files that a column 'file' names, such as {names[0]!r}, are not taken in by hakken tell: a pass reads them "
        f"with their rows from the worksheet of the laboratory (hakken tick {shlex.quote(session.name)})",
    )


def _fractions(session: Session, added: Sequence[EnvelopeRecord]) -> tuple[str, ...]:
    """A note for each target in percent that added rows give without a unit, and that may be fractions there."""
    spec = session.view.spec
    if spec.source is not None:  # which said it when its columns were read
        return ()
    rows = {e.id: cells for e in added if not is_exported(cells := json.loads(e.payload)["cells"])}
    values = [values_of(o.outcome) for o in session.view.observations if o.id in rows]
    headers = {tuple(cells): cells for cells in rows.values()}.values()
    columns = {h: c for cells in headers for h, c in columns_of(cells, spec, session.view.space).items()}
    asked = [
        said
        for c in columns.values()
        if c.part == "value" and (target := spec.objective.get(c.thing)) is not None
        if (said := perhaps_fractions(c, target.unit, [found[c.thing] for found in values if c.thing in found]))
    ]
    back = f"hakken retract {shlex.quote(session.name)} {next(iter(rows), '')} --why FRACTIONS"
    return tuple(f"{said}, once each of its rows is taken back, such as by {back}" for said in asked)


def _without_result(rows: Sequence[EnvelopeRecord], session: Session) -> list[EnvelopeRecord]:
    """Refused rows that are experiments which have no result yet, as in a list of what is planned."""
    view = session.view
    refused = (e for e in rows if e.verdict is Verdict.MALFORMED)
    return [e for e in refused if has_no_result_yet(e.payload, view.spec, view.space)]


def _unrun(file: str, rows: Sequence[EnvelopeRecord]) -> tuple[str, ...]:
    if not rows:
        return ()
    has, counts, it = ("has", "counts", "it") if len(rows) == 1 else ("have", "count", "them")
    return (
        f"{places(file, [line_of(e) for e in rows])} {has} no result yet, and {counts} for nothing: fill {it} in and "
        "tell the file again, or say under outcome what came of it (negative, cannot, fault:KIND)",
    )


def _problems(file: str, rows: list[EnvelopeRecord], session: Session, *, can_ignore: bool) -> list[str]:
    """What a person has to mend, with line numbers; a fault of the header that all rows have is said once."""
    bad = [e for e in rows if e.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE)]
    if not bad:
        return []
    kept = f"{len(bad)} rows are kept as malformed" if len(bad) > 1 else "the row is kept as malformed"
    headers = {tuple(_cells(e) or ()) for e in rows}  # several where rows came one by one, each with columns of its own
    is_table = line_of(bad[0]).isdigit() and len(headers) == 1
    if is_table and (fault := _fault_of_header(bad[0], session)) is not None:
        way_out = fault.way_out if can_ignore and isinstance(fault, UnknownColumns) else ""
        return [f"{file} line 1: {fault}{way_out} ({kept}; correct the header and tell the file again)"]
    alike: dict[str | None, list[str]] = {}
    for e in bad:
        alike.setdefault(e.message, []).append(line_of(e))
    return [f"{places(file, lines)}: {message}" for message, lines in alike.items()]


def _cells(envelope: EnvelopeRecord) -> dict[str, str] | None:
    """A row as it came, by column; None where it was none."""
    try:
        cells = json.loads(envelope.payload)["cells"]
    except (ValueError, KeyError, TypeError):
        return None
    return cells if isinstance(cells, dict) else {}


def _fault_of_header(envelope: EnvelopeRecord, session: Session) -> OutcomeError | None:
    cells = _cells(envelope)
    try:
        columns_of(cells or {}, session.view.spec, session.view.space)
    except OutcomeError as error:
        return None if cells is None else error
    return None
