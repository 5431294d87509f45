"""Hints: functions of the candidates that may resemble the response, from an earlier campaign or a person's guess."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from loop.errors import FitError, TooFewPoints, UnitError
from loop.fidelity import is_real
from loop.memory.earlier import Earlier
from loop.memory.evidence import PROOF, own_evidence
from loop.memory.overlap import LEAST, Overlap, overlap
from loop.objective import Goal, Objective, Target
from loop.space import Space, sample_space
from loop.spec import build_objective, build_space
from loop.surrogates.protocol import FittedSurrogate, TrainingSet
from loop.surrogates.registry import surrogate
from loop.training import Table, regression_table
from loop.units import DIMENSIONLESS, convert, is_share

FEWEST = 5  # values of the target that a source must have
MOST = 400  # rows that are learnt from, drawn at random: an exact process of more takes seconds
SAMPLED = 256  # candidates over which a hint's spread is taken


@dataclass(frozen=True)
class Hint:
    """What a source expects of the response.

    Attributes:
        name: The source's.
        kind: What it comes from.
        mean: Coordinates of this space ``(*b, d)`` to expected values ``(*b)``, on the target's scale.
        spread: Standard deviation of those over the candidates.
        rows: How many results stand behind it; 0 of a guess.
        share: Of this space's parameters that it knows of, from 0 to 1.
        told: What it is, in words.
        columns: Which parameters of this space it knows of.
        is_scaled: Whether its size and level mean something; where not, only its shape does.
        is_spare: Whether it is heard only in the place of another that was dropped.
    """

    name: str
    kind: Literal["campaign", "prior"]
    mean: Callable[[Tensor], Tensor]
    spread: float
    rows: int
    share: float
    told: str
    columns: frozenset[int]
    is_scaled: bool = True
    is_spare: bool = False


@dataclass(frozen=True)
class Source:
    """What an earlier campaign has for a target, before anything is learnt from it.

    Attributes:
        theirs: The target as the source has it.
        both: What the two spaces share.
        table: Its results of the real thing, in its own coordinates and unit.
        lacking: What it lacks of this space, in words.
    """

    name: str
    target: Target
    theirs: Target
    both: Overlap
    table: Table
    lacking: str

    @property
    def rank(self) -> tuple[float, int]:
        """The lower the sooner it is heard: who shares most, then who has most results."""
        return -self.both.share, -len(self.table)


def source_of(space: Space, target: Target, earlier: Earlier) -> Source | str:
    """What an earlier campaign has for a target over this space, or why that is too little. Of fidelities only the real
    thing counts.
    """
    objective = build_objective(earlier.spec)
    if target.name not in objective.names:
        return f"it did not measure {_absent(target.name, {_plain(n): n for n in objective.names})}"
    theirs = objective.targets[objective.names.index(target.name)]
    if target.levels is not None or theirs.levels is not None:
        return f"{target.name} has levels, over which sources are not carried"
    there = build_space(earlier.spec)
    both = overlap(space, there)
    lacking = _lacking(both, there)
    if both.share < LEAST:
        return f"it shares {len(both.known)} of {len(space.parameters)} parameters, too few to tell{lacking}"
    every = earlier.history.observations
    real = replace(earlier.history, observations=tuple(o for o in every if is_real(there, o.x[None])[0]))
    table, _ = regression_table(there, _of_its_numbers(theirs, is_log=target.is_log), real)
    if len(table) < FEWEST:
        said = "" if len(real.observations) == len(every) else " by the real thing"
        return f"it has {len(table)} results of {target.name}{said}, and {FEWEST} are needed"
    return Source(earlier.name, target, theirs, both, table, lacking)


def learnt_from(source: Source, space: Space, *, seed: int) -> Hint | str:
    """What a source expects over this space, or why it says nothing.

    Its results train the default committee of the shared parameters; the hint is that committee's mean.
    """
    target, theirs, both, table, lacking = source.target, source.theirs, source.both, source.table, source.lacking
    data = TrainingSet.of(replace(table, x=both.there(table.x)), 0)
    if len(data) > MOST:
        data = data.rows(torch.from_numpy(np.sort(np.random.default_rng(seed).permutation(len(data))[:MOST])))
    try:
        own, told_in = _units(target, theirs, table.y)
        factor, shift = _conversion(told_in, own, is_log=target.is_log)
        # else chance looks like chemistry more often: with numbers weighed 6 of 40 times, and 0 without
        fitted = surrogate("committee", both.space, doubts_noise=True).fit(both.space, data, seed=seed)
    except (UnitError, TooFewPoints, FitError) as error:
        return f"nothing could be learnt from it ({error})"
    mean = _Mean(both, fitted, factor, shift)
    spread = spread_of(space, mean, seed=seed)
    if spread == 0.0:
        return f"it expects the same of every candidate{lacking}"
    if (gain := own_evidence(fitted, data)) < PROOF:
        return (
            f"held out, its own {len(data)} results are e^{gain:.1f} times as likely by their conditions as by their "
            f"mean alone, and e times is asked: they do not say which conditions are better{lacking}"
        )
    told = f"{len(table)} results, {len(both.known)} of {len(space.parameters)} parameters in common{lacking}"
    if some := both.half_known(space):
        told += f"; it knows {', '.join(some)}"
    if without := both.undescribed(space):
        told += f"; without the descriptors of {', '.join(without)}, which some of its options lack"
    if theirs.unit != target.unit and not (theirs.unit and target.unit):
        where = "here" if theirs.unit else "there"
        how = "numbers are taken as they are" if own == told_in else "as it is at most 1, it is a fraction"
        told += f"; {target.name} has no unit {where}, and {how}"
    columns = frozenset(s.here for s in both.known)
    return Hint(source.name, "campaign", mean, spread, len(table), both.share, told, columns)


def _units(target: Target, theirs: Target, values: NDArray[np.float64]) -> tuple[str, str]:
    """In which unit this campaign's numbers and the source's ``values`` are.

    No unit says nothing, so that one is taken for the other; but beside per cent what is never above 1 is a fraction.
    """
    if theirs.unit and target.unit:
        return target.unit, theirs.unit
    if _is_percent(target.unit) and _is_fraction(theirs, values):
        return target.unit, DIMENSIONLESS
    if _is_percent(theirs.unit) and _is_fraction(target, np.empty(0)):
        return DIMENSIONLESS, theirs.unit
    return target.unit, target.unit


def _is_percent(unit: str) -> bool:
    return is_share(unit) and convert(1.0, DIMENSIONLESS, unit) == 100.0


def _is_fraction(target: Target, values: NDArray[np.float64]) -> bool:
    """Whether a target without a unit is a fraction: by its ``high``, else by its values."""
    if target.high is not None:
        return target.high == 1.0
    return bool(len(values)) and bool((values >= 0.0).all()) and 0.0 < float(values.max()) <= 1.0


def _of_its_numbers(target: Target, *, is_log: bool) -> Objective:
    """An objective of one target whatever a campaign wanted of it: kept, matched or weighed with others.

    ``is_log`` is whether it is to be learnt on a logarithmic scale, as this campaign does or does not.
    """
    return Objective((Target(target.name, Goal.MAXIMIZE, target.unit, target.low, target.high, is_log=is_log),))


def spread_of(space: Space, mean: Callable[[Tensor], Tensor], *, seed: int) -> float:
    """The standard deviation of a hint over candidates of a space; zero where it tells none apart."""
    with torch.no_grad():
        values = mean(torch.from_numpy(sample_space(space, SAMPLED, seed)))
    spread = float(values.std(correction=0))
    return spread if spread > 1e-9 * float(values.abs().max()) else 0.0


def scaled_as(hint: Hint, others: Sequence[Hint], space: Space, *, seed: int) -> Hint:
    """A hint of which only the shape means something, as large and about as high as ``others`` are on average."""
    known = [h for h in others if h.is_scaled]
    if not known:
        return hint
    size = sum(h.spread for h in known) / len(known) / hint.spread
    with torch.no_grad():
        x = torch.from_numpy(sample_space(space, SAMPLED, seed))
        level = sum(float(h.mean(x).mean()) for h in known) / len(known) - size * float(hint.mean(x).mean())
    return replace(hint, mean=lambda at: level + size * hint.mean(at), spread=size * hint.spread)


@dataclass(frozen=True)
class _Mean:
    """The mean of a model of the shared parameters, on the scale of this campaign's target."""

    overlap: Overlap
    model: FittedSurrogate
    factor: float
    shift: float
    _last: list[tuple[Tensor, Tensor]] = field(default_factory=list, repr=False, compare=False)

    def __call__(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            return self._at(x)
        if not self._last or self._last[0][0] is not x:  # several members ask of the same candidates
            self._last[:] = [(x, self._at(x))]
        return self._last[0][1]

    def _at(self, x: Tensor) -> Tensor:
        shared = self.overlap.here(x)
        flat = shared.reshape(-1, shared.shape[-1])
        mean: Tensor = self.model.moments(flat)[0] * self.factor + self.shift
        return mean.reshape(shared.shape[:-1])


def _conversion(unit: str, to: str, *, is_log: bool) -> tuple[float, float]:
    """Factor and shift from one unit to another, of numbers or their decadic logarithms. Raises ``UnitError``."""
    shift = convert(0.0, unit, to)
    factor = convert(1.0, unit, to) - shift
    if not is_log:
        return factor, shift
    if shift or not factor > 0:
        raise UnitError(f"logarithms of values in {unit!r} are none of values in {to!r}: their zeros differ")
    return 1.0, math.log10(factor)


def _lacking(both: Overlap, there: Space) -> str:
    """What of this campaign's parameters the source has not, or has as something else; "" where it has all."""
    taken = {there.names[s.there] for s in both.shared}
    free = {_plain(name): name for name in there.names if name not in taken}
    absent = [_absent(name, free) for name in both.missing if name not in there.names]
    other = [name for name in both.missing if name in there.names]
    said = f"; it lacks {', '.join(absent)}" if absent else ""
    if both.unlike:
        said += f"; its {', '.join(both.unlike)} {'has' if len(both.unlike) == 1 else 'have'} other options"
    if other:
        said += f"; its {', '.join(other)} {'is' if len(other) == 1 else 'are'} of another kind, unit, scale or union"
    return said


def _absent(name: str, theirs: Mapping[str, str]) -> str:
    """A name that the source lacks, and which of ``theirs``, by plain names, may be meant by it."""
    alike = theirs.get(_plain(name))
    return f"{name} (its {alike} would count under one name)" if alike else name


def _plain(name: str) -> str:
    """The letters and digits of a name, which people who write it in two ways have in common."""
    return "".join(c for c in name.casefold() if c.isalnum())
