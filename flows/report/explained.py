"""Molecules with what their atoms add, as figures of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from flows.report.structures import HEIGHT, WIDTH, draw
from flows.report.words import number, plus_minus
from loop.insight.explaining import (
    Explained,
    Explanation,
    chances_line,
    domain_line,
    fragment_line,
    neighbour_line,
    predicted_line,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One molecule: its drawing, what is predicted, and what that rests on."""

    smiles: str
    drawing: Markup | None
    name: str
    predicted: str
    lines: tuple[str, ...]
    box: str = f"0 0 {WIDTH} {HEIGHT}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The figures of one target; ``largest`` is the share of an atom that is drawn deepest."""

    target: str
    largest: str
    by: str
    note: str
    figures: tuple[Figure, ...]


def drawn(explanations: Sequence[Explanation]) -> tuple[Drawn, ...]:
    """Every target's figures, with one scale of colours for each target."""
    found = []
    for one in explanations:
        largest = max((abs(share) for m in one.molecules for share in m.atoms), default=0.0)
        figures = tuple(_figure(m, one, largest) for m in one.molecules)
        deepest, by = f"{number(largest, 2)} {one.unit}".rstrip(), ", ".join(one.by)
        found.append(Drawn(one.target, deepest, by, chances_line(one), figures))
    return tuple(found)


def _figure(molecule: Explained, of: Explanation, largest: float) -> Figure:
    said = plus_minus(molecule.mean, molecule.sd, of.unit)
    lines = (fragment_line(molecule, of.unit), neighbour_line(molecule, of.unit, of.words), domain_line(molecule))
    return Figure(
        smiles=molecule.smiles,
        drawing=draw(molecule.smiles, molecule.atoms, largest),
        name=molecule.name,
        predicted=predicted_line(molecule, of) if of.wanted else said,
        lines=tuple(line for line in lines if line),
    )
