"""Guessing a campaign file from a table: which columns are substances, choices or numbers, and in which units."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flows.cli.starting.beside_targets import BesideTargets, beside_targets, repeats_of
from flows.cli.starting.columns import Column, read_columns
from flows.cli.starting.doubtful import NAMED, choices, perhaps_twice, reactions_by_name, renamed
from flows.cli.starting.kinds import context_of
from flows.cli.starting.lines import interchangeable, laboratory, planning, target
from flows.cli.starting.listing import Rows, named_candidates, said_of_open
from flows.cli.starting.parts import HAS_GAPS, Part, parameters_in
from flows.cli.starting.yaml_text import flow, scalar
from loop.errors import SpecError, did_you_mean
from loop.sheets.cells import finite, said_of_missing_numbers, split_header
from loop.sheets.nearly_numbers import UNMEASURED, in_place_of
from loop.units import meant
from loop.wording import plural

_ANEW: Final = ("begin anew", "import it by another --name where it is on record already")  # with init and import
_UNMEASURED: Final = "; of a library of which nothing is measured yet, write --library before its name"


@dataclass(frozen=True, slots=True)
class Guess:
    """A campaign file's text, and what the table can serve for."""

    text: str
    rows_with_results: int  # of any target
    is_complete: bool  # the table holds every combination: it can play the laboratory
    can_be_told: bool  # its columns are parameters and targets and nothing else: hakken tell reads it as it is
    targets: tuple[str, ...]  # names of what is measured
    sources: Mapping[str, str]  # the column's header of each name that results are told by, targets included
    totals: Mapping[str, float]  # what a name's values are divided by, where fractions sum to something else than one
    left_out: tuple[str, ...]  # columns that are neither parameter nor target, each with the reason
    beside: BesideTargets  # columns that tell of targets
    labels: Mapping[str, str]  # by its header, what a column is recorded as beside each result, such as plate
    notes: tuple[str, ...]  # what is said of columns whose name no parameter could have, and of doubtful choices


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
    ended: Collection[int] = (),
) -> Guess:
    """A commented campaign file for a table.

    Args:
        text: The CSV text.
        source: The table's name, for messages and comments.
        path: The table as the campaign file would name it.
        campaign: The campaign's name.
        targets: Which columns are measured, by header or by name, and the goal of each.
        ignore: Columns to leave out, by header or by name.
        command: The command that guesses, for the first line; ``import`` tells the rows, and refuses single ones there.
        plays_laboratory: Whether a complete table may be the campaign's laboratory.
        ended: Lines that say how an experiment ended in a column which is not in ``text``.

    Raises:
        SpecError: The table cannot be read, a target is no column or holds no number, what is to be ignored is no
            column or a target, two columns have one name, or no parameter is left.
    """
    is_import = command == "import"
    read = _sorted(read_columns(text, source), source, path, targets, ignore, ended, command=command)
    parts, measured, beside = read.parts, read.measured, read.beside
    size, n_results = _size(parts), min(len(c.cells) for c in measured)
    is_whole = size is not None and size > 1 and size == n_results == _combinations(parts)
    # a limit is no value to answer with, and a laboratory's table names each column
    can_answer = is_whole and read.exact == measured and all(c.header for c in read.columns)
    is_complete = plays_laboratory and can_answer
    rows = plural(len(read.rows.lines), "row")
    constraints, said = said_of_open(parts, read.rows, source, are_named=read.are_named)
    lines = [
        f"# Guessed by hakken {command} from {source} ({rows}). Read it through, and mend what is wrong;",
        "# then: hakken validate FILE",
        "",
        f"campaign: {scalar(campaign)}",
        "",
        "# What may be varied.",
        "space:",
        *(f"  {line}" for part in [*parts, *read.context] for line in part.lines),
        *(f"  # {note}" for note in read.left_out),
        *constraints,
        *interchangeable(parts),
        "",
        "# What is measured, and what is wanted: maximize or minimize. low and high say what it can be at all;",
        "# at_least and at_most are thresholds beyond which a result is of no use. What spans powers of ten, as an",
        "# impurity may, takes scale: log; what follows by a formula from what is measured stands under derived:.",
        "objective:",
        *(f"  {target(c, goal)}" for c, goal in zip(read.exact, targets.values(), strict=True)),
        "",
        *planning(size, n_results, read.exact[0].name, parts, is_import=is_import),
        "",
        *laboratory(parts, measured, path, is_complete=is_complete),
    ]
    totals = {name: part.fractions.total for part in parts if part.fractions for name in part.sources}
    return Guess(
        "\n".join(lines) + "\n",
        len({line for c in read.columns if c in measured or c.header in beside.measured for line, _ in c.cells}),
        is_complete,
        _can_be_told(read.columns, measured, parts, read.context, beside),
        tuple(c.name for c in measured),
        read.sources | {c.name: c.header for c in measured},
        {name: total for name, total in totals.items() if total != 1.0},
        tuple(read.left_out),
        beside,
        {c.header: c.name.casefold() for c in read.columns if c.header not in read.aside and context_of(c) == "beside"},
        (*_notes(read, is_import=is_import), *([said] if said else [])),
    )


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A table's columns, by what they are.

    Attributes:
        columns: All of them, those of targets called by their names.
        measured: Those of targets, and ``exact`` the same without limits.
        beside: What tells of targets.
        aside: Headers of all these, and of what is to be ignored.
        parts: What is varied.
        context: What is recorded with results.
        left_out: A note on each of the others.
        rows: The lines of the table.
        are_named: Whether the rows are candidates, each by its name.
    """

    columns: list[Column]
    measured: list[Column]
    exact: list[Column]
    beside: BesideTargets
    aside: set[str]
    parts: list[Part]
    context: list[Part]
    left_out: list[str]
    rows: Rows
    are_named: bool

    @property
    def sources(self) -> dict[str, str]:
        """The column's header of each name that a row's settings are told by."""
        return {name: header for part in [*self.parts, *self.context] for name, header in part.sources.items()}


def _sorted(
    columns: list[Column],
    source: str,
    path: str,
    targets: Mapping[str, str],
    ignore: Collection[str],
    ended: Collection[int],
    *,
    command: str,
) -> _Sorted:
    """Tell apart what was measured, what tells of that, what was varied, and the rest. Raises as ``guess_campaign``."""
    may_be_library = command == "init" and any("smiles" in c.name.casefold() for c in columns)
    hint = _UNMEASURED if may_be_library else ""
    measured = [_measured(header, columns, source, hint) for header in targets]
    columns = [next((m for m in measured if m.header == c.header), c) for c in columns]
    ignored = [_find(name, columns, source, "to ignore") for name in ignore]
    if both := [c.header for c in ignored if c in measured]:
        raise SpecError(f"{source}: column {both[0]!r} is a target and to be ignored; leave out one of the two options")
    exact = [_without_limits(column, source, has_words=command == "import") for column in measured]
    beside = beside_targets([c for c in columns if c not in ignored], measured)
    aside = {c.header for c in (*measured, *ignored)} | beside.headers
    rows = _rows(columns, {c.header for c in measured} | beside.measured, ended)
    others = [c for c in columns if c.header not in aside]
    named = named_candidates(others, path, rows)
    if named is None:
        found, left_out = parameters_in(others, path)
    else:
        found, left_out = (
            [named],
            [f"left out: {c.header} (it names the rows too)" for c in others if c not in named.columns],
        )
    left_out += beside.notes
    left_out += [f"left out: {c.header} (as --ignore says)" for c in ignored]
    _check_names(
        source, [*(pair for part in found for pair in part.sources.items()), *((c.name, c.header) for c in exact)]
    )
    parts, context = [p for p in found if not p.is_context], [p for p in found if p.is_context]
    if not parts:
        why = "".join(f"\n  {note}" for note in left_out)
        raise SpecError(
            f"{source}: no column is left to vary; it needs one that is no target and takes several values{why}"
        )
    are_named = named is not None
    return _Sorted(columns, measured, exact, beside, aside, parts, context, left_out, rows, are_named)


def _rows(columns: Sequence[Column], measured: Collection[str], ended: Collection[int]) -> Rows:
    """The table's lines. ``measured`` are headers of what was measured, ``ended`` lines that end without a value."""
    lines = {line for column in columns for line, _ in column.cells}
    with_result = {line for column in columns if column.header in measured for line, _ in column.cells}
    with_result |= {line for c in columns if c.name.casefold() == "outcome" for line, _ in c.cells}
    return Rows(lines, lines - with_result - set(ended))


