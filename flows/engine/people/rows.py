"""Told rows: a line of a person's table, kept as typed, and read as settings and a result.

Columns are the parameters and the targets of the campaign, each with its unit where it is another one
(``temperature [K]``, ``temperature (K)``), and ``TARGET_sd``, ``TARGET_n``, ``TARGET_qualifier``, ``outcome``,
``comment`` and ``key``; also what was recorded beside the result: the campaign's context parameters, and plate, well,
day, instrument, ...
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from loop.cells import has_decimal_comma, pointed, split_header
from loop.circumstances import EFFECTS, HOUR
from loop.errors import MoleculeError, OutcomeError, SpaceError, UnitError, did_you_mean
from loop.objective import is_number
from loop.outcome import LARGEST
from loop.record import EnvelopeDraft, EnvelopeRecord
from loop.space import Component, Continuous, Discrete, Space
from loop.space.parameters import HINTED
from loop.spec import CampaignSpec, build_space, context_of
from loop.spec.library_models import StandardiseSpec
from loop.spec.models import TargetSpec
from loop.spec.sieving import policy_of
from loop.spec.space_models import ComponentSpec, MoleculeSpec, ProductsSpec, UnionSpec
from loop.units import convert

TELL: Final = "tell:"
AGAIN: Final = "again"  # in a payload: how often the row was refused before
WHOLE: Final = "0"  # in place of a line number: the file as a whole
PLAIN: Final = frozenset({"outcome", "comment", "key"})
IGNORED: Final = frozenset({"run_order", "run order", "round", "position", "replicate"})
BESIDE: Final = (*EFFECTS, "well")  # what may be recorded beside any result
TAKEN: Final = ("hours", "cost")  # what the experiment took
_MOLECULES: Final = (ComponentSpec, MoleculeSpec, ProductsSpec, UnionSpec)
_UNMEASURED: Final = " (too little to be measured is a limit, such as <1, or negative in a column 'outcome')"
_SCATTER: Final = re.compile(r"([-+]?\d+(?:[.,]\d+)?)\s*(?:\N{PLUS-MINUS SIGN}|\+/?-)\s*(\d+(?:[.,]\d+)?)")
_FAULT: Final = re.compile(r"fault\s*:?\s*(?P<kind>\w*)")


@dataclass(frozen=True, slots=True)
class ToldRow:
    """What a row says."""

    settings: Mapping[str, str | float]  # in the units of the parameters; empty where a key names the attempt
    payload: Mapping[str, Any]  # as ``loop.outcome.read_outcome`` reads it


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: of which thing, which part, and in which unit (None for the campaign's)."""

    header: str
    thing: str  # a parameter, a target, or one of the plain columns
    part: str  # "value", "sd", "n", "qualifier", "context" or "taken"
    unit: str | None


def is_told(source: str) -> bool:
    """Whether an envelope came from a told file."""
    return source.startswith(TELL)


def draft_row(
    source: str,
    header: Sequence[str],
    cells: Sequence[str],
    seen: Counter[str],
    *,
    has_decimal_commas: bool = False,
) -> EnvelopeDraft:
    """A row as an envelope, unread. Where its file may have decimal commas and it has some, it says so.

    ``seen`` counts equal rows of the file: a row that moved to another line is still known, and two equal
    readings in one file stay two readings.
    """
    fits = len(header) == len(cells)
    named: Any = dict(zip(header, cells, strict=True)) if fits else cells
    text = json.dumps(named, ensure_ascii=False)
    seen[text] += 1
    said = {"decimal": ","} if has_decimal_commas and any(map(has_decimal_comma, cells)) else {}
    payload = json.dumps({"cells": named, "occurrence": seen[text], **said}, ensure_ascii=False)
    key = next((cell for head, cell in zip(header, cells, strict=False) if head.strip() == "key" and cell), None)
    plain = {
        name: cell for head, cell in zip(header, cells, strict=False) if (name := split_header(head)[0]) not in PLAIN
    }
    return EnvelopeDraft(source, key, payload, plain or None)


