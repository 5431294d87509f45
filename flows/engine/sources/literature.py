"""Literature: a table of somebody else's results, told as a source of a campaign and never counted as its own.

It becomes a stopped campaign of its own, with the parameters and options of its columns, so that every row is on
record as it came and is read as any told row is.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.looking.reports import TellReport
from flows.engine.people.rows import is_exported
from flows.engine.people.telling import TellError, tell
from flows.engine.people.told_file import lines_of_file
from flows.engine.people.writing import writing
from flows.engine.sources.source_spec import Table, spec_of_source
from flows.progress import Progress, in_silence
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.errors import NotFound
from loop.record import CampaignRecord, CampaignState
from loop.sheets.cells import split_header
from loop.space import Category, Ordinal
from loop.spec import CampaignSpec, build_space
from loop.wording import in_plain_letters

if TYPE_CHECKING:
    from flows.settings import Settings


def tell_source(
    settings: Settings, name: str, csv_path: Path | str, title: str, *, by: str, progress: Progress = in_silence
) -> tuple[str, TellReport]:
    """Put a table on record as a source of campaign ``name``; returns what the source is called, and the report.

    Columns are as ``tell`` reads them; parameters may be missing, options may be new (a substance by its SMILES, or
    by a name with its SMILES in a column ``PARAMETER_smiles``), numbers may lie outside the space, and any other
    column is kept as context. The same table again adds nothing; another one with the same title and the same
    parameters adds to it. The same rows under a mended header, in which a column that was only kept has the name of a
    parameter or a column has another unit, or with an option written as the campaign has it, replace those told before,
    which are then retracted; one that is refused replaces nothing.

    Raises:
        NotFound: There is no such campaign.
        TellError: The title is empty, or the file cannot be read, holds no parameter or no target of the campaign, or
            has others than a table with that title had before.
        LeaseHeld: Somebody else works on the source and gives no way within a minute.
    """
    if not title.strip():
        raise TellError("a source needs a title that says whose results these are, such as --source 'Smith 2021'")
    path = Path(csv_path)
    with open_record(settings) as ledger:
        campaign = ledger.campaign(name)
        if of := (campaign.spec.get("source") or {}).get("of"):
            raise TellError(f"{name!r} is a source itself, of campaign {of!r}; tell the table for that one")
        source = _called(ledger, name, title)
        own = CampaignSpec.from_record(campaign.spec)
        table = _read(path, own)
        known = _known(ledger, source, name, title)
        told = {} if known is None else _cells_of(ledger, source)
        mended = _mended(told, own, table)
        spec, notes = spec_of_source(
            own, source, title, path.name, table, None if mended.keys() == told.keys() else known
        )
        if own.memory == "off":
            notes += (f"the file of {name} has memory: off, so that no source is heard; without that line this one is",)
        ledger.open_campaign(source, spec, by=by)
    report = tell(settings, source, path, by=by, replaced=mended, may_have_grown=False, progress=progress)
    with open_record(settings) as ledger:
        if mended:  # last, so that whatever comes in between leaves the rows told before as they are
            notes += _replace(settings, ledger, source, mended, table, path.name, by)
        if ledger.campaign(source).state is not CampaignState.STOPPED:
            with writing(settings, ledger, source, by) as work:
                work.set_state(CampaignState.STOPPED, f"a source of {name} ({title}): nothing is run here")
    return source, replace(report, notes=(*notes, *report.notes))


def _called(ledger: Ledger, name: str, title: str) -> str:
    """What the source of campaign ``name`` with a title is called: as on record, else by the title in plain letters."""
    on_record = (c.name for c in ledger.campaigns() if _source_of(c) == (name, title))
    plain = re.sub(r"[^A-Za-z0-9_.-]+", " ", in_plain_letters(title)).strip()
    return next(on_record, f"{name} - {plain or 'source'}")


def _source_of(campaign: CampaignRecord) -> tuple[str | None, str | None]:
    """Of which campaign it is a source, and under which title; None twice where it is none."""
    said = campaign.spec.get("source") or {}
    return said.get("of"), said.get("title")


def _read(path: Path, own: CampaignSpec) -> Table:
    """The rows that have a cell for each column; what else the file holds, ``tell`` reports. Raises ``TellError``."""
    _, lines = lines_of_file(path, own, TellError, each="result")
    header = lines[0][1]
    if is_exported(header):
        raise TellError(
            f"{path} was written by hakken export, and holds results of a whole campaign; tell it to one with that "
            "campaign's file (hakken tell CAMPAIGN FILE, without --source), and name it under memory: in this one's"
        )
    return Table(header, [cells for _, cells in lines[1:] if len(cells) == len(header)])


def _cells_of(ledger: Ledger, source: str) -> dict[str, dict[str, str]]:
    """The rows of a source that count, as they were told: cells by header, by the result's id."""
    payloads = {e.id: e.payload for e in ledger.envelopes(source)}
    return {o.id: json.loads(payloads[o.id])["cells"] for o in ledger.observations(source)}