def _notes(read: _Sorted, *, is_import: bool) -> Iterator[str]:
    """What is said of columns whose name no parameter could have, and of doubtful choices."""
    if said := said_of_missing_numbers({c.header: c.missing for c in read.columns}):
        yield said
    if not is_import:
        yield from (f"column {what}" for what in read.beside.asked)
        yield from (what.replace("left out: ", "left out: column ") for what in read.left_out if HAS_GAPS in what)
    yield from renamed([c for part in [*read.parts, *read.context] for c in part.columns] + read.measured)
    yield from choices(read.parts, _ANEW[is_import])
    yield from reactions_by_name(read.parts, _ANEW[is_import])
    yield from perhaps_twice(read.parts, _ANEW[is_import])


def _check_names(source: str, named: Sequence[tuple[str, str]]) -> None:
    """Refuse two columns that would have one name, which is what is left of a header without its unit."""
    headers: dict[str, str] = {}
    for name, header in named:
        if (other := headers.setdefault(name, header)) != header:
            raise SpecError(
                f"{source}: columns {other!r} and {header!r} would both be called {name!r}; rename one in its header, "
                "or leave one out with --ignore"
            )


def _without_limits(column: Column, source: str, *, has_words: bool) -> Column:
    """A target's column without its limits, such as <5.

    Args:
        has_words: Whether words may stand among its numbers, each refused with its row where that is told.

    Raises:
        SpecError: It holds what is no number.
    """
    limits = {line for line, cell in column.cells if _is_limit(cell)}
    if has_words and any(finite(cell.lstrip("<>")) is not None for _, cell in column.cells):
        limits |= {line for line, cell in column.cells if finite(cell) is None}
    exact = replace(column, cells=tuple((line, cell) for line, cell in column.cells if line not in limits))
    if exact.numbers is not None or not exact.cells:
        return exact
    if all(finite(cell.lstrip("<>")) is None for _, cell in column.cells):
        raise SpecError(_of_words(exact, source))
    wrong = [(at, c) for at, c in exact.cells if finite(c) is None]
    line, cell = wrong[0]
    instead = in_place_of(exact.header, cell, UNMEASURED, is_target=True)
    said, others = {cell}, []
    for at, other in wrong[1 : NAMED + 1]:
        hint = "" if other in said else in_place_of(exact.header, other, UNMEASURED, is_target=True)
        others.append(f"{other!r} in line {at}{'' if hint == instead else hint}")
        said.add(other)
    if len(wrong) > NAMED + 1:
        others.append(plural(len(wrong) - NAMED - 1, "further cell"))
    more = f", and so must {', '.join(others)}" if others else ""
    raise SpecError(
        f"{source} line {line}: target {exact.header!r} must hold numbers or limits such as <5, got {cell!r}"
        f"{instead}{more}; mend the cell, or leave it empty where nothing was measured"
    )


