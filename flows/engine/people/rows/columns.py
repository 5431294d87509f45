"""Columns of a told table: of which thing each header speaks, of which part of it, and in which unit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from loop.circumstances import EFFECTS
from loop.errors import OutcomeError, did_you_mean
from loop.sheets.cells import split_header
from loop.space import Space
from loop.spec import CampaignSpec, build_space, context_of
from loop.spec.space_models import CategorySpec, ComponentSpec, MoleculeSpec, ProductsSpec, UnionSpec

PLAIN: Final = frozenset({"outcome", "comment", "key"})
IGNORED: Final = frozenset({"run_order", "run order", "round", "position", "replicate"})
BESIDE: Final = (*EFFECTS, "well")  # what may be recorded beside any result
WELLS: Final = ("plate", "well")
TAKEN: Final = ("hours", "cost")  # what the experiment took
FILE: Final = "file"  # of a worksheet: names of photos and other files
_REALLY: Final = re.compile(r"(?:actual|real|measured)[ ._](.+)|(.+)[ ._](?:actual|real|measured)", re.IGNORECASE)
_AGAIN: Final = re.compile(r"[ ._#-]*(rep|repl|replicate|repeat|dup|duplicate|run|trial)?[ ._#-]*\d+", re.IGNORECASE)
_MOLECULES: Final = (ComponentSpec, MoleculeSpec, ProductsSpec, UnionSpec)
_LIBRARIES: Final = (MoleculeSpec, ProductsSpec, UnionSpec)
_STRUCTURES: Final = ("smiles", "SMILES", "Smiles")  # what a table of molecules calls their column


class UnknownColumns(OutcomeError):
    """Columns of a table that nothing of a campaign is called like; rename or remove them, or leave them out.

    Attributes:
        strange: Those of them that are like nothing of the campaign either, so that nobody meant another.
    """

    def __init__(self, message: str, strange: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.strange = tuple(strange)

    @property
    def way_out(self) -> str:
        """What a command that has ``--ignore`` says after the message; "" where no column is to be left out."""
        options = " ".join(f"--ignore {shlex.quote(head)}" for head in self.strange)
        return f"; or leave {'it' if len(self.strange) == 1 else 'them'} out: {options}" if options else ""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: of which thing, which part, and in which unit (None for the campaign's)."""

    header: str
    thing: str  # a parameter, a target, or one of the plain columns
    part: str  # "value", "sd", "n", "qualifier", "valid", "context" or "taken"
    unit: str | None


def read_columns(
    header: Sequence[str], spec: CampaignSpec, space: Space | None = None, *, of_others: Sequence[str] = ()
) -> dict[str, Column]:
    """What each column holds, by header; ``space`` is the spec's, where the caller has it.

    Args:
        header: The columns.
        spec: Of the campaign.
        space: Of the campaign.
        of_others: The whole header, where the table is somebody else's and ``header`` a part of it.

    Raises:
        UnknownColumns: Columns are unknown.
        OutcomeError: One is there twice.
    """
    names = (build_space(spec) if space is None else space).shown_names
    columns: dict[str, Column] = {}
    taken: dict[tuple[str, str], str] = {}
    whole = of_others or header
    meant = stand_ins(whole, spec, names, of_others=bool(of_others))
    beside = structures_told(whole, spec, names, of_others=bool(of_others))
    described = frozenset[str]() if of_others else descriptors_of(spec)  # what others measured is kept
    unknown: list[str] = []
    is_worksheet = _is_worksheet(header, spec)
    apart = {split_header(head)[0].removeprefix("setting ") for head in header if head.startswith("setting ")}
    for head in header:
        name, unit = split_header(head)
        if (
            name in IGNORED
            or head in beside
            or (name == "procedure" and name not in _known(spec, names))
            or (name == FILE and "key" in header and name not in _known(spec, names))
            or head in described
        ):
            continue  # "procedure" is on a worksheet, for people to read, and "file" for the pass that takes them in
        column = _column(head, meant.get(head, name), unit, spec, names, apart)
        if column is None and is_worksheet and head and not _meant(head, spec, names):
            column = Column(head, head, "context", None)  # a person's own, kept beside the results as a pass does
        if column is None:
            unknown.append(head)
            continue
        place = (column.thing, column.part)
        if place in taken:
            raise OutcomeError(f"columns {taken[place]!r} and {head!r} hold the same thing; remove one")
        taken[place] = head
        columns[head] = column
    if unknown:
        raise _unknown(unknown, spec, names)
    return columns


