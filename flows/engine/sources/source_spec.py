"""The spec of a source: what a table of others has of a campaign's parameters and targets, with its own options."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from flows.engine.people.rows import Column, perhaps_fractions, read_columns, structures_told
from flows.engine.people.telling import TellError
from loop.errors import MoleculeError, OutcomeError, UnitError, did_you_mean
from loop.objective import Goal
from loop.record import CampaignRecord, Json
from loop.sheets.cells import finite, split_header
from loop.space import Category, Component, Continuous, Discrete, Mixture, Ordinal, Parameter, Space
from loop.spec import CampaignSpec, build_objective, build_space
from loop.spec.models import TargetSpec
from loop.units import check_unit, convert
from loop.working import workings_of

FILLED: Final = 0.5  # share of a column's cells from which on it tells a parameter, and rows without it are refused
_WISHES: Final = ("at_least", "at_most", "weight", "desirable")  # of the campaign, not of the source
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]*")  # as a campaign file has names


@dataclass(frozen=True)
class Table:
    """A table as read: its header, and its rows with a cell for each column."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def cells(self, head: str) -> list[str]:
        """Those of a column, by its header."""
        return [row[self.header.index(head)] for row in self.rows]


def spec_of_source(
    own: CampaignSpec, source: str, title: str, file: str, table: Table, known: CampaignRecord | None
) -> tuple[Json, tuple[str, ...]]:
    """The spec of the source that a table makes of campaign ``own``, and notes on what was read otherwise than it may
    seem. ``known`` is the source as it is on record, with the results that it has.

    Raises:
        TellError: The table has nothing of the campaign, says a thing twice, or has other parameters than ``known``.
    """
    space = build_space(own)
    columns, others = _columns(own, space, table.header)
    before: Json = {} if known is None else known.spec["space"]
    targets = {t: own.objective[t] for t in own.objective if t in columns or (known and t in known.spec["objective"])}
    beside = {name: head for head, name in structures_told(table.header, own, space.names, of_others=True).items()}
    varied, notes = {}, [*_derived(others, own, space), *_alike(others, [*space.names, *own.objective])]
    notes += _unheard(others, [p for p in space.parameters if p.name not in columns], own)
    for p in space.parameters:
        if p.name not in columns:
            continue
        cells = table.cells(columns[p.name].header)
        filled = [cell for cell in cells if cell]
        if len(filled) < FILLED * len(cells):
            others[p.name] = {"type": "context"}
            notes.append(
                f"{p.name} is given in {len(filled)} of {len(cells)} rows, too few to learn from; it is only kept"
            )
        elif entry := _entry(p, table, columns[p.name], beside.get(p.name), filled, before.get(p.name)):
            varied[p.name] = entry
            notes += _spelt(p, filled)
            if isinstance(p, Component) and p.united is not None:
                notes.append(
                    f"{p.name} is a union, which has no candidates in common with a table of others: it is kept, and "
                    "nothing is learnt from it; results of the campaign's own candidates can be told without --source"
                )
    notes += [said for t in targets if t in columns and (said := _fractions(own.objective[t].unit, table, columns[t]))]
    notes += [said for m in space.mixtures if (said := _percentages(m, table, columns))]
    if not varied or not any(t in columns for t in targets):
        what, names = ("parameter", space.names) if targets else ("target", own.objective)
        hints = "".join(f"; {note}" for note in notes)
        raise TellError(
            f"{file} has no column with the values of any {what} of campaign {own.campaign!r}; "
            f"name one of {', '.join(names)} in its header, and fill its cells{hints}"
        )
    _check_same(source, file, set(varied), {n for n, entry in before.items() if entry["type"] != "context"})
    context = {n: p.model_dump(mode="json", exclude_none=True) for n, p in own.space.items() if p.type == "context"}
    context |= {n: entry for n, entry in before.items() if entry["type"] == "context"}
    spec = {
        "campaign": source,
        "description": f"{title}: results of others, a source of campaign {own.campaign}",
        "space": {**varied, **{n: entry for n, entry in {**others, **context}.items() if n not in varied}},
        "objective": {n: _measured(t) for n, t in targets.items()},
        "budget": {"experiments": max(len(table.rows), 1)},
        "laboratory": {"adapter": "manual"},
        "source": {"of": own.campaign, "title": title},
    }  # fmt: skip
    return CampaignSpec.from_resolved(spec).resolved(), tuple(notes)


