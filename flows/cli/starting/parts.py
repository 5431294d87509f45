"""Columns of a table as parameters: lines of a campaign file, and why a column makes none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flows.cli.starting.columns import Column
from flows.cli.starting.kinds import (
    Fractions,
    are_codes,
    context_of,
    fractions_in,
    is_logarithmic,
    is_of_substances,
    is_zero_or_amount,
    odd_among_numbers,
    order_of,
)
from flows.cli.starting.molecules import MANY_NAMES, follows, is_named_by, library_in, named_with
from flows.cli.starting.yaml_text import exact, flow, scalar
from loop.errors import SpecError
from loop.sheets.cells import alike

# 12.03.2026, 2026-03-12 and 3/12/26, also with a time of day; no name of a substance or CAS number is written so.
_DATE: Final = re.compile(r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d{2}))([T ]\d{1,2}:\d{2}.*)?")
FEW: Final = 12  # up to so many different numbers are values to choose from; more are a range
HAS_GAPS: Final = "if it was varied, write what an empty cell means, such as none"
# What notebooks have beside an experiment: words that say it wherever they stand in a name, and whole names; then those
# of data frames of Ax, BayBE and BoFire.
_REMARK_WORDS: Final = frozenset(
    {"note", "notes", "remark", "remarks", "comment", "comments", "date", "dates", "doi", "url", "timestamp"}
    | {"bemerkung", "bemerkungen", "kommentar", "datum", "remarque", "remarques", "commentaire", "commentaires"}
)
_REMARKS: Final = frozenset(
    {"author", "citation", "eln", "journal", "link", "literature", "notebook", "observation", "observations", "page",
     "paper", "person", "ref", "reference", "references", "source", "state", "status", "user"}
    | {"arm_name", "batchnr", "fitnr", "generation_method", "generation_node", "labcode", "trial_status"}
)  # fmt: skip
_ATTRIBUTES: Final = ("user_attrs_", "system_attrs_")  # begin these in data frames of Optuna
# What comes out of an experiment, and the words that stand beside it in a name.
_OUTCOMES: Final = frozenset(
    {"ausbeute", "conv", "conversion", "conversions", "dr", "ee", "efficiency", "er", "impurities", "impurity", "lcap",
     "outcome", "purity", "reinheit", "rendement", "selectivity", "tof", "ton", "umsatz", "yield", "yields"}
)  # fmt: skip
_OF_OUTCOMES: Final = frozenset(
    {"area", "assay", "crude", "final", "gc", "hplc", "isolated", "lc", "lcms", "nmr", "of", "product", "total", "uv"}
    | {"coulombic", "current", "energy", "faradaic", "faraday", "faradic"}
)
_FARADAIC: Final = re.compile(r"FE[ _(-]+(?:of )?[A-Z].*")  # efficiency for a product, FE(CO); of iron it is Fe
# What a spreadsheet works out of repeats, where it says no more than that.
_WORKED_OUT: Final = frozenset(
    {"average", "avg", "dev", "deviation", "ecart", "mean", "mittel", "mittelwert", "moyenne", "rsd", "sd", "sem",
     "standardabweichung", "stabw", "stddev", "stdev"}
)  # fmt: skip
_IDENTIFIERS: Final = frozenset({"id", "index", "replicate", "unnamed"})
_NUMBERS: Final = frozenset({"no", "nr", "number", "nummer"})
_COUNTERS: Final = _NUMBERS | {"entry", "row", "run", "exp", "expt"}
_COUNTED: Final = frozenset(
    {"ansatz", "ensayo", "essai", "experiment", "lauf", "probe", "reaction", "rxn", "sample", "trial", "vers",
     "versuch"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A parameter as lines of YAML; ``size`` is None for a range, ``columns`` name what it is read from."""

    name: str
    lines: tuple[str, ...]
    size: int | None
    columns: tuple[Column, ...]
    is_context: bool = False  # recorded with results, not varied
    fractions: Fractions | None = None  # it is a mixture of so many columns
    told_by: Column | None = None  # what tells it in a row; None: the first of its columns

    @property
    def sources(self) -> dict[str, str]:
        """The column's header of each name that results are told by."""
        if self.fractions is None:
            return {self.name: (self.told_by or self.columns[0]).header}
        named = zip(self.fractions.parts, self.columns, strict=True)
        return {f"{self.name}.{part}": column.header for part, column in named}