def told_again(draft: EnvelopeDraft, times: int) -> EnvelopeDraft:
    """A row that was refused ``times`` before, as an envelope of its own with the same content."""
    return replace(draft, payload=json.dumps({**json.loads(draft.payload), AGAIN: times}, ensure_ascii=False))


def content_of(envelope: EnvelopeRecord) -> tuple[str, str]:
    """What makes two told rows the same, on whatever line of their file they stand: its name, and what the row says.

    Of an imported campaign (``tell:PROGRAM NAME/FILE:PLACE``) the file's name does not count.
    """
    file, payload = envelope.source.rpartition(":")[0].partition("/")[0], envelope.payload
    if f'"{AGAIN}"' in payload:
        payload = json.dumps({k: v for k, v in json.loads(payload).items() if k != AGAIN}, ensure_ascii=False)
    return file, payload


def draft_file(file: str, text: str, problem: str) -> EnvelopeDraft:
    """A whole file that is no table, as one envelope."""
    payload = json.dumps({"problem": problem, "text": text}, ensure_ascii=False)
    return EnvelopeDraft(f"{TELL}{file}:{WHOLE}", None, payload)


def is_blank(header: Sequence[str], cells: Sequence[str], targets: Iterable[str]) -> bool:
    """Whether a row names an attempt and says nothing of it yet, as a worksheet's rows do at first."""
    results = {"outcome", *targets}
    row = {head: cell for head, cell in zip(header, cells, strict=False) if cell}
    names = {split_header(head)[0] for head in row}
    return "key" in names and not names & results


def read_columns(header: Sequence[str], spec: CampaignSpec, space: Space | None = None) -> dict[str, Column]:
    """What each column holds, by header; ``space`` is the spec's, where the caller has it.

    Raises:
        OutcomeError: A column is unknown or there twice, or a unit is wrong.
    """
    names = (build_space(spec) if space is None else space).names
    columns: dict[str, Column] = {}
    taken: dict[tuple[str, str], str] = {}
    molecules = (name for name, p in spec.space.items() if isinstance(p, _MOLECULES))
    shown = {"procedure", *(f"{name}_smiles" for name in molecules)}  # on a worksheet, for people to read
    shown -= {*names, *spec.objective, *context_of(spec)}
    for head in header:
        name, unit = split_header(head)
        if name in IGNORED or name in shown:
            continue
        column = _column(head, name, unit, spec, names)
        place = (column.thing, column.part)
        if place in taken:
            raise OutcomeError(f"columns {taken[place]!r} and {head!r} hold the same thing; remove one")
        taken[place] = head
        columns[head] = column
    return columns


def read_told(payload: str, spec: CampaignSpec, space: Space) -> ToldRow:
    """What a told row says; ``payload`` is what ``draft_row`` wrote.

    Raises:
        OutcomeError: A column or a cell is not as it should be; the message names it and the remedy.
        SpaceError: The settings do not fit the space.
    """
    data = json.loads(payload)
    if "problem" in data:
        raise OutcomeError(data["problem"])
    cells = data["cells"]
    if not isinstance(cells, dict):
        raise OutcomeError(f"the row has {len(cells)} cells and the header another number; quote a cell with a comma")
    columns = read_columns(list(cells), spec, space)
    by_place = {(c.thing, c.part): (c, cells[head].strip()) for head, c in columns.items()}
    if data.get("decimal") == ",":
        texts = {*PLAIN, *(p.name for p in space.parameters if not isinstance(p, Continuous | Discrete))}
        by_place = {at: (c, text if c.thing in texts else pointed(text)) for at, (c, text) in by_place.items()}
    has_key = bool(by_place.get(("key", "value"), (None, ""))[1])
    settings = _settings(by_place, spec, space, is_needed=not has_key)
    if settings and spec.source is None:  # a source says by it what a new name stands for
        beside = {
            head: text.strip() for head, text in cells.items() if head.endswith("_smiles") and head not in columns
        }
        _check_structures(beside, settings, spec, space)
    return ToldRow(settings, _result(by_place, spec, settings if has_key else None))