def _measured(target: TargetSpec) -> Json:
    """A target as the source has it: without what the campaign wishes of it, its thresholds among that."""
    said = {k: v for k, v in target.model_dump(mode="json", exclude_none=True).items() if k not in _WISHES}
    return said | {"goal": Goal.MAXIMIZE.value} if target.goal is Goal.KEEP else said  # nothing is run for it


def _check_same(source: str, file: str, now: set[str], before: set[str]) -> None:
    """Refuse a table over other parameters than those before it: the rows of one of them could not be read."""
    if before and now != before:
        differing = [f"lacks {', '.join(sorted(before - now))}"] * bool(before - now)
        differing += [f"has {', '.join(sorted(now - before))} besides"] * bool(now - before)
        raise TellError(
            f"{source!r} has results over {', '.join(sorted(before))}, and {file} {' and '.join(differing)}; "
            "give it a title of its own"
        )


def _columns(own: CampaignSpec, space: Space, header: Sequence[str]) -> tuple[dict[str, Column], dict[str, Json]]:
    """The column of each parameter and target by name, and what else there is, as context.

    Raises:
        TellError: A column has no name, or one under which it cannot be kept.
    """
    found: dict[str, Column] = {}
    others: dict[str, Json] = {}
    for number, head in enumerate(header, start=1):
        if not head:
            raise TellError(f"column {number} has no name; name it in the header, or remove it")
        try:
            columns = read_columns([head], own, space, of_others=header)
        except OutcomeError:
            columns = None
        if columns is None or any(c.thing in (own.derived or {}) for c in columns.values()):
            name, entry = _kept(head)
            others[name] = entry
            continue
        found.update({c.thing: c for c in columns.values() if c.part == "value"})
    return found, others


def _kept(head: str) -> tuple[str, Json]:
    """A column that means nothing to the campaign, as context."""
    name, unit = split_header(head)
    try:
        said = {"unit": check_unit(unit)} if unit else {}
    except UnitError as error:
        raise TellError(f"column {head!r} cannot be kept: {error}; rename it, or remove it") from None
    if not _NAME.fullmatch(name):
        raise TellError(
            f"column {head!r} cannot be kept under that name; use letters, digits, spaces and _ . - in it, or remove it"
        )
    return name, {"type": "context", **said}


def _derived(others: Iterable[str], own: CampaignSpec, space: Space) -> list[str]:
    """Notes on columns that are called like derived targets, which are worked out and learnt from nobody's values."""
    follows = {w.target.name: [part.name for part in w.parts] for w in workings_of(build_objective(own), space)}
    return [
        f"{head} is derived, and worked out from {' and '.join(follows[head])}: its column is only kept, and nothing "
        "is learnt from it"
        for head in others
        if head in follows
    ]


def _unheard(others: Iterable[str], lacking: Iterable[Parameter], own: CampaignSpec) -> list[str]:
    """Notes on substances of which a table seems to say something, under what the campaign's own file calls them, or
    tables of molecules usually do."""
    kept, notes = list(others), []
    for p in lacking:
        said = own.space.get(p.name)
        usual = {"name", "smiles", *(str(getattr(said, part, "")).casefold() for part in ("name", "smiles"))}
        heads = [repr(head) for head in kept if head.casefold() in usual]
        if isinstance(p, Component) and heads:
            are, what = ("is", "column") if len(heads) == 1 else ("are", "columns")
            notes.append(
                f"nothing is learnt of {p.name}, since {what} {' and '.join(heads)} {are} only kept; where one says "
                f"which {p.name} it was, call it {p.name!r}, for names or SMILES, and tell the table again"
            )
    return notes


def _alike(others: Iterable[str], names: Sequence[str]) -> list[str]:
    """Notes on columns that may have been meant as one of the campaign's."""
    return [
        f"column {head!r} is only kept{hint}, and nothing is learnt from it; where it is meant, write it so in the "
        "header and tell the table again"
        for head in others
        if (hint := did_you_mean(head.lower(), names))
    ]


def _fractions(unit: str, table: Table, column: Column) -> str:
    """A note where all values of a target in percent are so small that they may be fractions; "" elsewhere."""
    cells = [cell for cell in table.cells(column.header) if cell] if column.unit is None else []
    return perhaps_fractions(column, unit, _numbers(cells, column, unit))


