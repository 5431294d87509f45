"""Telling: results that a person brings as a CSV file. Every row is on record before anything reads it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.holding import PATIENCE, holding
from flows.engine.ingesting import judge_all
from flows.engine.reports import TellReport
from flows.engine.rows import TELL, draft_row, read_columns
from flows.engine.session import Session
from flows.wiring import open_record
from loop.checkpoints import reached
from loop.errors import HakkenError, OutcomeError
from loop.record import EnvelopeDraft, EnvelopeRecord, Verdict

if TYPE_CHECKING:
    from flows.settings import Settings


class TellError(HakkenError):
    """The file itself cannot be opened; check the path."""


def tell(settings: Settings, name: str, csv_path: Path | str, *, by: str) -> TellReport:
    """Store every row of a CSV file, then judge it.

    Columns: every parameter of the space and at least one target, each with a unit where it is another one than
    the campaign's (``temperature [K]``); optionally ``TARGET_sd``, ``TARGET_qualifier`` (=, < or >), ``outcome``
    (measured, negative or fault:KIND), ``comment``, and ``key`` of an attempt, of which the row is then the result.
    The same file again adds nothing, also where rows were added above.

    Raises:
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
        campaign = ledger.campaign(name)
        drafts = _drafts(path.name, data)
        with holding(ledger, settings, campaign.name, patience=PATIENCE) as held:
            session = Session(settings, name, ledger, held)
            before = {e.id for e in session.view.unjudged}
            with session.work(actor=by) as work:
                received = [work.receive(draft) for draft in drafts]
            session.refresh()
            reached("tell.stored")
            judgements = judge_all(session)
            reached("tell.judged")
            judged = {e.id: e for e in ledger.envelopes(name)}
    new = {j.envelope.id for j in judgements} - before
    rows = [judged[r.id] for r in {r.id: r for r in received}.values()]
    problems = _problems(path.name, rows, session)
    added = tuple(e.id for e in rows if e.id in new and e.verdict is Verdict.ACCEPTED)
    known = sum(e.verdict is Verdict.DUPLICATE or (e.verdict is Verdict.ACCEPTED and e.id not in new) for e in rows)
    return TellReport(len(added), known, problems, added, tuple(session.tally.notes) if not problems else ())


def _drafts(file: str, data: bytes) -> list[EnvelopeDraft]:
    """An envelope for each row; one for the whole file where it is no table."""
    text = data.decode("utf-8-sig", errors="backslashreplace")
    whole = EnvelopeDraft(f"{TELL}{file}:0", None, text)
    try:
        data.decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (UnicodeDecodeError, csv.Error):
        return [whole]
    filled = [(line, cells) for line, cells in lines if any(cells)]
    if len(filled) < 2:
        return [whole]
    seen: Counter[str] = Counter()
    header = filled[0][1]
    return [draft_row(f"{TELL}{file}:{line}", header, cells, seen) for line, cells in filled[1:]]


def _problems(file: str, rows: list[EnvelopeRecord], session: Session) -> list[str]:
    """What a person has to mend, with line numbers; a fault of the header is said once."""
    bad = [e for e in rows if e.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE)]
    if not bad:
        return []
    kept = f"{len(bad)} rows are kept as malformed" if len(bad) > 1 else "the row is kept as malformed"
    if (message := _fault_of_header(bad[0], session)) is not None:
        return [f"{file} line 1: {message} ({kept}; correct the header and tell the file again)"]
    return [f"{file} line {e.source.rpartition(':')[2]}: {e.message}" for e in bad]


def _fault_of_header(envelope: EnvelopeRecord, session: Session) -> str | None:
    try:
        cells = json.loads(envelope.payload)["cells"]
        read_columns(list(cells) if isinstance(cells, dict) else [], session.view.spec)
    except OutcomeError as error:
        return str(error)
    except (ValueError, KeyError, TypeError):
        return None
    return None