@dataclass(frozen=True)
class _Mend:
    """What a result told before is in a mended table: its row there, and what is written otherwise."""

    row: tuple[str, ...]
    written: tuple[str, ...]


def _mended(told: Mapping[str, Mapping[str, str]], own: CampaignSpec, table: Table) -> dict[str, _Mend]:
    """The results of a source that a table is to replace, by id; {} for none.

    Under another header it does where it has all rows that were told under that, cell by cell, and names anew only what
    meant nothing to the campaign, or gives a column of it another unit. Under the same header it does where a row has
    only options of the campaign in the place of words that are none, and differ in capitals alone.
    """
    rows = {tuple(cells): tuple(cells) for cells in table.rows}
    alike = {tuple(cell.casefold() for cell in row): row for row in rows}
    space = build_space(own)
    meant = {*space.names, *own.objective}
    options = {p.name: p.options for p in space.parameters if isinstance(p, Category | Ordinal)}
    found = {}
    for observation, cells in told.items():
        row = tuple(cells.values())
        if list(cells) == list(table.header):
            anew = rows.get(row) or alike.get(tuple(cell.casefold() for cell in row), row)
            changed = [(split_header(h)[0], a, b) for h, a, b in zip(cells, row, anew, strict=True) if a != b]
            if changed and all(a not in options.get(name, (a,)) and b in options[name] for name, a, b in changed):
                found[observation] = _Mend(anew, tuple(f"{name} {a!r} written {b!r}" for name, a, b in changed))
            continue
        if len(cells) != len(table.header) or row not in rows:
            return {}
        heads = [(old, new) for old, new in zip(cells, table.header, strict=True) if old != new]
        names = [(split_header(old)[0], split_header(new)[0]) for old, new in heads]
        if any(old in meant and old != new for old, new in names):
            return {}
        found[observation] = _Mend(row, tuple(f"column {old!r} written {new!r}" for old, new in heads))
    return found


def _replace(
    settings: Settings, ledger: Ledger, source: str, mended: Mapping[str, _Mend], table: Table, file: str, by: str
) -> tuple[str, ...]:
    """Retract the results whose row counts as the table has it too; notes on them, and on those that stay."""
    told = _cells_of(ledger, source)
    counting = (cells for o, cells in told.items() if o not in mended and list(cells) == list(table.header))
    anew = Counter(tuple(cells.values()) for cells in counting)
    gone: list[str] = []
    staying: list[str] = []
    for observation in (o for o in mended if o in told):
        row = mended[observation].row
        (gone if anew[row] > 0 else staying).append(observation)
        anew[row] -= 1
    if gone:
        with writing(settings, ledger, source, by) as work:
            for observation in gone:
                written = " and ".join(mended[observation].written)
                work.retract(observation, by, f"told again in {file} with {written}")
    notes = []
    if gone:
        written = ", ".join(dict.fromkeys(w for o in gone for w in mended[o].written))
        notes.append(f"{_rows(gone)} replaced: {written}")
    if staying:
        notes.append(
            f"{_rows(staying)} not replaced, with cells that are refused under the mended header: kept as told, and "
            "nothing is learnt where a parameter is lacking now; mend the cells and tell the table again, then hakken "
            f"retract {shlex.quote(source)} ID --why REASON takes back what was told before: {', '.join(staying)}"
        )
    return tuple(notes)


def _rows(those: Sequence[str]) -> str:
    if len(those) == 1:
        return "1 row told before under this title is"
    return f"{len(those)} rows told before under this title are"


def _known(ledger: Ledger, source: str, name: str, title: str) -> CampaignRecord | None:
    """The source where it has results that count. Raises ``TellError`` where something else goes by its name."""
    try:
        found = ledger.campaign(source)
    except NotFound:
        return None
    said = found.spec.get("source") or {}
    if _source_of(found) != (name, title):
        what = f"the source {said['title']!r} of {said['of']!r}" if said else "a campaign"
        raise TellError(f"{title!r} would be called {source!r}, as {what} is; give it another title in plain letters")
    return found if ledger.observations(source) else None