def _percentages(mixture: Mixture, table: Table, columns: Mapping[str, Column]) -> str:
    """A note where parts of a mixture, which are fractions, lie above one; "" elsewhere."""
    names = [f"{mixture.name}.{part}" for part in mixture.parts]
    bare = [columns[n] for n in names if n in columns and columns[n].unit is None]
    most = {c.thing: max(_numbers(table.cells(c.header), c, ""), default=0.0) for c in bare}
    above = [f"{name} {value:g}" for name, value in most.items() if value > 1.0]
    if not above:
        return ""
    return (
        f"the parts of {mixture.name} are fractions, and some lie above 1 ({', '.join(above)}); where they are "
        f"percent, write {', '.join(repr(f'{c.thing} [%]') for c in bare)} in the header and tell the table again"
    )


def _spelt(p: Parameter, cells: Sequence[str]) -> list[str]:
    """Notes on options that differ from the campaign's in nothing but small and capital letters."""
    if not isinstance(p, Category | Ordinal) or isinstance(p, Component):
        return []
    mine = {o.casefold(): o for o in p.options}
    new = [c for c in dict.fromkeys(cells) if c not in p.options and c.casefold() in mine]
    return [
        f"{p.name} {c!r} is taken for another option than the campaign's {mine[c.casefold()]!r}; where that is meant, "
        "write it so and tell the table again"
        for c in new
    ]


def _entry(
    p: Parameter, table: Table, column: Column, beside: str | None, cells: Sequence[str], known: Json | None
) -> dict[str, Any] | None:
    """What the source's space says of a parameter with these cells; None where nothing can be learnt from it. The
    column ``beside`` has the structures of what they name.

    Where no cell can be read it says what the campaign's says, so that ``tell`` reports each with what is wanted.
    """
    before = (known or {}).get("options") or {}
    match p:
        case Component():
            options = {**before, **_structures(p, table, column.header, beside, before)}
            if not options and p.united is None:
                options = {o: s or None for o, s in zip(p.options, p.smiles, strict=True)}
            return {"type": "component", "options": options} if options else None
        case Category(is_fidelity=True):
            return None
        case Category() | Ordinal():
            texts = list(dict.fromkeys([*before, *cells]))
            if isinstance(p, Ordinal) and set(texts) <= set(p.options):
                return {"type": "ordinal", "options": list(p.options)}
            return {"type": "category", "options": texts}
        case Discrete() | Continuous():
            values = {*(known or {}).get("values", ()), *_numbers(cells, column, p.unit)}
            values = values or set(p.values if isinstance(p, Discrete) else (p.low, p.high))
            scale = {"scale": "log"} if p.scale == "log" and min(values) > 0 else {}
            return {"type": "number", "values": sorted(values), "unit": p.unit, **scale}


def _structures(
    p: Component, table: Table, head: str, beside: str | None, known: Mapping[str, str | None]
) -> dict[str, str | None]:
    """The substances of a column by name; a cell that is no name and no structure is left for ``tell`` to report.

    Raises:
        TellError: A name has two structures.
    """
    from loop.molecules.standardise import canonical_smiles  # RDKit: only here

    texts = table.cells(head)
    given = dict.fromkeys(zip(texts, [""] * len(texts) if beside is None else table.cells(beside), strict=True))
    found = dict(known)
    if p.united is None:
        own = dict(zip(p.options, p.smiles, strict=True))
    else:  # its products are not written out
        own = {text: p.smiles[p.options.index(text)] for text in dict.fromkeys(texts) if text in p.options}
    meant = {**own, **{o: s or "" for o, s in known.items()}}
    taken = {s or "" for s in known.values()}
    for text, structure in sorted(given, key=lambda pair: pair[0] not in meant):  # names of the campaign's own first
        try:
            smiles = (
                canonical_smiles(structure) if structure else meant[text] if text in meant else canonical_smiles(text)
            )
        except MoleculeError:
            continue
        if meant.setdefault(text, smiles) != smiles:
            raise TellError(
                f"{p.name} {text!r} is {smiles} in the table and {meant[text] or 'no substance'} elsewhere; "
                "give one of them another name"
            )
        if text and smiles not in taken:
            taken.add(smiles)
            found[text] = smiles or None
    return found


def _numbers(cells: Sequence[str], column: Column, to: str) -> list[float]:
    """The numbers of a column in the parameter's unit; a cell that is none is left for ``tell`` to report.

    Raises:
        TellError: The column's unit does not convert into it.
    """
    found = []
    try:
        convert(1.0, to if column.unit is None else column.unit, to)
    except UnitError as error:
        raise TellError(f"column {column.header!r}: {error}; give it in {to!r}") from None
    for text in cells:
        if (number := finite(text)) is None:
            continue
        with suppress(UnitError):
            found.append(number if column.unit is None else convert(number, column.unit, to))
    return [number for number in found if math.isfinite(number)]
