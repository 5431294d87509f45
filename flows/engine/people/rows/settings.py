"""The settings of a told row: numbers in the units of the parameters, and options by whatever a person calls them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from flows.engine.people.rows.cells import Cells, cell_of, in_unit, number_of, together
from flows.engine.people.rows.columns import Column
from loop.circumstances import SUMS
from loop.errors import HakkenError, MoleculeError, OutcomeError, SpaceError, did_you_mean
from loop.molecules.shelf import from_shelf
from loop.outcome import LARGEST
from loop.recipe.solvents import structure_of
from loop.sheets.cells import finite, hint_of, is_in_doubt, pointed, without_doubt
from loop.space import Component, Continuous, Discrete, Parameter, Space
from loop.space.parameters import HINTED, ROUNDING, least_and_most
from loop.spec import CampaignSpec
from loop.spec.library_models import StandardiseSpec
from loop.spec.sieving import policy_of
from loop.spec.space_models import MoleculeSpec, ParameterSpec, ProductsSpec, UnionSpec

DIGITS: Final = 12  # of a converted number: nobody types more, and conversions differ behind them


class NoSetting(OutcomeError):
    """A row says nothing of a ``parameter`` that every row has to; give it a column, or the cell a value."""

    def __init__(self, parameter: str, remedy: str) -> None:
        super().__init__(f"parameter {parameter!r} has no value: its column is missing or its cell empty; {remedy}")
        self.parameter = parameter


def settings_of(
    cells: Cells, spec: CampaignSpec, space: Space, *, is_needed: bool, is_exported: bool = False
) -> dict[str, str | float]:
    """A value for each parameter that has a cell. Raises ``OutcomeError`` or ``SpaceError``.

    ``is_needed`` says that nothing else tells what was tried, so that every parameter which applies must have one;
    what came later than the results of an exported table has the value that the file says it had.
    """
    settings: dict[str, str | float] = {}
    faults: list[HakkenError] = []
    mixed, conditional = space.frame.mixed_columns, space.frame.conditional
    names = space.names
    for p in space.shown:
        place = names.index(p.name)
        column, text = cell_of(cells, p.name)
        if not text and is_needed and place in mixed and _has_fractions(cells, space, place):
            settings[p.name] = 0.0  # a part of a mixture that was not used
            continue
        if not text and (not is_needed or place in conditional or (is_exported and p.name in space.earlier)):
            continue  # what does not apply has an empty cell; the space says if it was wanted
        if column is None:
            without = "; of a table that lacks it the rest is learnt by hakken tell --source TITLE"
            raise NoSetting(
                p.name,
                f"give every one of {space.needed()}, or the key of an attempt{_by_well(cells, spec) or without}",
            )
        try:
            settings[p.name] = _setting(p, column, text, spec)
        except (OutcomeError, SpaceError) as error:
            faults.append(error)
    if faults:
        raise together(faults)
    return dict(space.with_earlier(settings)) if is_exported and settings else settings


def _by_well(cells: Cells, spec: CampaignSpec) -> str:
    """How a row of a plate, which tells its well and no settings, comes by the key of an attempt."""
    has_well = spec.plate is not None and all(cell_of(cells, name, "context")[1] for name in ("plate", "well"))
    return "; hakken tell --match finds that by plate and well" if has_well else ""


def _setting(p: Parameter, column: Column, text: str, spec: CampaignSpec) -> str | float:
    """What a cell says of a parameter, in its own unit. Raises ``OutcomeError`` or ``SpaceError``."""
    if not text:
        raise OutcomeError(f"column {column.header!r} is empty; every parameter needs a value")
    if isinstance(p, Continuous | Discrete):
        # the bounds of a source come from its table, and decide nothing
        decided = text if spec.source is not None else _decided(p, column, text)
        number = in_unit(number_of(column.header, decided), column, p.unit)
        if abs(number) > LARGEST:
            raise OutcomeError(
                f"column {column.header!r}: {text} is beyond {LARGEST:g}, too large to be reckoned with; correct it"
            )
        return number if column.unit in (None, p.unit) else _unrounded(p, number)
    if isinstance(p, Component):
        return _option(p, text, spec)
    return p.value(p.index(_as_written(text, p.options)))


def _unrounded(p: Continuous | Discrete, number: float) -> float:
    """A converted number without what the conversion rounds: 293.25 K is 20.1 degC, and no candidate of its own."""
    if isinstance(p, Discrete):
        near = min(p.values, key=lambda value: abs(value - number))
        if abs(near - number) <= ROUNDING * max(abs(p.low), abs(p.high)):
            return near
    return float(f"{number:.{DIGITS}g}")


def _as_written(text: str, options: Sequence[str]) -> str:
    """The one option that is the same number as the cell, which a program may write as 2.0 or 2,0; else the cell."""
    if text in options or hint_of(text) or (number := finite(pointed(text))) is None:
        return text
    same = [option for option in options if finite(option) == number]
    return same[0] if len(same) == 1 else text


def _decided(p: Continuous | Discrete, column: Column, text: str) -> str:
    """A cell in doubt with its sign as a decimal one, where the parameter can be that number and not the other."""
    if not is_in_doubt(text):
        return text
    plain = without_doubt(text)
    decimal, whole = plain.replace(",", "."), plain.replace(",", "").replace(".", "")
    (low, high), numbers = least_and_most(p), (finite(decimal), finite(whole))
    fits = [number is not None and low <= in_unit(number, column, p.unit) <= high for number in numbers]
    return decimal if fits == [True, False] else text


def check_structures(
    beside: Mapping[str, tuple[str, str]], settings: Mapping[str, str | float], spec: CampaignSpec, space: Space
) -> None:
    """See that a structure beside the name of a molecule is that of the molecule: ``beside`` has its column and the
    structure by parameter. Raises ``OutcomeError``."""
    reagents = {space.names[column] for products in space.products for column in products.columns}
    is_said = any(text for _, text in beside.values())
    if not is_said or not reagents <= settings.keys():  # a row with a key may leave settings out
        return
    for name, smiles in space.smiles(settings).items():
        head, text = beside.get(name, ("", ""))
        if text and text != smiles and smiles not in _meant(text, _standardise(name, spec)):
            raise OutcomeError(
                f"column {head!r}: {text!r} is not the structure of {settings.get(name, name)!r}, which is {smiles}; "
                f"correct the one that is wrong, or leave the structure out"
            )


def check_blends(cells: Cells, settings: Mapping[str, str | float], space: Space) -> None:
    """See that the parts of each mixture sum to one, but for what is weighed in or rounded. Raises ``OutcomeError``."""
    for mixture in space.mixtures:
        given = {name: float(settings[name]) for c in mixture.columns if (name := space.names[c]) in settings}
        total = sum(given.values())
        if not total or abs(total - 1.0) <= SUMS:  # none at all: the space says whether the mixture applies
            continue
        bare = [c for name in given if (c := cell_of(cells, name)[0]) is not None and c.unit is None]
        percent = f"where they are percent, write {', '.join(repr(f'{c.thing} [%]') for c in bare)} in the header"
        is_percent = any(given[c.thing] > 1.0 for c in bare)
        raise OutcomeError(
            f"the parts of {mixture.name!r} sum to {total:g}, and they are fractions that sum to one; "
            f"{f'{percent}, else ' if is_percent else ''}correct the row"
        )


def _has_fractions(cells: Cells, space: Space, place: int) -> bool:
    """Whether the row gives any part of the mixture that column ``place`` belongs to."""
    columns = next(m.columns for m in space.mixtures if place in m.columns)
    return any(cell_of(cells, space.names[c])[1] for c in columns)


def _option(p: Component, text: str, spec: CampaignSpec) -> str:
    """The option that a label or a structure names. Raises ``SpaceError`` with what would make it known."""
    if p.has(text):
        return text if p.united is None else _as_listed(p, text)
    if p.united is not None and (name := p.united.meant(text)) is not None:
        return _as_listed(p, name)
    if text in p.former:
        return p.former[text]
    meant = [*_other_name(text, spec.space.get(p.name)), *_meant(text, _standardise(p.name, spec))]
    for smiles in meant:
        if smiles in p.smiles:
            return p.options[p.smiles.index(smiles)]
    if (same := _as_salts_go(meant, p)) is not None:
        return same
    hint = did_you_mean(text, _numbered_as(text, p)) if len(p.options) <= HINTED and not meant else ""  # a name alone
    if spec.source is not None:
        raise SpaceError(
            f"parameter {p.name!r}: {text!r} is neither an option of the campaign nor a structure{hint}; correct it, "
            f"or give its SMILES in a column {p.name}_smiles, or instead of the name"
        )
    said = spec.space.get(p.name)
    if isinstance(said, MoleculeSpec):
        raise SpaceError(
            f"parameter {p.name!r}: none of its {len(p.options)} molecules has the name or the structure {text!r}"
            f"{hint}{_left_out(said)}; correct it, or tell results of other molecules with --source TITLE, to be "
            "learnt from only"
        )
    return p.value(p.index(text))  # or what there is, and what is like it


def _as_salts_go(meant: Sequence[str], p: Component) -> str | None:
    """The option that is one substance with a structure, each drawn in its own way; None where there is none, or many
    options."""
    from loop.molecules.standardise import substance

    if p.is_stored or p.has_reactions or len(p.options) > HINTED:
        return None
    wanted = {substance(smiles) for smiles in meant}
    drawn = zip(p.options, p.smiles, strict=True) if wanted else ()
    same = [option for option, smiles in drawn if smiles and substance(smiles) in wanted]
    return same[0] if len(same) == 1 else None


def _numbered_as(text: str, p: Component) -> list[str]:
    """Options with the same digits: V02515 of a catalogue is no slip for V02855."""
    digits = re.sub(r"\D", "", text)
    return [option for option in p.options if re.sub(r"\D", "", option) == digits]


def _left_out(said: MoleculeSpec) -> str:
    """How many molecules of a library's file its filters left out, of which one that is not found may be."""
    if said.stored is None or not said.stored.removed:
        return ""
    listed = f"hakken library show {said.stored.key[:12]} says where they are listed"
    return f" (perhaps one of {sum(said.stored.removed.values())} that filters left out: {listed})"


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
    """The canonical SMILES of a structure as it stands, then as the campaign standardises it; none of what is none.

    An InChI and a usual name of a solvent, which is no structure by itself, are structures too.
    """
    from loop.molecules.standardise import canonical_smiles, smiles_of_inchi, standardised_smiles  # RDKit

    if (solvent := structure_of(text, {})) is not None:
        yield canonical_smiles(solvent)
    with suppress(MoleculeError):
        text = smiles_of_inchi(text) if text.startswith("InChI=") else text
        yield canonical_smiles(text)
        if standardise is not None:
            yield standardised_smiles(text, policy_of(standardise))


def _other_name(text: str, said: ParameterSpec | None) -> Iterator[str]:
    """The structure of a molecule that a library's file has under this name too, as a duplicate of another."""
    sources = said.of.values() if isinstance(said, UnionSpec) else [said]
    for one in sources:
        if isinstance(one, MoleculeSpec) and one.stored is not None:
            with suppress(SpaceError):  # it is not stored here
                if (smiles := from_shelf(one.stored.key, one.stored.source).meant(text)) is not None:
                    yield smiles


def _as_listed(p: Component, text: str) -> str:
    """The name of a union's candidate; of a product that is in its library the name there, since it counts once."""
    smiles = p.smiles[round(p.index(text))]
    return p.options[p.smiles.index(smiles)] if smiles in p.smiles else text
