"""Guessing a campaign file from a table: which columns are substances, choices or numbers, and in which units."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flows.cli.starting.columns import Column, read_columns
from flows.cli.starting.kinds import (
    Fractions,
    context_of,
    fractions_in,
    is_logarithmic,
    is_zero_or_amount,
    order_of,
)
from flows.cli.starting.molecules import MANY_NAMES, follows, is_named_by, library_in
from flows.cli.starting.yaml_text import exact, flow, known_before, scalar
from loop.cells import alike, split_header
from loop.errors import SpecError, did_you_mean
from loop.units import meant

FEW: Final = 12  # up to so many different numbers are values to choose from; more are a range
ENOUGH: Final = 3  # results of a moved campaign from which on a model plans: docs/decisions/0046
# What notebooks have beside an experiment: words that say it wherever they stand in a name, and whole names.
_REMARK_WORDS: Final = frozenset(
    {"note", "notes", "remark", "remarks", "comment", "comments", "date", "dates", "doi", "url", "timestamp"}
)
_REMARKS: Final = frozenset(
    {"author", "citation", "eln", "journal", "link", "literature", "notebook", "observation", "observations", "page",
     "paper", "person", "ref", "reference", "references", "source", "user"}
)  # fmt: skip
_TARGET: Final = "for a target"  # what a column is looked for
_COUNTERS: Final = frozenset({"id", "no", "nr", "entry", "index", "row", "number", "run", "unnamed"})


@dataclass(frozen=True, slots=True)
class Guess:
    """A campaign file's text, and what the table can serve for."""

    text: str
    rows_with_results: int
    is_complete: bool  # the table holds every combination: it can play the laboratory
    can_be_told: bool  # its columns are parameters and targets and nothing else: hakken tell reads it as it is
    sources: Mapping[str, str]  # the column's header of each name that results are told by, targets included
    totals: Mapping[str, float]  # what a name's values are divided by, where fractions sum to something else than one
    left_out: tuple[str, ...]  # columns that are neither parameter nor target, each with the reason


@dataclass(frozen=True, slots=True)
class _Part:
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


