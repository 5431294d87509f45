"""Lists of reagents: which can take part in the reaction, and why the others are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from loop.errors import MoleculeError, SpecError, did_you_mean
from loop.molecules.reactions import Reaction, read_reaction
from loop.molecules.standardise import canonical_smiles, standardised_smiles
from loop.space import Products
from loop.spec.sieving import made_of, policy_of, sieve_of
from loop.spec.space_models import ProductsSpec, ReagentsSpec
from loop.spec.tables import ReadFile, no_column, read_table

SMILES_FILES: Final = (".smi", ".ism", ".smiles")  # a SMILES a line, a blank, a name
TRIALS: Final = 3  # partners that a reagent may fail with before it is left out
Row: TypeAlias = tuple[str | None, str, str]  # name, SMILES, and where it stands


@dataclass(frozen=True)
class _Reagent:
    label: str
    smiles: str  # canonical
    where: str
    given: str = ""  # what was given, where standardising made another structure of it


def resolve_reagents(spec: ProductsSpec, read: ReadFile) -> ProductsSpec:
    """The spec with the reagents that can react as options, and ``left_out`` telling of the others.

    ``changed`` tells which were standardised into something else, and ``made`` what filters leave of the products.

    A reagent is left out that cannot be read, is in its list already, does not match its template, or gives no product.
    One that reacts in several places, or gives several products, is left out too, or the first product counts
    (``ambiguous``).

    Raises:
        SpecError: The reaction cannot be read, does not fit the lists, a list has no reagent left, or filters are
            unknown or leave nothing.
    """
    try:
        reaction = read_reaction(spec.reaction)
    except MoleculeError as error:
        raise SpecError(str(error)) from None
    order = _ordered(spec, reaction)
    sieve = sieve_of(spec.standardise, spec.filters)  # an unknown filter is told before anything is made
    lists: list[list[_Reagent]] = []
    said: list[str] = []
    changed: list[str] = []
    for place, name in enumerate(order):
        kept: list[_Reagent] = []
        reasons: list[str] = []
        for reagent, why in _matched(name, read, reaction, place, spec):
            if why:
                reasons.append(f"{name}: {reagent.where}: {why}")
            else:
                kept.append(reagent)
                if reagent.given:
                    changed.append(f"{name}: {reagent.where}: {reagent.given} is used as {reagent.smiles}")
        said += reasons
        lists.append(_some_left(name, kept, reasons))
    for place, name in enumerate(order):
        tried = [(r, _trial(reaction, place, r, lists, spec)) for r in lists[place]]
        reasons = [f"{name}: {r.where}: {why}" for r, why in tried if why]
        said += reasons
        lists[place] = _some_left(name, [r for r, why in tried if not why], reasons)
    reagents = {
        name: spec.reagents[name].model_copy(update={"options": {r.label: r.smiles for r in kept}, "file": None})
        for name, kept in zip(order, lists, strict=True)
    }
    products = Products("", spec.reaction, tuple(range(len(lists))), sieve)
    return spec.model_copy(
        update={
            "reagents": reagents,
            "order": order,
            "left_out": said or None,
            "changed": changed or spec.changed,  # the latter where it is read again: nothing is changed twice
            "made": made_of(spec, products, [[r.smiles for r in kept] for kept in lists]),
        }
    )


def _ordered(spec: ProductsSpec, reaction: Reaction) -> list[str]:
    order = spec.order or list(spec.reagents)
    if unknown := [name for name in order if name not in spec.reagents]:
        raise SpecError(
            f"order names {unknown[0]!r}, which is no list of reagents{did_you_mean(unknown[0], list(spec.reagents))}; "
            f"give every one of {', '.join(spec.reagents)} once"
        )
    if sorted(order) != sorted(spec.reagents):
        raise SpecError(f"order must give every one of {', '.join(spec.reagents)} once, got {', '.join(order)}")
    if len(order) != reaction.size:
        raise SpecError(
            f"the reaction takes {reaction.size} reagents and {len(order)} lists are given ({', '.join(order)}); "
            "give one list for each, in the order of the reaction"
        )
    return order


def _read(name: str, spec: ReagentsSpec, read: ReadFile) -> Iterator[Row]:
    if (spec.options is None) == (spec.file is None):
        raise SpecError(f"reagents.{name}: give either options or file")
    if spec.options is not None:
        for label, smiles in spec.options.items():
            yield label, smiles, f"option {label!r}"
        return
    assert spec.file is not None
    text = read(spec.file)
    if spec.file.lower().endswith(SMILES_FILES):
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
            smiles, *rest = line.split(maxsplit=1) or [""]
            if smiles and not smiles.startswith("#"):
                yield (rest[0].strip() if rest else None), smiles, f"{spec.file} line {number}"
        return
    rows = read_table(text, spec.file)
    for column in (spec.name, spec.smiles):
        if column is not None and rows and column not in rows[0][1]:
            is_smiles = column == spec.smiles
            said = no_column(spec.file, column, list(rows[0][1]), holds_structures=is_smiles)
            raise SpecError(f"reagents.{name}: {said}")
    for number, row in rows:
        yield (row[spec.name] if spec.name else None), row[spec.smiles], f"{spec.file} line {number}"


def _matched(
    name: str, read: ReadFile, reaction: Reaction, place: int, spec: ProductsSpec
) -> Iterator[tuple[_Reagent, str]]:
    """Each reagent of a list with the reason why it cannot be used by itself; "" where it can."""
    policy = policy_of(spec.reagents[name].standardise)
    labels: set[str] = set()
    structures: dict[str, str] = {}
    for label, text, where in _read(name, spec.reagents[name], read):
        try:
            smiles, given = canonical_smiles(text), ""
            if policy.changes:
                plain = smiles
                smiles = standardised_smiles(plain, policy)
                given = text if smiles != plain else ""
        except MoleculeError as error:
            yield _Reagent(label or text, "", where), str(error)
            continue
        reagent = _Reagent(label or smiles, smiles, where, given)
        sites = reaction.sites(place, smiles)
        if smiles in structures:
            yield reagent, f"{reagent.label} is the same molecule as {structures[smiles]} ({smiles})"
        elif reagent.label in labels:
            yield reagent, f"the name {reagent.label!r} is given twice; names must differ"
        elif not sites:
            yield reagent, f"{reagent.label} ({smiles}) does not match {reaction.template(place)}"
        elif sites > 1 and spec.ambiguous == "leave out":
            yield reagent, f"{reagent.label} ({smiles}) matches {reaction.template(place)} in {sites} places"
        else:
            labels.add(reagent.label)
            structures[smiles] = reagent.label
            yield reagent, ""


def _trial(
    reaction: Reaction, place: int, reagent: _Reagent, lists: Sequence[Sequence[_Reagent]], spec: ProductsSpec
) -> str:
    """Why a reagent that matches cannot be used: what it gives with the first of the other lists, or the next."""
    why = ""
    for turn in range(TRIALS):  # a partner may be what is wrong
        partners = [others[min(turn, len(others) - 1)].smiles for others in lists]
        made = reaction.products([*partners[:place], reagent.smiles, *partners[place + 1 :]])
        others = " and ".join(s for i, s in enumerate(partners) if i != place)
        beside = f" with {others}" if others else ""
        if len(made) == 1 or (made and spec.ambiguous == "first"):
            return ""
        gives = f"gives {len(made)} products{beside}" if made else f"gives no molecule that can be{beside}"
        why = why or f"{reagent.label} ({reagent.smiles}) {gives}"
    return why


def _some_left(name: str, kept: list[_Reagent], reasons: Sequence[str]) -> list[_Reagent]:
    if kept:
        return kept
    if not reasons:
        raise SpecError(f"reagents.{name}: the list is empty; add reagents")
    raise SpecError(
        f"reagents.{name}: none of the {len(reasons)} can react (first: {reasons[0].removeprefix(f'{name}: ')}); mend "
        "the list, or the reaction"
    )
