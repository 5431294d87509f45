"""Answering: results that answer in place of a laboratory, from a told file or the table of one that plays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from flows.engine.looking.predicting import why_outside
from flows.engine.people.rows import Line, NoSetting, has_no_result_yet, read_told
from flows.engine.people.told_file import not_all, rows_of_file
from flows.engine.people.told_table import without_asides
from loop.contracts import ExperimentSpec
from loop.derived import derived
from loop.errors import HakkenError
from loop.history import History, Observation
from loop.outcome import Measured, Measurement, Outcome, Qualifier, read_outcome
from loop.sheets.footnotes import said_of_asides
from loop.space import ProductPool, Space
from loop.space.pool import said_size
from loop.spec import CampaignSpec, build_objective, levels_of, words_of
from loop.spec.space_models import NumberSpec
from loop.wording import plural

if TYPE_CHECKING:
    from adapters.table import MeasuredTable

LOOKED_UP: Final = 100_000  # candidates of a space that are looked up in a laboratory's table


class RehearseError(HakkenError):
    """A campaign cannot be rehearsed; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class AnsweringTable:
    """Rows of results: candidates, ``(n, d)``, and what came of each."""

    name: str
    points: NDArray[np.float64]
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()


def told_table(file: Path, spec: CampaignSpec, space: Space, ignore: Sequence[str] = ()) -> AnsweringTable:
    """The rows of a file as ``tell`` reads them, but for columns to ``ignore``; those without a result or outside of
    the space are left out.

    Raises:
        RehearseError: It cannot be read, or has no two results.
        NoColumn: It has none that is to be ignored.
    """
    units, levels, words = build_objective(spec).measured_units, levels_of(spec), words_of(spec)
    points, outcomes, outside = [], [], 0
    alike: dict[str, list[int]] = {}  # by what is wrong with them, the lines
    wanted = "a table of results, as hakken tell takes it"
    asides: list[tuple[int, str]] = []

    def experiments(lines: Sequence[Line]) -> Sequence[Line]:
        lines, left = without_asides(lines, spec)
        asides.extend(left)
        return lines

    for line, payload in rows_of_file(
        file, spec, space, RehearseError, wanted=wanted, lines_as=experiments, ignore=ignore
    ):
        if has_no_result_yet(payload, spec, space):
            continue
        try:
            row = read_told(payload, spec, space)
            x = space.coordinates(row.settings)
            outcome = read_outcome(row.payload, units, levels, words)
        except NoSetting as error:
            lacks = f"nothing says which {error.parameter} it had; give that column"
            without = "with the one value of all rows where it was not varied, or rehearse a campaign file without it"
            alike.setdefault(f"{lacks}, {without}", []).append(line)
            continue
        except HakkenError as error:
            alike.setdefault(str(error), []).append(line)
            continue
        if why_outside(space, row.settings):
            outside += 1
            continue
        points.append(x)
        outcomes.append(outcome)
    if alike:
        raise RehearseError(not_all(file, [f"{_lines(lines)}: {text}" for text, lines in alike.items()]))
    if len(points) < 2:
        raise RehearseError(f"{file} has no two results of candidates in the space; give a table with more of them")
    are, they = ("is", "it is no candidate") if outside == 1 else ("are", "they are no candidates")
    notes = [f"{outside} of its rows {are} left out: {they} of the space"] if outside else []
    notes += [said_of_asides(asides)] if asides else []
    if not space.is_finite:
        notes.append("numbers are continuous: of the rows not tried yet the one nearest to what is proposed answers")
    return _answering(spec, file.name, points, outcomes, notes)


def _lines(lines: Sequence[int]) -> str:
    return f"line {lines[0]}" + (f" and {plural(len(lines) - 1, 'other')}" if len(lines) > 1 else "")


def looked_up(spec: CampaignSpec, space: Space, table: MeasuredTable) -> AnsweringTable:
    """The rows of the table of a laboratory that plays, by the candidates of the space.

    Raises:
        RehearseError: The space has too many of them, or they are continuous, or the table has no two rows.
    """
    if not space.is_finite:
        raise RehearseError(
            f"campaign {spec.campaign!r} has continuous numbers, of which no table has every value; give "
            "--table and a file of results: of its rows the one nearest to what is proposed answers"
        )
    pool = ProductPool(space)
    if not pool.counted.is_exact or len(pool) > LOOKED_UP:
        raise RehearseError(
            f"campaign {spec.campaign!r} has {said_size(pool).removeprefix('the ')} candidates, too many to be looked "
            "up in the laboratory's table; give --table and the file itself"
        )
    units = {name: p.unit for name, p in spec.space.items() if isinstance(p, NumberSpec)}
    points, outcomes = [], []
    for x in pool.take(np.arange(len(pool), dtype=np.int64)):
        settings = space.settings(x)
        experiment = ExperimentSpec(spec.campaign, settings, units, space.smiles(settings), dict(table.targets))
        for row in table.rows(experiment):
            found = tuple(
                Measurement(t, v, table.targets[t], v, qualifier=row.limits.get(t, Qualifier.EQUAL))
                for t, v in row.values.items()
            )
            points.append(x)
            outcomes.append(Measured(found))
    if len(points) < 2:
        raise RehearseError(
            f"table {table.name} has no two rows of candidates of campaign {spec.campaign!r}; give --table and a file "
            "that has, or name its options and values in the campaign file"
        )
    return _answering(spec, table.name, points, outcomes)


def _answering(
    spec: CampaignSpec,
    name: str,
    points: Sequence[NDArray[np.float64]],
    outcomes: Sequence[Outcome],
    notes: Sequence[str] = (),
) -> AnsweringTable:
    """Rows with what their outcomes say of derived targets, by which plays are judged too."""
    rows = (Observation(str(i), x, outcome) for i, (x, outcome) in enumerate(zip(points, outcomes, strict=True)))
    seen = derived(spec, History(tuple(rows))).observations
    return AnsweringTable(name, np.array(points), tuple(o.outcome for o in seen), tuple(notes))