def guess_campaign(
    text: str,
    *,
    source: str,
    path: str,
    campaign: str,
    targets: Mapping[str, str],
    ignore: Collection[str] = (),
    command: str = "init",
    plays_laboratory: bool = True,
) -> Guess:
    """A commented campaign file for a table.

    Args:
        text: The CSV text.
        source: The table's name, for messages and comments.
        path: The table as the campaign file would name it.
        campaign: The campaign's name.
        targets: Which columns are measured, by header or by name, and the goal of each.
        ignore: Columns to leave out, by header or by name.
        command: The command that guesses, for the first line.
        plays_laboratory: Whether a complete table may be the campaign's laboratory.

    Raises:
        SpecError: The table cannot be read, a target is no column or holds no number, what is to be ignored is no
            column or a target, or no parameter is left.
    """
    columns = read_columns(text, source)
    measured = [_find(header, columns, source, _TARGET) for header in targets]
    ignored = [_find(name, columns, source, "to ignore") for name in ignore]
    if both := [c.header for c in ignored if c in measured]:
        raise SpecError(f"{source}: column {both[0]!r} is a target and to be ignored; leave out one of the two options")
    limits = [{line for line, cell in c.cells if _is_limit(cell)} for c in measured]
    plain = [_without(column, lines) for column, lines in zip(measured, limits, strict=True)]
    for column, whole in zip(plain, measured, strict=True):
        if column.numbers is None and column.cells:
            if not any(_is_number(cell.lstrip("<>")) for _, cell in whole.cells):
                raise SpecError(_of_words(column, source))
            line, cell = next((at, c) for at, c in column.cells if not _is_number(c))
            raise SpecError(
                f"{source} line {line}: target {column.header!r} must hold numbers or limits such as <5, got {cell!r}; "
                "mend the cell, or leave it empty where nothing was measured"
            )
    parts, left_out = _parameters([c for c in columns if c not in measured and c not in ignored], path)
    left_out += [f"left out: {c.header} (as --ignore says)" for c in ignored]
    context, parts = [p for p in parts if p.is_context], [p for p in parts if not p.is_context]
    if not parts:
        why = "".join(f"\n  {note}" for note in left_out)
        raise SpecError(
            f"{source}: no column is left to vary; it needs one that is no target and takes several values{why}"
        )
    n_rows = len({line for column in columns for line, _ in column.cells})
    sizes = [p.size for p in parts]
    size = None if None in sizes else math.prod(s for s in sizes if s is not None)
    n_results = min(len(c.cells) for c in measured)
    is_complete = plays_laboratory and size is not None and size > 1 and size == n_results == _combinations(parts)
    is_complete = is_complete and not any(limits)  # a limit is no value to answer with
    budget = min(50, size or 50)
    batch = min(5, budget)
    initial = enough_to_learn(n_results, batch) if command == "import" else batch
    started = f"the {initial} imported results" if initial < batch else "before there is anything to learn from"
    lines = [
        f"# Guessed by hakken {command} from {source} ({n_rows} rows). Read it through, and mend what is wrong;",
        "# then: hakken validate FILE",
        "",
        f"campaign: {scalar(campaign)}",
        "",
        "# What may be varied.",
        "space:",
        *(f"  {line}" for part in [*parts, *context] for line in part.lines),
        *(f"  # {note}" for note in left_out),
        "",
        "# What is measured, and what is wanted: maximize or minimize. low and high say what it can be at all;",
        "# at_least and at_most are thresholds beyond which a result is of no use.",
        "objective:",
        *(f"  {_target(c, goal)}" for c, goal in zip(plain, targets.values(), strict=True)),
        "",
        "planner:",
        "  surrogate: committee      # several models; those that predict best count most",
        "  acquisition: auto         # improvement | exploration | thompson | ucb | pareto | random",
        f"  batch: {batch}                  # experiments planned together",
        f"  initial: {{design: spread, experiments: {initial}}}   # {started}",
        "",
        *known_before(plain[0].name, *_choice_of(parts)),
        f"budget: {{experiments: {budget}}}",
        "",
        *_laboratory(parts, measured, path, is_complete=is_complete),
    ]
    named = {header: name for part in [*parts, *context] for name, header in part.sources.items()}
    named |= {c.header: c.name for c in measured}
    used = {c.header for c in columns if c.header in named and _is_told_as(c, named[c.header])}
    used -= {c.header for part in parts if part.fractions and part.fractions.total != 1.0 for c in part.columns}
    used |= {c.header for c in columns if context_of(c) == "beside" and c.header == c.name.casefold()}
    can_be_told = {c.header for c in columns} == used
    sources = {name: header for part in [*parts, *context] for name, header in part.sources.items()}
    totals = {name: part.fractions.total for part in parts if part.fractions for name in part.sources}
    return Guess(
        "\n".join(lines) + "\n",
        n_results,
        is_complete,
        can_be_told,
        sources | {c.name: c.header for c in measured},
        {name: total for name, total in totals.items() if total != 1.0},
        tuple(left_out),
    )


def _choice_of(parts: Sequence[_Part]) -> tuple[str, tuple[str, ...]]:
    """The first parameter that is a choice, with two of its options; "" and none where there is none."""
    for part in parts:
        if part.size is not None and part.fractions is None and part.columns[0].numbers is None:
            return part.name, part.columns[0].distinct[:2]
    return "", ()


def enough_to_learn(results: int, usual: int) -> int:
    """How many experiments of a moved campaign come before the first model: as many as usual, or all its results where
    these are fewer and enough for a model."""
    return results if ENOUGH <= results < usual else usual


def _combinations(parts: Sequence[_Part]) -> int:
    """How many different combinations of the parts the table holds."""
    cells = [dict(part.columns[0].cells) for part in parts]
    return len({tuple(column.get(line, "") for column in cells) for line in cells[0]})


def _find(name: str, columns: Sequence[Column], source: str, use: str) -> Column:
    for column in columns:
        if name in (column.header, column.name):
            return column
    known = [c.name for c in columns]
    library = "; of a library of which nothing is measured yet, write --library before its name"
    hint = library if use == _TARGET and any("smiles" in c.name.casefold() for c in columns) else ""
    raise SpecError(f"{source} has no column {name!r} {use}{did_you_mean(name, known)}; it has {flow(known)}{hint}")


def _is_limit(cell: str) -> bool:
    return cell[:1] in "<>" and _is_number(cell[1:])


def _of_words(column: Column, source: str) -> str:
    """Why a target of words cannot be guessed, and how it becomes one of classes or levels."""
    words, more = ", ".join(map(repr, column.distinct[:4])), ", …" if len(column.distinct) > 4 else ""
    return (
        f"{source}: target {column.header!r} holds words ({words}{more}) and no number; write numbers in their place, "
        "such as 0 and 1; or leave the column out (--ignore), and name it in the campaign file with classes: "
        "[inactive, active], or with levels where there are more than two: then hakken tell reads words"
    )


