"""Explanations: what is believed of molecules and why, and how that is said on the screen and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loop.wording import in_full, plus_minus


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a molecule between bonds that BRICS cuts: its atoms, and what the prediction loses without it."""

    smiles: str
    atoms: tuple[int, ...]
    adds: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A measured molecule: how alike it is (count Tanimoto, 0 to 1), the mean of its values, and what it is called.

    Where it has only limits, ``value`` is the narrowest, and ``limit`` says on which side of it the value lies.
    """

    smiles: str
    similarity: float
    value: float
    name: str = ""  # where it is called otherwise than by its SMILES
    limit: str = ""  # "<" or ">"


@dataclass(frozen=True, slots=True)
class Explained:
    """What is believed of a molecule, and why; everything in the target's unit.

    Attributes:
        smiles: Canonical; atoms are numbered as in it.
        mean, sd: Prediction, within what the target can be, and deviation, without the noise of a measurement.
        atoms: What each atom adds.
        by_member: The same by each member of a committee.
        fragments: What each fragment adds, the largest first; none of a molecule in one piece.
        neighbours: The most alike measured molecules, itself left out.
        is_inside: Whether it is as near to the measured molecules as nine tenths of them are to one another.
        name: What the campaign calls it, where that is not its SMILES.
    """

    smiles: str
    mean: float
    sd: float
    atoms: tuple[float, ...]
    by_member: dict[str, tuple[float, ...]]
    fragments: tuple[Fragment, ...]
    neighbours: tuple[Neighbour, ...]
    is_inside: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is believed of some molecules by one target, in its unit."""

    target: str
    unit: str
    molecules: tuple[Explained, ...]
    by: tuple[str, ...] = ()  # the surrogates that were asked
    words: dict[float, str] = field(default_factory=dict)  # for values of classes or levels that are told in words
    wanted: str = ""  # the class that is looked for: means are the chance of it


def called(one: Explained) -> str:
    """A molecule for a person: its name with its structure, or its structure alone."""
    return f"{one.name} ({one.smiles})" if one.name else one.smiles


def fragment_line(one: Explained, unit: str) -> str:
    """What its fragments add, the largest first; "" of a molecule in one piece."""
    if not one.fragments:
        return ""
    said = ", ".join(f"{f.smiles} {f.adds:+.3g}" for f in one.fragments)
    return f"fragments add, in {unit}: {said}" if unit else f"fragments add: {said}"


def predicted_line(one: Explained, of: Explanation) -> str:
    """What is believed of its value; of classes, the chance that it is of the one that is looked for."""
    if of.wanted:
        return f"{of.wanted} with a chance of {one.mean:.2g} ± {one.sd:.2g}"
    return plus_minus(one.mean, one.sd, of.unit)


def chances_line(of: Explanation) -> str:
    """How the chances of a class are to be read beside those of the honest best; "" where none are told."""
    if not of.wanted:
        return ""
    return (
        "chances here are by these models of the measured molecules alone; those that hakken best gives allow for how "
        "common their like is among the candidates, and count"
    )


def neighbour_line(one: Explained, unit: str, words: Mapping[float, str]) -> str:
    """The measured molecules that are most alike; ``words`` are for values that have some."""
    if not one.neighbours:
        return "nothing else was measured"
    said = ", ".join(
        f"{near.name or near.smiles} ({f'{near.limit} '.lstrip()}"
        f"{words.get(near.value) or f'{in_full(near.value, unit)} {unit}'.rstrip()}, {near.similarity:.0%} alike)"
        for near in one.neighbours
    )
    return f"rests on {said}"


def domain_line(one: Explained) -> str:
    """Where it lies beyond what was measured; "" where it does not."""
    if one.is_inside:
        return ""
    return "farther from everything measured than nine tenths of that is from one another: trust the prediction little"