def _check_structures(
    beside: Mapping[str, str], settings: Mapping[str, str | float], spec: CampaignSpec, space: Space
) -> None:
    """See that a structure beside the name of a molecule is that of the molecule. Raises ``OutcomeError``."""
    reagents = {space.names[column] for products in space.products for column in products.columns}
    if not any(beside.values()) or not reagents <= settings.keys():  # a row with a key may leave settings out
        return
    for name, smiles in space.smiles(settings).items():
        text = beside.get(f"{name}_smiles", "")
        if text and text != smiles and smiles not in _meant(text, _standardise(name, spec)):
            raise OutcomeError(
                f"column '{name}_smiles': {text!r} is not the structure of {settings.get(name, name)!r}, which is "
                f"{smiles}; correct the one that is wrong, or leave the structure out"
            )


_Cells = Mapping[tuple[str, str], tuple[Column, str]]


def _column(head: str, name: str, unit: str | None, spec: CampaignSpec, names: Sequence[str]) -> Column:
    if name in PLAIN:
        return Column(head, name, "value", None)
    if name in names:
        return Column(head, name, "value", unit)
    if name in context_of(spec):
        return Column(head, name, "context", unit)
    if name in spec.objective:
        return Column(head, name, "value", unit)
    for target in spec.objective:
        for part in ("sd", "n", "qualifier"):
            if name in (f"{target}_{part}", f"{target} {part}"):
                return Column(head, target, part, unit)
    if name in BESIDE:
        return Column(head, name, "context", None)
    if name in TAKEN:
        return Column(head, name, "taken", unit)
    beside = dict.fromkeys((*context_of(spec), *BESIDE, *TAKEN))
    known = [*names, *spec.objective, *PLAIN, *beside]
    parts = [f"{t}_{part}" for t in spec.objective for part in ("sd", "n")]
    wanted = ", ".join([*names, *spec.objective, *parts, *sorted(PLAIN), *beside])
    raise OutcomeError(f"column {head!r} is unknown{did_you_mean(name, known)}; known: {wanted}. Rename or remove it")


def _settings(cells: _Cells, spec: CampaignSpec, space: Space, *, is_needed: bool) -> dict[str, str | float]:
    settings: dict[str, str | float] = {}
    mixed, conditional = space.frame.mixed_columns, space.frame.conditional
    for place, p in enumerate(space.parameters):
        column, text = cells.get((p.name, "value"), (None, ""))
        if not text and is_needed and place in mixed and _has_fractions(cells, space, place):
            settings[p.name] = 0.0  # a part of a mixture that was not used
            continue
        if not text and (not is_needed or place in conditional):
            continue  # what does not apply has an empty cell; the space says if it was wanted
        if column is None:
            names = ", ".join(space.names)
            raise OutcomeError(
                f"parameter {p.name!r} has no value: its column is missing or its cell empty; "
                f"give every one of {names}, or the key of an attempt"
            )
        if not text:
            raise OutcomeError(f"column {column.header!r} is empty; every parameter needs a value")
        if isinstance(p, Continuous | Discrete):
            number = _in_unit(_number(column.header, text), column, p.unit)
            if abs(number) > LARGEST:
                raise OutcomeError(
                    f"column {column.header!r}: {text} is beyond {LARGEST:g}, too large to be reckoned with; correct it"
                )
            settings[p.name] = number
        elif isinstance(p, Component):
            settings[p.name] = _option(p, text, spec)
        else:
            settings[p.name] = text
            p.index(text)
    return settings


def _has_fractions(cells: _Cells, space: Space, place: int) -> bool:
    """Whether the row gives any part of the mixture that column ``place`` belongs to."""
    columns = next(m.columns for m in space.mixtures if place in m.columns)
    return any(cells.get((space.names[c], "value"), (None, ""))[1] for c in columns)