def _without(column: Column, lines: Container[int]) -> Column:
    """The column without the cells of some lines."""
    return replace(column, cells=tuple((line, cell) for line, cell in column.cells if line not in lines))


def _is_told_as(column: Column, name: str) -> bool:
    """Whether ``hakken tell`` takes the column, by its header, for what the campaign calls ``name``."""
    said, unit = split_header(column.header)
    return said == name and meant(unit or "", column.name) == column.unit


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _parameters(columns: Sequence[Column], path: str) -> tuple[list[_Part], list[str]]:
    """A parameter for each column that can be one, and a note on each that cannot."""
    structures = [c for c in columns if c.numbers is None and c.is_structures]
    parts: dict[str, _Part] = {}
    left_out: list[str] = []
    paired: list[Column] = []
    rows = len({line for column in columns for line, _ in column.cells})
    if (found := library_in(columns, structures)) is not None:
        library, label = found
        parts[(label or library).header] = _molecules(library, label, path)
        paired = [library] if label is None else [library, label]
        smiles = dict(library.cells)
        beside = [c for c in columns if c not in paired and not context_of(c) and not _useless(c, rows)]
        described = [c for c in beside if follows(c, smiles)]  # another one was varied, if only for a few molecules
        why = "the same wherever a molecule stands: it describes it; name it with --target if it was measured"
        left_out += [f"left out: {c.header} ({why})" for c in described]
        paired += described
        structures = []
    for column in structures:
        names = [c for c in columns if c not in structures and c.numbers is None and is_named_by(column, c)]
        label = names[0] if names else None
        parts[(label or column).header] = _substance(column, label, path, is_alone=len(columns) <= 2)
        paired += [column, *names[:1]]
    for mixture in fractions_in([c for c in columns if c not in paired and not context_of(c)]):
        parts[mixture.columns[0].header] = _mixture(mixture)
        paired += mixture.columns
    for column in columns:
        if column in paired:
            continue
        if context_of(column) == "beside":
            left_out.append(f"not chosen: {column.header} (recorded with each result; see noise: {{effects: [...]}})")
        elif context_of(column) and len(column.distinct) > 1:
            parts[column.header] = _context(column)
        elif why := _useless(column, rows):
            left_out.append(f"left out: {column.header or 'without a name'} ({why})")
        else:
            parts[column.header] = _number(column) if column.numbers is not None else _choice(column)
    return [parts[c.header] for c in columns if c.header in parts], left_out


def _useless(column: Column, rows: int) -> str:
    numbers, n = column.numbers, len(column.cells)
    if not column.distinct:
        return "empty"
    if numbers is None and len(column.distinct) == n >= MANY_NAMES:
        return "another text in every row: an identifier or a comment"
    if _is_remark(column):
        return "going by its name it was not varied; rename it if it was"
    if numbers is None and n < rows:
        return f"empty in {rows - n} of {rows} rows; if it was varied, write what an empty cell means, such as none"
    if len(column.distinct) < 2:
        return f"always {column.distinct[0]}"
    words = set(re.split(r"[^a-z]+", column.name.casefold()))
    is_unnamed = not column.header  # as pandas writes the numbers of rows
    if numbers is not None and (is_unnamed or words & _COUNTERS) and len(numbers) == n:
        return "it counts the rows"
    return ""


def _is_remark(column: Column) -> bool:
    """Whether a column is a note, a date or a reference, going by its name."""
    name = column.name.casefold()
    return name in _REMARKS or bool(set(re.split(r"[^a-z]+", name)) & _REMARK_WORDS)


def _substance(structure: Column, label: Column | None, path: str, *, is_alone: bool) -> _Part:
    columns = (structure,) if label is None else (label, structure)
    size = len(structure.distinct)
    if is_alone and size == len(structure.cells) >= MANY_NAMES:
        return _molecules(structure, label, path)
    if structure.unreadable:
        raise SpecError(structure.unreadable[0])
    name = label.name if label is not None else structure.subject or "molecule"
    options: dict[str, str] = {}
    smiles = dict(structure.cells)
    for line, cell in (label or structure).cells:
        found = smiles.get(line, "")
        if options.setdefault(cell, found) != found:
            raise SpecError(
                f"line {line}: {name} {cell!r} has structure {found!r} here and {options[cell]!r} above; "
                "one name must have one structure"
            )
    source = f"   # structures from column {structure.header}"
    lines = (
        f"{scalar(name)}:{source}",
        "  type: component",
        "  options:",
        *(f"    {scalar(option)}: {scalar(value)}" for option, value in options.items()),
    )
    return _Part(name, lines, len(options), columns)


