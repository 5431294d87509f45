"""Literature: a table of somebody else's results, told as a source of a campaign and never counted as its own.

It becomes a stopped campaign of its own, with the parameters and options of its columns, so that every row is on
record as it came and is read as any told row is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.engine.reports import TellReport
from flows.engine.rows import Column, read_columns
from flows.engine.telling import TellError, lines_of, tell
from flows.engine.writing import writing
from flows.wiring import open_record
from loop.contracts import Ledger
from loop.errors import MoleculeError, NotFound, OutcomeError, UnitError
from loop.record import CampaignState, Json
from loop.space import Category, Component, Continuous, Discrete, Ordinal, Parameter, Space
from loop.spec import CampaignSpec, build_space
from loop.units import convert

if TYPE_CHECKING:
    from flows.settings import Settings


def tell_source(settings: Settings, name: str, csv_path: Path | str, title: str, *, by: str) -> tuple[str, TellReport]:
    """Put a table on record as a source of campaign ``name``; returns what the source is called, and the report.

    Columns are as ``tell`` reads them; parameters may be missing, options may be new (a substance by its SMILES, or
    by a name with its SMILES in a column ``PARAMETER_smiles``), numbers may lie outside the space, and any other
    column is kept as context. The same table again adds nothing; another one with the same title adds to it.

    Raises:
        NotFound: There is no such campaign.
        TellError: The file cannot be read, or holds no parameter or no target of the campaign.
        LeaseHeld: Somebody else works on the source and gives no way within a minute.
    """
    path = Path(csv_path)
    table = _read(path)
    with open_record(settings) as ledger:
        campaign = ledger.campaign(name)
        if of := (campaign.spec.get("source") or {}).get("of"):
            raise TellError(f"{name!r} is a source itself, of campaign {of!r}; tell the table for that one")
        source = f"{name} - {re.sub(r'[^A-Za-z0-9_. -]+', ' ', title).strip() or 'source'}"
        own = CampaignSpec.from_resolved(campaign.spec)
        spec = _spec(own, source, title, path.name, table, _known(ledger, source))
        ledger.open_campaign(source, spec, by=by)
    report = tell(settings, source, path, by=by)
    with open_record(settings) as ledger:
        if ledger.campaign(source).state is not CampaignState.STOPPED:
            with writing(settings, ledger, source, by) as work:
                work.set_state(CampaignState.STOPPED, f"a source of {name} ({title}): nothing is run here")
    return source, report


@dataclass(frozen=True)
class _Table:
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def cells(self, head: str) -> list[str]:
        """Those of a column, by its header."""
        return [row[self.header.index(head)] for row in self.rows]


def _read(path: Path) -> _Table:
    """The rows that have a cell for each column; what else the file holds, ``tell`` reports. Raises ``TellError``."""
    try:
        lines = lines_of(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise TellError(f"{path} cannot be read ({error.strerror}); check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise TellError(f"{path} is no CSV table in UTF-8 ({error}); save it as one") from None
    if len(lines) < 2:
        raise TellError(f"{path} has no rows; give a header line and one line for each result")
    header = lines[0][1]
    return _Table(header, [cells for _, cells in lines[1:] if len(cells) == len(header)])


def _known(ledger: Ledger, source: str) -> Json:
    """The space of the source where it is on record already."""
    try:
        found: Json = ledger.campaign(source).spec["space"]
    except NotFound:
        return {}
    return found


def _spec(own: CampaignSpec, source: str, title: str, file: str, table: _Table, known: Json) -> Json:
    """The spec of the source: what of the campaign's parameters and targets the table has, what else as context."""
    space = build_space(own)
    columns, others = _columns(own, space, table.header)
    targets = {t: own.objective[t] for t in own.objective if t in columns}
    varied = {p.name: entry for p in space.parameters if (entry := _entry(p, table, columns, known.get(p.name)))}
    if not targets or not varied:
        what, names = ("target", own.objective) if not targets else ("parameter", space.names)
        raise TellError(
            f"{file} has no column with the values of any {what} of campaign {own.campaign!r}; "
            f"name one of {', '.join(names)} in its header, and fill every cell"
        )
    context = {n: p.model_dump(mode="json", exclude_none=True) for n, p in own.space.items() if p.type == "context"}
    spec = {
        "campaign": source,
        "description": f"{title}: results of others, a source of campaign {own.campaign}",
        "space": {**varied, **{name: {"type": "context"} for name in others if name not in varied}, **context},
        "objective": {n: {k: v for k, v in t.model_dump(mode="json", exclude_none=True).items() if k not in _WISHES}
                      for n, t in targets.items()},
        "budget": {"experiments": max(len(table.rows), 1)},
        "laboratory": {"adapter": "manual"},
        "source": {"of": own.campaign, "title": title},
    }  # fmt: skip
    return CampaignSpec.from_resolved(spec).resolved()


_WISHES = ("at_least", "at_most", "weight", "desirable")  # of the campaign, not of the source


def _columns(own: CampaignSpec, space: Space, header: Sequence[str]) -> tuple[dict[str, Column], list[str]]:
    """The column of each parameter and target by name, and the headers that mean nothing to the campaign."""
    found: dict[str, Column] = {}
    others: list[str] = []
    for head in header:
        try:
            columns = read_columns([head], own, space)
        except OutcomeError:
            others.append(head)
            continue
        found.update({c.thing: c for c in columns.values() if c.part == "value"})
    return found, others


def _entry(p: Parameter, table: _Table, columns: Mapping[str, Column], known: Json | None) -> dict[str, Any] | None:
    """What the source's space says of a parameter; None where the table does not tell its value in every row."""
    if p.name not in columns:
        return None
    cells = table.cells(columns[p.name].header)
    if not all(cells):
        return None
    before = (known or {}).get("options") or {}
    match p:
        case Component():
            options = {**before, **_structures(p, table, cells, set(before.values()))}
            return {"type": "component", "options": options} if options else None
        case Category(is_fidelity=True):
            return None
        case Category() | Ordinal():
            texts = list(dict.fromkeys([*before, *cells]))
            if isinstance(p, Ordinal) and set(texts) <= set(p.options):
                return {"type": "ordinal", "options": list(p.options)}
            return {"type": "category", "options": texts}
        case Discrete() | Continuous():
            values = {*(known or {}).get("values", ()), *_numbers(cells, columns[p.name].unit, p.unit)}
            scale = {"scale": "log"} if p.scale == "log" and min(values, default=0.0) > 0 else {}
            return {"type": "number", "values": sorted(values), "unit": p.unit, **scale} if values else None


def _structures(p: Component, table: _Table, cells: Sequence[str], taken: set[str]) -> dict[str, str | None]:
    """The substances of a column by name; a cell that is no name and no structure is left for ``tell`` to report."""
    from loop.molecules.standardise import canonical_smiles  # RDKit: only here

    beside = f"{p.name}_smiles"
    given = dict(zip(cells, table.cells(beside), strict=True)) if beside in table.header else {}
    found: dict[str, str | None] = {}
    for text in dict.fromkeys(cells):
        if text in p.options:
            smiles = p.smiles[p.options.index(text)]
        else:
            try:
                smiles = canonical_smiles(given.get(text) or text)
            except MoleculeError:
                continue
        if smiles not in taken:
            taken.add(smiles)
            found[text] = smiles or None
    return found


def _numbers(cells: Sequence[str], unit: str | None, to: str) -> list[float]:
    found = []
    for text in cells:
        try:
            found.append(float(text) if unit is None else convert(float(text), unit, to))
        except (ValueError, UnitError):
            continue  # ``tell`` reports it
    return found