def _option(p: Component, text: str, spec: CampaignSpec) -> str:
    """The option that a label or a structure names. Raises ``SpaceError`` with what would make it known."""
    if p.has(text):
        return text if p.united is None else _as_listed(p, text)
    if p.united is not None and (name := p.united.meant(text)) is not None:
        return _as_listed(p, name)
    meant = list(_meant(text, _standardise(p.name, spec)))
    for smiles in meant:
        if smiles in p.smiles:
            return p.options[p.smiles.index(smiles)]
    if spec.source is not None:
        raise SpaceError(
            f"parameter {p.name!r}: {text!r} is neither an option of the campaign nor a structure; give its SMILES "
            f"in a column {p.name}_smiles, or instead of the name"
        )
    if isinstance(spec.space.get(p.name), MoleculeSpec):
        hint = did_you_mean(text, p.options) if len(p.options) <= HINTED and not meant else ""  # of a name alone
        raise SpaceError(
            f"parameter {p.name!r}: none of its {len(p.options)} molecules has the name or the structure {text!r}"
            f"{hint}; correct it, or tell results of other molecules with --source TITLE, to be learnt from only"
        )
    p.index(text)  # says what there is, and what is like it
    return text


def _standardise(name: str, spec: CampaignSpec) -> StandardiseSpec | None:
    """What the campaign file says of how structures of a parameter, or of a list of reagents, are standardised."""
    said = spec.space.get(name)
    if isinstance(said, MoleculeSpec):
        return said.standardise
    if isinstance(said, UnionSpec):
        return next((s.standardise for s in said.of.values() if isinstance(s, MoleculeSpec)), None)
    of, _, which = name.rpartition(".")
    made = spec.space.get(of)
    return made.reagents[which].standardise if isinstance(made, ProductsSpec) and which in made.reagents else None


def _meant(text: str, standardise: StandardiseSpec | None) -> Iterator[str]:
    """The canonical SMILES of a structure as it stands, then as the campaign standardises it; none of what is none."""
    from loop.molecules.standardise import canonical_smiles, standardised_smiles  # RDKit: only for structures

    with suppress(MoleculeError):
        yield canonical_smiles(text)
        if standardise is not None:
            yield standardised_smiles(text, policy_of(standardise))


def _as_listed(p: Component, text: str) -> str:
    """The name of a union's candidate; of a product that is in its library the name there, since it counts once."""
    smiles = p.smiles[round(p.index(text))]
    return p.options[p.smiles.index(smiles)] if smiles in p.smiles else text


def _result(cells: _Cells, spec: CampaignSpec, actual: Mapping[str, str | float] | None) -> dict[str, Any]:
    comment = cells.get(("comment", "value"), (None, ""))[1]
    said = cells.get(("outcome", "value"), (None, ""))[1].lower()
    values = [v for name, target in spec.objective.items() if (v := _value(cells, name, target)) is not None]
    context: dict[str, Any] = {"comment": comment} if comment else {}
    context |= _beside(cells, spec)
    if actual:
        context["actual"] = dict(actual)
    extra: dict[str, Any] = {"context": context} if context else {}
    if taken := _taken(cells, spec):
        extra["provenance"] = taken
    if said == "negative":
        return {"outcome": "negative", "reason": comment or "told as negative", "values": values, **extra}
    if fault := _FAULT.fullmatch(said):
        kind = fault["kind"] or "unknown"
        if values:
            raise OutcomeError("a fault has no value: it did not run as intended; empty one of the two cells")
        return {"outcome": "fault", "kind": kind, "message": comment or kind, **extra}
    if said not in ("", "measured"):
        raise OutcomeError(
            f"outcome {said!r} is unknown{did_you_mean(said, ['measured', 'negative', 'fault'])}; "
            "use measured, negative or fault:KIND"
        )
    if not values:
        names = " or ".join(repr(name) for name in spec.objective)
        raise OutcomeError(f"no value for {names}, and no outcome; fill one in (outcome: negative or fault:KIND)")
    return {"outcome": "measured", "values": values, **extra}


def _beside(cells: _Cells, spec: CampaignSpec) -> dict[str, str | float]:
    """What was recorded beside the result; a number of the campaign's in its own unit where it can be read as one."""
    declared = context_of(spec)
    found: dict[str, str | float] = {}
    for (name, part), (column, text) in cells.items():
        if part != "context" or not text:
            continue
        if name in declared and (unit := declared[name].unit) is not None:
            try:
                number = float(text)
            except ValueError:
                number = math.nan
            if math.isfinite(number):
                found[name] = _in_unit(number, column, unit)
                continue
        found[name] = text  # what is not as declared is kept all the same, and the next round notes it
    return found