def _molecules(structure: Column, label: Column | None, path: str) -> _Part:
    """A library that stays in its file."""
    entries = {"type": "molecule", "file": path, "smiles": structure.header}
    if label is not None:
        entries["name"] = label.header
    inside = ", ".join(f"{key}: {scalar(value)}" for key, value in entries.items())
    columns = (structure,) if label is None else (label, structure)
    size = len(structure.distinct)  # a row is told by its structure: of one that stands twice, one name counts
    return _Part("molecule", (f"molecule: {{{inside}}}",), size, columns, told_by=structure)


def _mixture(found: Fractions) -> _Part:
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
    return _Part(found.name, (line,), None, found.columns, fractions=found)


def _context(column: Column) -> _Part:
    inside = f"options: [{flow(column.distinct)}]" if column.numbers is None else f"unit: {scalar(column.unit)}"
    hint = "recorded with results and never chosen; noise: {effects: [...]} learns what it shifts"
    line = f"{scalar(column.name)}: {{type: context, {inside}}}{_comment(column, [hint])}"
    return _Part(column.name, (line,), None, (column,), is_context=True)


def _choice(column: Column) -> _Part:
    order = order_of(column)
    if order is None:
        return _category(column)
    hint = "in order, the lowest first; write type: category if the order means nothing"
    line = f"{scalar(column.name)}: {{type: ordinal, options: [{flow(order)}]}}{_comment(column, [hint])}"
    return _Part(column.name, (line,), len(order), (column,))


def _category(column: Column) -> _Part:
    line = f"{scalar(column.name)}: {{type: category, options: [{flow(column.distinct)}]}}"
    hints = [
        f"{' and '.join(map(repr, words))} differ in capitals only; are they one?" for words in alike(column.distinct)
    ]
    return _Part(column.name, (line + _comment(column, hints),), len(column.distinct), (column,))


def _number(column: Column) -> _Part:
    numbers = column.numbers or ()
    unit = f", unit: {scalar(column.unit)}" if column.unit else ""
    hints = [] if column.unit else ["no unit in the header; add one, such as unit: degC"]
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
    return _Part(column.name, (line + _comment(column, hints),), size, (column,))


def _comment(column: Column, hints: Sequence[str] = ()) -> str:
    said = [*column.notes, *hints]
    return f"   # {'; '.join(said)}" if said else ""


def _target(column: Column, goal: str) -> str:
    entries = [f"goal: {goal}"]
    hints = []
    if column.unit:
        entries.append(f"unit: {scalar(column.unit)}")
    elif column.numbers != (0.0, 1.0):
        hints.append('no unit in the header; add one, such as unit: "%"')
    if column.numbers == (0.0, 1.0):
        hints.append(
            "0 and 1 only: with classes: [inactive, active] as many of the latter as can be had are looked for"
        )
    if column.unit == "%" and all(0 <= value <= 100 for value in column.numbers or ()):
        entries.append("low: 0, high: 100")
    return f"{scalar(column.name)}: {{{', '.join(entries)}}}" + _comment(column, hints)


def _laboratory(parts: Sequence[_Part], measured: Sequence[Column], path: str, *, is_complete: bool) -> list[str]:
    columns = {name: header for p in parts for name, header in p.sources.items()} | {c.name: c.header for c in measured}
    renamed = {name: header for name, header in columns.items() if name != header}
    emulator = ["laboratory:", "  adapter: emulator", f"  table: {scalar(path)}"]
    if renamed:
        emulator.append(f"  columns: {{{', '.join(f'{scalar(k)}: {scalar(v)}' for k, v in renamed.items())}}}")
    if is_complete:
        head = "# The table holds every combination, so it can play the laboratory. For real work: {adapter: manual}."
        return [head, *emulator]
    return [
        "# A person runs it, with a worksheet for each batch. Where the table knows every answer it can play the",
        "# laboratory instead:",
        *(f"#   {line}" for line in emulator),
        "laboratory: {adapter: manual}",
    ]