def parameters_in(columns: Sequence[Column], path: str) -> tuple[list[Part], list[str]]:
    """A parameter for each column that can be one, and a note on each that cannot.

    Raises:
        SpecError: A substance's structure cannot be read, or one name has two structures.
    """
    structures = [c for c in columns if c.numbers is None and not c.are_reactions and c.is_structures]
    rows = len({line for column in columns for line, _ in column.cells})
    parts: dict[str, Part] = {}  # by the header of the column in whose place it stands
    left_out: list[str] = []
    paired: list[Column] = []
    if (found := library_in(columns, structures)) is not None:
        library, label = found
        parts[(label or library).header] = _molecules(library, label, path)
        paired = [library] if label is None else [library, label]
        described = _describing(library, [c for c in columns if c not in paired], rows)
        why = "the same wherever a molecule stands: it describes it; name it with --target if it was measured"
        left_out += [f"left out: {c.header} ({why})" for c in described]
        paired += described
        structures = []
    for column in structures:
        label = _label_of(column, columns, structures)
        parts[(label or column).header] = _substance(column, label, path, is_alone=len(columns) <= 2)
        paired += [column] if label is None else [column, label]
    for mixture in fractions_in([c for c in columns if c not in paired and not context_of(c)]):
        parts[mixture.columns[0].header] = _mixture(mixture)
        paired += mixture.columns
    for column in (c for c in columns if c not in paired):
        part = _plain(column, rows)
        if isinstance(part, Part):
            parts[column.header] = part
        else:
            left_out.append(part)
    return [parts[c.header] for c in columns if c.header in parts], left_out


def _describing(library: Column, others: Sequence[Column], rows: int) -> list[Column]:
    """The columns that describe a library's molecules; another one was varied, if only for a few molecules."""
    smiles = dict(library.cells)
    return [c for c in others if not context_of(c) and not _useless(c, rows) and follows(c, smiles)]


def _label_of(column: Column, columns: Sequence[Column], structures: Sequence[Column]) -> Column | None:
    """The column that names the substances of a column of structures; None where there is none."""
    others = [c for c in columns if c not in structures and c.numbers is None and not context_of(c)]
    label = next((c for c in others if is_named_by(column, c)), None)
    return named_with(column, others) if label is None and len(structures) == 1 else label


def _plain(column: Column, rows: int) -> Part | str:
    """The parameter that a column is by itself, or a note on why it is none."""
    if context_of(column) == "beside":
        return f"not chosen: {column.header} (recorded with each result; see noise: {{effects: [...]}})"
    if context_of(column) and len(column.distinct) > 1:
        return _context(column)
    if column.are_reactions and len(column.distinct) > 1:
        return _reactions(column)
    if why := _useless(column, rows):
        return f"left out: {column.header or 'without a name'} ({why})"
    return _number(column) if column.numbers is not None and not are_codes(column) else _choice(column)


def _useless(column: Column, rows: int) -> str:
    numbers, n = column.numbers, len(column.cells)
    if not column.distinct:
        return "empty"
    if numbers is None and len(column.distinct) == n >= MANY_NAMES:
        return "another text in every row: an identifier or a comment"
    if numbers is not None and len(numbers) == n and _counts(column, numbers):
        return "it counts the rows"
    words = _words(column)
    if numbers is None and len(column.distinct) == n > 2 and words and words <= _IDENTIFIERS | _COUNTERS | _COUNTED:
        return "another text in every row, and called an identifier"
    if _is_identifier(column):
        going = "going by its name it says" if re.search(r"\w", column.header) else "whole numbers without a name say"
        return f"{going} which experiment a row is of; rename it if it was varied"
    if _is_remark(column):
        return "going by its name it was not varied; rename it if it was"
    if _is_outcome(column):
        return "going by its name it was measured; name it with --target if it is wanted, rename it if it was varied"
    if words and words <= _WORKED_OUT | {"std", "standard", "type"} and words & _WORKED_OUT:
        return "going by its name it was worked out of what was measured; rename it if it was varied"
    if numbers is None and all(_DATE.fullmatch(cell) for cell in column.distinct):
        return "it holds dates; as a column called day they are recorded with each result"
    if numbers is None and n < rows:
        return f"empty in {rows - n} of {rows} rows; {HAS_GAPS}"
    if len(column.distinct) < 2:
        return f"always {column.distinct[0]}"
    return ""


