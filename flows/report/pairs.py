"""What matched pairs tell, as rows of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.report.words import MINUS
from flows.shown.contrasts import by_target, change_of, contrast_notes, differ_by, higher_in

if TYPE_CHECKING:
    from loop.insight.contrasts import Contrast

SHOWN = 12  # changes of a target, those of most pairs; of more the command tells


@dataclass(frozen=True, slots=True)
class ContrastRow:
    """One change: how many pairs differ by it, and by how much, in words."""

    parameter: str
    change: str
    pairs: int
    by: str
    within: str
    higher: str
    is_clear: bool


@dataclass(frozen=True, slots=True)
class ContrastRows:
    """The changes of one target."""

    target: str
    unit: str
    rows: tuple[ContrastRow, ...]
    left_out: int
    notes: tuple[str, ...]


def contrast_rows(found: Sequence[Contrast]) -> tuple[ContrastRows, ...]:
    """Every target's changes, parameter by parameter."""
    return tuple(_rows(target, these) for target, these in by_target(found).items())


def _rows(target: str, these: Sequence[Contrast]) -> ContrastRows:
    most = sorted(range(len(these)), key=lambda i: -these[i].telling)[:SHOWN]
    shown = [these[i] for i in sorted(most)]
    unit = "" if shown[0].is_factor else shown[0].unit
    left_out = len(these) - len(shown)
    return ContrastRows(target, unit, tuple(map(_row, shown)), left_out, tuple(contrast_notes(shown, (), 0)))


def _row(one: Contrast) -> ContrastRow:
    by, within = (text.replace("-", MINUS) for text in differ_by(one))
    return ContrastRow(one.parameter, change_of(one), one.telling, by, within, higher_in(one), one.is_clear)