def _size(parts: Sequence[Part]) -> int | None:
    """How many candidates the space has; None where a parameter takes any value between two."""
    sizes = [part.size for part in parts]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def _can_be_told(
    columns: Sequence[Column],
    measured: Sequence[Column],
    parts: Sequence[Part],
    context: Sequence[Part],
    beside: BesideTargets,
) -> bool:
    """Whether ``hakken tell`` reads the table as it is: every column is a parameter, a target or told beside them."""
    named = {header: name for part in [*parts, *context] for name, header in part.sources.items()}
    named |= {c.header: c.name for c in measured}
    used = {c.header for c in columns if c.header in named and _is_told_as(c, named[c.header])}
    used -= {c.header for part in parts if part.fractions and part.fractions.total != 1.0 for c in part.columns}
    used |= {c.header for c in columns if context_of(c) == "beside" and c.header == c.name.casefold()}
    used |= {header for name, header in beside.deviations.items() if header == f"{name}_sd"}
    used |= {header for name, header in beside.counts.items() if header == f"{name}_n"}
    return {c.header for c in columns} == used


def _combinations(parts: Sequence[Part]) -> int:
    """How many different combinations of the parts the table holds."""
    cells = [dict(part.columns[0].cells) for part in parts]
    return len({tuple(column.get(line, "") for column in cells) for line in cells[0]})


def _find(name: str, columns: Sequence[Column], source: str, use: str, hint: str = "") -> Column:
    named = [column for column in columns if name in (column.header, column.name)]
    if found := named or [column for column in columns if name == column.bare]:
        return found[0]
    alike = did_you_mean(name, [*(c.header for c in columns), *(c.name for c in columns)])
    raise SpecError(f"{source} has no column {name!r} {use}{alike}; it has {flow(c.header for c in columns)}{hint}")


def _measured(name: str, columns: Sequence[Column], source: str, hint: str) -> Column:
    """The column of a target; of one that has columns for its repeats alone the first of these, called by its name."""
    said, numbered = repeats_of(name, columns)
    if len(said) > 1 and not any(name in (c.header, c.name, c.bare) for c in columns):
        return replace(said[0], name=name)
    if len(numbered) > 1:
        which = ", ".join(repr(c.bare) for c in numbered)
        hint += f"; where {which} are it measured again and again, call them '{name} rep 1', '{name} rep 2' and so on"
    hint = hint or f"; where nothing is measured yet, give the table an empty column {name!r}"
    return _find(name, columns, source, "for a target", hint)


def _is_limit(cell: str) -> bool:
    return cell[:1] in "<>" and finite(cell[1:]) is not None


def _of_words(column: Column, source: str) -> str:
    """Why a target of words cannot be guessed, and how it becomes one of classes or levels."""
    words, more = ", ".join(map(repr, column.distinct[:4])), ", …" if len(column.distinct) > 4 else ""
    if instead := in_place_of(column.header, column.distinct[0], is_target=True):
        return f"{source}: target {column.header!r} holds {words}{more}, and no number{instead}; correct the column"
    return (
        f"{source}: target {column.header!r} holds words ({words}{more}) and no number; write numbers in their place, "
        "such as 0 and 1; or leave the column out (--ignore), and name it in the campaign file with classes: "
        "[inactive, active], or with levels where there are more than two: then hakken tell reads words"
    )


def _is_told_as(column: Column, name: str) -> bool:
    """Whether ``hakken tell`` takes the column, by its header, for what the campaign calls ``name``."""
    said, unit = split_header(column.header)
    return said == name and meant(unit or "", column.name) == column.unit