def is_column(head: str, spec: CampaignSpec, space: Space) -> bool:
    """Whether a column of that header means something to the campaign."""
    name, unit = split_header(head)
    molecules = (f"{other}_smiles" for other, p in spec.space.items() if isinstance(p, _MOLECULES))
    if name in ("procedure", *IGNORED, *molecules) or head in descriptors_of(spec):
        return True
    return _column(head, name, unit, spec, space.names) is not None


def structures_told(
    header: Sequence[str], spec: CampaignSpec, names: Sequence[str], *, of_others: bool = False
) -> dict[str, str]:
    """Columns that hold the structure of a molecule which another column names, and of which parameter, by header."""
    meant, known = stand_ins(header, spec, names, of_others=of_others), _known(spec, names)
    here = {split_header(head)[0]: head for head in header}
    named = {*meant.values(), *(name.removeprefix("setting ") for name in here)}
    return {
        here[called]: name
        for name, p in spec.space.items()
        if name in named or name not in names or not isinstance(p, _LIBRARIES)  # a product is named by its reagents
        for called in _structure_columns(name, spec, of_others)
        if called in here and here[called] not in meant and called not in known
    }


def stand_ins(
    header: Sequence[str], spec: CampaignSpec, names: Sequence[str], *, of_others: bool = False
) -> dict[str, str]:
    """Columns that stand for a molecule where none is called as its parameter is: that of names in its library's file,
    or that of structures; and for which parameter, by header. Tables ``of_others`` have names of their own."""
    here, known = {split_header(head)[0]: head for head in header}, _known(spec, names)
    meant: dict[str, str] = {}
    for name in names:
        p = spec.space.get(name)
        if name in here or f"setting {name}" in here:
            continue
        of_file = (p.name,) if isinstance(p, MoleculeSpec) and p.name is not None and not of_others else ()
        for called in (*of_file, *_structure_columns(name, spec, of_others)):
            if called in here and called not in known and here[called] not in meant:
                meant[here[called]] = name
                break
    return meant


def _structure_columns(name: str, spec: CampaignSpec, of_others: bool) -> tuple[str, ...]:
    """What the column of a parameter's structures may be called; none for what is no molecule. A library's is known by
    its file, that of the only molecule by any of the common names."""
    molecules = {other: p for other, p in spec.space.items() if isinstance(p, _MOLECULES)}
    if name not in molecules:
        return ()
    libraries = [other for other, p in molecules.items() if isinstance(p, _LIBRARIES) and not of_others]
    if (libraries or list(molecules)) != [name]:
        return (f"{name}_smiles",)
    p = molecules[name]
    return (f"{name}_smiles", *((p.smiles,) if isinstance(p, MoleculeSpec) else ()), *_STRUCTURES)


def descriptors_of(spec: CampaignSpec) -> frozenset[str]:
    """Headers of the numbers that describe options and stand beside these in a table of candidates."""
    given = [p.descriptors for p in spec.space.values() if isinstance(p, CategorySpec | ComponentSpec)]
    return frozenset(name for d in given if d is not None for name in d.names or ()) - _known(spec, [*spec.space])


def _known(spec: CampaignSpec, names: Sequence[str]) -> set[str]:
    """What columns are called that hold something else."""
    return {*names, *spec.objective, *context_of(spec), *PLAIN, *IGNORED, *BESIDE, *TAKEN}


def _column(
    head: str, name: str, unit: str | None, spec: CampaignSpec, names: Sequence[str], apart: Collection[str] = ()
) -> Column | None:
    """What a column holds; None where nothing is called so. Parameters ``apart`` have a column ``setting NAME``."""
    if name in PLAIN:
        return Column(head, name, "value", None)
    if name in names and name not in apart:
        return Column(head, name, "value", unit)
    if name in context_of(spec):
        return Column(head, name, "context", unit)
    if name in spec.objective:
        return Column(head, name, "value", unit)
    for target in spec.objective:
        for part in ("sd", "n", "qualifier"):
            if name in (f"{target}_{part}", f"{target} {part}"):
                return Column(head, target, part, unit)
        if name == f"valid_{target}":  # as BoFire says which values count
            return Column(head, target, "valid", None)
    if name in BESIDE or name in (spec.derived or {}):  # what is worked out is kept, and counts for nothing
        return Column(head, name, "context", None)
    if (lower := name.casefold()) in WELLS and lower not in names:  # as plate readers write them
        return Column(head, lower, "context", None)
    if name in TAKEN:
        return Column(head, name, "taken", unit)
    kind, _, rest = name.partition(" ")  # a worksheet tells columns apart so, whose names would be alike
    if kind == "setting" and rest in names:
        return Column(head, rest, "value", unit)
    if kind == "context" and (rest in context_of(spec) or rest in BESIDE):
        return Column(head, rest, "context", unit if rest in context_of(spec) else None)
    return None