def _taken(cells: _Cells, spec: CampaignSpec) -> dict[str, float]:
    """What the experiment took, as provenance: seconds, and money in the unit of the campaign's costs."""
    found: dict[str, float] = {}
    for name in TAKEN:
        column, text = cells.get((name, "taken"), (None, ""))
        if column is None or not text:
            continue
        number = _number(column.header, text)
        if number < 0:
            raise OutcomeError(f"column {column.header!r} must be zero or above, got {text!r}; correct the cell")
        if name == "hours":
            found["wall_time_s"] = _in_unit(number, column, "h") * HOUR
            continue
        unit = "" if spec.costs is None else spec.costs.unit
        if column.unit not in (None, unit):
            raise OutcomeError(f"column {column.header!r} must be in the unit of the costs, {unit!r}; convert it")
        found["cost"] = number
    return found


def _value(cells: _Cells, target: str, said: TargetSpec) -> dict[str, Any] | None:
    unit = said.unit
    column, text = cells.get((target, "value"), (None, ""))
    deviation_column, deviation = cells.get((target, "sd"), (None, ""))
    qualifier = cells.get((target, "qualifier"), (None, ""))[1]
    readings_column, readings = cells.get((target, "n"), (None, ""))
    if column is None or not text:
        if deviation or qualifier or readings:
            what = "a deviation or a qualifier" if deviation or qualifier else "a number of readings"
            raise OutcomeError(f"{target!r} has {what} but no value; fill it in")
        return None
    if text[0] in "<>" and not qualifier:  # "<5", as analysts write it
        if not text[1:].strip():
            raise OutcomeError(
                f"column {column.header!r} has {text!r} without a limit; write {text}5, if that is the limit"
            )
        qualifier, text = text[0], text[1:].strip()
    # "[]" says that it is a plain fraction; an empty unit in a payload would stand for the target's.
    mine = unit if column.unit is None else column.unit or "dimensionless"
    given = text if (said.classes or said.words) and not is_number(text) else _number(column.header, text, _UNMEASURED)
    value: dict[str, Any] = {"property": target, "value": given, "unit": mine}
    if deviation and deviation_column is not None:
        other = deviation_column.unit
        if other is not None and other != mine:
            raise OutcomeError(f"column {deviation_column.header!r} must have the unit of its value, {mine!r}")
        value["sd"] = _number(deviation_column.header, deviation)
    if readings and readings_column is not None:
        if not re.fullmatch(r"[0-9]{1,9}", readings):
            raise OutcomeError(
                f"column {readings_column.header!r} must hold how many readings there were, got {readings!r}; "
                "write a whole number, or leave it empty"
            )
        value["n"] = int(readings)
    if qualifier:
        value["qualifier"] = qualifier
    return value


def _number(header: str, text: str, of_a_word: str = "") -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        hint = of_a_word if text[:1].isalpha() and text.lower() not in ("nan", "inf", "infinity") else ""
        if re.fullmatch(r"[-+]?\d+,\d+", text):
            hint = " (use a point as decimal sign)"
        elif unit := re.fullmatch(r"[-+]?[\d.]+\s*([^\d\s.,+-]\D*)", text):
            hint = f" (the number alone; its unit belongs in the header, as in '{split_header(header)[0]} ({unit[1]})')"
        elif of_a_word and (scatter := _SCATTER.match(text)):
            column = f"{split_header(header)[0]}_sd"
            hint = f" (write {scatter[1]} alone, and {scatter[2]} in a column '{column}' beside it)"
        raise OutcomeError(f"column {header!r} must hold a finite number, got {text!r}{hint}; correct the cell")
    return number


def _in_unit(value: float, column: Column, unit: str) -> float:
    if column.unit is None:
        return value
    try:
        return convert(value, column.unit, unit)
    except UnitError as error:
        remedy = f"give it in {unit!r}" if unit else "give it without one, or state the unit in the campaign file"
        raise OutcomeError(f"column {column.header!r}: {error}; {remedy}") from None