def _counts(column: Column, numbers: Sequence[float]) -> bool:
    """Whether numbers that all differ are those of rows or experiments, going by the column's name."""
    if not re.search(r"\w", column.header):  # "" as pandas writes them, or "#"
        return True
    are_in_turn = all(x.is_integer() for x in numbers) and max(numbers) - min(numbers) == len(numbers) - 1
    if column.is_numbered:  # its name says nothing here, the order of the rows does
        in_order = [float(cell) for _, cell in column.cells] == list(numbers)
        return in_order and are_in_turn and min(numbers) == 1 and not column.unit
    words = _words(column)
    if words & _IDENTIFIERS or (words & _COUNTERS and words <= _COUNTERS | _COUNTED):
        return True
    return bool(words & _COUNTERS or (words and words <= _COUNTED)) and are_in_turn  # no "run time" of 10, 20 and 40 is


def _is_identifier(column: Column) -> bool:
    """Whether a column says which row or experiment it is, replicates and tables put together among them: its cells may
    come again. ``run`` and ``sample`` alone may be what was varied, and so may an ID in mm.
    """
    if not re.search(r"\w", column.header):
        return column.numbers is not None and all(x.is_integer() and x >= 0 for x in column.numbers)
    words = _words(column)
    if column.unit or not words <= _IDENTIFIERS | _COUNTERS | _COUNTED:
        return False
    is_numbered = bool(words & _NUMBERS and words & (_COUNTED | {"exp", "expt", "run"}))
    return bool(words & _IDENTIFIERS) or "entry" in words or is_numbered


def is_name_of_rows(column: Column) -> bool:
    """Whether a column whose cells all differ names or counts the rows: texts, or numbers that say which row it is."""
    return column.numbers is None or _counts(column, column.numbers) or _is_identifier(column)


def _words(column: Column) -> set[str]:
    """The words of a column's name."""
    return _words_in(column.name)


def _words_in(name: str) -> set[str]:
    return {word for word in re.split(r"[^a-z]+", name.casefold()) if word}


def _is_outcome(column: Column) -> bool:
    """Whether a column was measured rather than chosen, going by its name: ``yield B`` is, no ``catalyst ee`` is."""
    for words in (_words(column), _words_in(column.name.replace(".", ""))):  # "d.r." is dr
        if words & _OUTCOMES and all(len(word) == 1 or word in _OUTCOMES | _OF_OUTCOMES for word in words):
            return True
    return _FARADAIC.fullmatch(column.header) is not None and column.unit == "%"


def _is_remark(column: Column) -> bool:
    """Whether a column is a note, a date or a reference, going by its name."""
    name = column.name.casefold()
    return name in _REMARKS or name.startswith(_ATTRIBUTES) or bool(_words(column) & _REMARK_WORDS)


def _substance(structure: Column, label: Column | None, path: str, *, is_alone: bool) -> Part:
    columns = (structure,) if label is None else (label, structure)
    size = len(structure.distinct)
    if is_alone and size == len(structure.cells) >= MANY_NAMES:
        return _molecules(structure, label, path)
    if structure.unreadable:
        raise SpecError(structure.unreadable[0])
    name = label.name if label is not None else structure.subject or "molecule"
    options: dict[str, str] = {}
    smiles, written = dict(structure.cells), structure.canonical
    spelt: dict[str, list[str]] = {}  # by canonical SMILES, how a structure that has no name is written
    for line, cell in (label or structure).cells:
        found = smiles.get(line, "")
        ways = spelt.setdefault(written[cell], []) if label is None else []
        if ways and cell not in options:
            ways.append(cell)
        elif not options.get(cell):  # it may be given in another row, or be nothing, such as no ligand
            options[cell] = found
            ways.append(cell)
        elif found and written[options[cell]] != written[found]:
            raise SpecError(
                f"line {line}: {name} {cell!r} has structure {found!r} here and {options[cell]!r} above; "
                "one name must have one structure"
            )
    if len(bare := [option for option, value in options.items() if not value]) > 1:
        raise SpecError(
            f"{name} {bare[0]!r} and {bare[1]!r} have no structure in column {structure.header}; one of all at most "
            "may be nothing at all: fill in the others, or leave the column out (--ignore)"
        )
    source = f"   # structures from column {structure.header}"
    lines = (
        f"{scalar(name)}:{source}",
        "  type: component",
        "  options:",
        *(
            f"    {scalar(option)}: {scalar(value) if value else 'null'}{_also(spelt.get(written.get(value, ''), ()))}"
            for option, value in options.items()
        ),
    )
    return Part(name, lines, len(options), columns)


def _also(ways: Sequence[str]) -> str:
    """What is said of a structure that is written in other ways than the first."""
    others = list(dict.fromkeys(ways))[1:]
    return f"   # also written {', '.join(others)}" if others else ""