def _unknown(heads: Sequence[str], spec: CampaignSpec, names: Sequence[str]) -> UnknownColumns:
    """What is wrong with columns that nothing is called like, all of them at once."""
    if "" in heads:
        return UnknownColumns(
            "a column has cells and no name; name it in the header, such as comment for remarks, or remove it; a title "
            "or headings above the names of the columns are taken away"
        )
    beside = dict.fromkeys((*context_of(spec), *BESIDE, *TAKEN))
    wanted = ", ".join([*names, *spec.objective, *_parts(spec), *sorted(PLAIN), *beside])
    hints = [_meant(head, spec, names) for head in heads]
    plain = [head for head, hint in zip(heads, hints, strict=True) if not hint]
    kept = _as_context(plain[0], is_alone=len(heads) == 1) if plain else ""
    if len(heads) == 1:
        said = f"column {heads[0]!r} is unknown{hints[0]}; known: {wanted}. Rename or remove it{kept}"
        return UnknownColumns(said, plain)
    listed = ", ".join(f"{head!r}{hint}" for head, hint in zip(heads, hints, strict=True))
    return UnknownColumns(f"columns {listed} are unknown; known: {wanted}. Rename or remove them{kept}", plain)


def _as_context(head: str, *, is_alone: bool) -> str:
    """How a column that is nothing of a campaign is recorded with its results; whether it is the only one."""
    name, unit = split_header(head)
    what = "it" if is_alone else "what matters"
    how = f"{{type: context, unit: {unit!r}}}" if unit else "{type: context}"
    return f", or have {what} recorded with each result by a line under space in the campaign file: {name}: {how}"


def _is_worksheet(header: Sequence[str], spec: CampaignSpec) -> bool:
    """Whether a table is a worksheet with a column for each target, so that none can be another, renamed."""
    return {"key", "run_order", *spec.objective} <= {split_header(head)[0] for head in header}


def _meant(head: str, spec: CampaignSpec, names: Sequence[str]) -> str:
    """What a column that nothing is called like may be; "" where that is not seen."""
    name = split_header(head)[0]
    known = [*names, *spec.objective, *_parts(spec), *PLAIN, *context_of(spec), *BESIDE, *TAKEN]
    return _instead_of(name, spec, names) or did_you_mean(name, known)


def _parts(spec: CampaignSpec) -> list[str]:
    """What the columns of deviations and of how many readings there were are called."""
    return [f"{target}_{part}" for target in spec.objective for part in ("sd", "n")]


def once_more(name: str, targets: Collection[str]) -> str | None:
    """The target of which a column called so has a further value, as ``yield 2`` has; None where it has none."""
    found = (t for t in targets if name != t and name.startswith(t) and _AGAIN.fullmatch(name, len(t)))
    return next(found, None)


def _instead_of(name: str, spec: CampaignSpec, names: Sequence[str]) -> str:
    """The columns that a mixture has, where one is called like it or like its part; where a repeated value belongs, or
    what was really set; or what becomes of a concentration of which the logarithm is the target; "" elsewhere."""
    if (again := once_more(name, spec.objective)) is not None:
        return f" ({again} measured once more is a row of its own, with the same settings)"
    for target in spec.objective:
        if target.casefold() == f"p{name}".casefold():
            return f" ({target} is 9 - log10 of {name} in nM, and < of one is > of the other; write {target})"
    if (said := _REALLY.fullmatch(name)) and (really := said[1] or said[2]) in names:
        return f" (what was really set stands under {really!r} itself, of a row with a key, too)"
    given = spec.space.get(name)
    parts = [column for column in names if column.partition(".")[2].casefold() == name.casefold()]
    if given is None and len(parts) == 1 and name:
        return f" (did you mean {parts[0]!r}?)"
    if given is None or given.type != "mixture":
        return ""
    fractions = ", ".join(column for column in names if column.startswith(f"{name}."))
    return f" (a mixture: give the fraction of each part, {fractions})"