def _molecules(structure: Column, label: Column | None, path: str) -> Part:
    """A library that stays in its file."""
    entries = {"type": "molecule", "file": path, "smiles": structure.header}
    if label is not None:
        entries["name"] = label.header
    inside = ", ".join(f"{key}: {scalar(value)}" for key, value in entries.items())
    columns = (structure,) if label is None else (label, structure)
    size = len(structure.distinct)  # a row is told by its structure: of one that stands twice, one name counts
    return Part("molecule", (f"molecule: {{{inside}}}",), size, columns, told_by=structure)


def _reactions(column: Column) -> Part:
    """A choice between reactions, or between names where models cannot see them as such."""
    if column.unbalanced:
        return _category(column)
    lines = (
        f"{scalar(column.name)}:   # reactions, each by itself",
        "  type: component",
        "  options:",
        *(f"    {scalar(cell)}: {scalar(cell)}" for cell in column.distinct),
    )
    return Part(column.name, lines, len(column.distinct), (column,))


def _mixture(found: Fractions) -> Part:
    entries = [f"type: mixture, parts: [{flow(found.parts)}]"]
    hints = [f"columns that sum to {found.total:g} in every row; give parts as name: SMILES to let structures count"]
    if found.total != 1.0:
        hints.append(f"here fractions sum to 1: divide by {found.total:g} before hakken tell")
    if found.at_most is not None:
        entries.append(f"at_most: {found.at_most}")
        hints.append(f"never more than {found.at_most} were used at once")
    if found.step is not None:
        entries.append(f"step: {found.step:g}")
    line = f"{scalar(found.name)}: {{{', '.join(entries)}}}   # {'; '.join(hints)}"
    return Part(found.name, (line,), None, found.columns, fractions=found)


def _context(column: Column) -> Part:
    inside = f"options: [{flow(column.distinct)}]" if column.numbers is None else f"unit: {scalar(column.unit)}"
    hint = "recorded with results and never chosen; noise: {effects: [...]} learns what it shifts"
    line = f"{scalar(column.name)}: {{type: context, {inside}}}{comment(column, [hint])}"
    return Part(column.name, (line,), None, (column,), is_context=True)


def _choice(column: Column) -> Part:
    order = order_of(column)
    if order is None:
        return _category(column)
    hint = "in order, the lowest first; write type: category if the order means nothing"
    line = f"{scalar(column.name)}: {{type: ordinal, options: [{flow(order)}]}}{comment(column, [hint])}"
    return Part(column.name, (line,), len(order), (column,))


def _category(column: Column) -> Part:
    line = f"{scalar(column.name)}: {{type: category, options: [{flow(column.distinct)}]}}"
    hints = [
        f"{' and '.join(map(repr, words))} differ in capitals only; are they one?" for words in alike(column.distinct)
    ]
    if are_codes(column):
        hints.append("zeros before numbers make them names; write type: number and values if they are amounts")
    if odd := odd_among_numbers(column):
        hints.append(f"{odd[0]!r} is no number, or this were one")
    return Part(column.name, (line + comment(column, hints),), len(column.distinct), (column,))


def _number(column: Column) -> Part:
    numbers = column.numbers or ()
    unit = f", unit: {scalar(column.unit)}" if column.unit else ""
    hints = [] if column.unit else ["no unit in the header; add one, such as unit: degC"]
    if not column.unit and is_of_substances(column):
        hints = ["numbers may be names here: then write type: category, and options in place of values"]
    if len(numbers) <= FEW:
        within = f"values: [{', '.join(map(exact, numbers))}]"
    elif is_zero_or_amount(column):
        within = f"low: {exact(numbers[1])}, high: {exact(numbers[-1])}, or_zero: true"
        hints.append("zero, or an amount of at least the lowest; leave or_zero out and lower low if less makes sense")
    else:
        within = f"low: {exact(numbers[0])}, high: {exact(numbers[-1])}"
        hints.append("was it measured rather than chosen? then name it with --target")
    if is_logarithmic(column):
        within += ", scale: log"
        hints.append("through orders of magnitude, so its logarithm counts; leave scale out if not")
    line = f"{scalar(column.name)}: {{type: number, {within}{unit}}}"
    size = len(numbers) if len(numbers) <= FEW else None
    return Part(column.name, (line + comment(column, hints),), size, (column,))


def comment(column: Column, hints: Sequence[str] = ()) -> str:
    said = [*column.notes, *hints]
    return f"   # {'; '.join(said)}" if said else ""
