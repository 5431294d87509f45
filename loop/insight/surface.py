"""Surface: what is believed over two parameters at once, everything else being as in one candidate.

What a value adds (``loop.insight.influence``) is a mean over all else, in which two parameters that need one another
cancel out; here they are seen together. It is the response surface of classical designs (G. E. P. Box and K. B. Wilson,
J. R. Stat. Soc. B 13 (1951) 1), with the interval that joint draws give. Whether it rests on results is for the reader
to see: what was tried of these candidates is told with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from loop.fidelity import is_real
from loop.history import Observation
from loop.insight.asking import Learning
from loop.insight.changing import swapped, ways
from loop.insight.predicting import predict
from loop.insight.statements import Adds, OnSurface, Predicted, Reliance, Side, Surface
from loop.insight.tried import all_tried
from loop.objective import Target
from loop.space import Continuous, Discrete, Ordinal, Parameter, Space
from loop.space.parameters import Number
from loop.spec import build_objective, build_space
from loop.units import unit_shown

Floats: TypeAlias = NDArray[np.float64]
STEPS: Final = 13  # values of a number that are looked at, both ends among them
OPTIONS: Final = 12  # options that are
FEWEST: Final = 4  # candidates, so that there is something to be seen


def surfaces(learning: Learning, rests: Sequence[Reliance], at: Floats) -> tuple[Surface, ...]:
    """Of each target what is believed over the two parameters that it most follows; the same arguments give the same.

    Where there is one target, over the first of them and the third, too.

    Args:
        learning: What the campaign's results teach.
        rests: What each target's belief rests on, by the same.
        at: Coordinates of the candidate that all else is as in, shape ``(d,)``.

    Returns:
        Surfaces by target, in their order; none of a target that follows fewer than two parameters which change
        by themselves, as parts of a mixture do not, or where constraints leave hardly any candidate.

    Raises:
        TooFewPoints: A target has too few values.
        FitError: No model could be fitted.
        PlanError: The campaign uses none.
    """
    space, objective = build_space(learning.spec), build_objective(learning.spec)
    columns = {way.name: way.columns[0] for way in ways(space) if way.blend is None and len(way.columns) == 1}
    real = [o for o in learning.worked_out.observations if is_real(space, o.made[None])[0]]
    grids: dict[tuple[str, str], _Grid] = {}
    found = []
    for target, one in zip(objective.targets, rests, strict=True):
        most = [p for p in one.parameters if p.parameter in columns]
        others = most[1:3] if len(rests) == 1 else most[1:2]
        for other in others:
            names = (most[0].parameter, other.parameter)
            if names not in grids:
                sides = [(columns[p.parameter], p.adds) for p in (most[0], other)]
                grids[names] = _Grid(learning, space, at, sides, real)
            if (surface := grids[names].surface(target)) is not None:
                found.append(surface)
    return tuple(found)


class _Grid:
    """Candidates that differ in two parameters alone, and what is believed of them."""

    def __init__(
        self,
        learning: Learning,
        space: Space,
        at: Floats,
        sides: Sequence[tuple[int, Sequence[Adds]]],
        real: Sequence[Observation],
    ) -> None:
        self.space, self.at = space, at
        if [_is_number(space.parameters[c]) for c, _ in sides] == [False, True]:
            sides = sides[::-1]  # names are long, and stand on the left
        self.columns = [column for column, _ in sides]
        self.values = [_values(space.parameters[c], float(at[c]), adds) for c, adds in sides]
        self.kept, self.x = self._candidates()
        self.predicted: Predicted | None = None
        if len(self.x) >= FEWEST:
            self.predicted = predict(
                learning.spec, learning.history, self.x, seed=learning.seed, earlier=learning.earlier, learning=learning
            )
        tried = [t for t in all_tried(space, build_objective(learning.spec), real) if self._is_on(t.x)]
        others = [c for c in range(len(at)) if c not in self.columns]
        self.tried = [t for t in tried if (t.x[others] == at[others]).all()]
        self.elsewhere = {self._places(t.x): None for t in tried if (t.x[others] != at[others]).any()}

    def surface(self, target: Target) -> Surface | None:
        """What is believed of one target; None where there are too few candidates."""
        if self.predicted is None:
            return None
        stated = [next(s for s in one.targets if s.target == target.name) for one in self.predicted.candidates]
        space, others = self.space, self.space.as_tried(self.at)
        for column in self.columns:
            others.pop(space.parameters[column].name, None)
        across, up = (self._side(column, some) for column, some in zip(self.columns, self.values, strict=True))
        return Surface(
            target=target.name,
            unit=target.unit,
            model=self.predicted.model,
            across=across,
            up=up,
            label=space.label(space.as_tried(self.at)),
            beside=space.label(others),
            means=self._laid([s.mean for s in stated]),
            lows=self._laid([s.low for s in stated]),
            highs=self._laid([s.high for s in stated]),
            tried=tuple(
                OnSurface(
                    *self._places(t.x),
                    space.label(t.settings),
                    t.values[target.name],
                    t.limits[target.name],
                    t.faults,
                )
                for t in self.tried
            ),
            elsewhere=tuple(self.elsewhere),
        )

    def _candidates(self) -> tuple[NDArray[np.bool_], Floats]:
        """Which places are candidates, row by row of the second parameter, and these, ``(n, d)``."""
        across, up = self.values
        z = np.repeat(self.at[None], len(across) * len(up), axis=0)
        z[:, self.columns[0]] = np.tile(across, len(up))
        z[:, self.columns[1]] = np.repeat(up, len(across))
        made, kept = swapped(self.space, np.repeat(self.at[None], len(z), axis=0), z, self.columns)
        kept &= (made[:, self.columns] == z[:, self.columns]).all(axis=1)  # both apply
        return kept, made[kept]

    def _laid(self, said: Sequence[float | None]) -> tuple[tuple[float | None, ...], ...]:
        """What is said of each candidate at its place, a row for each value of the second parameter."""
        flat = np.full(len(self.kept), None, dtype=object)
        flat[self.kept] = said
        return tuple(tuple(row) for row in flat.reshape(len(self.values[1]), -1).tolist())

    def _side(self, column: int, values: Sequence[float]) -> Side:
        p = self.space.parameters[column]
        return Side(
            parameter=p.name,
            unit=unit_shown(p.unit) if _is_number(p) else "",
            values=tuple(p.value(v) for v in values),
            values_in_all=0 if isinstance(p, Continuous) else p.size,
            at=self._places(self.at)[self.columns.index(column)],
        )

    def _places(self, x: Floats) -> tuple[float, float]:
        """Where coordinates ``x``, ``(d,)``, lie among the values of both sides, counted from 0."""
        across, up = (
            float(np.interp(p.position(value), [p.position(v) for v in values], np.arange(len(values))))
            if _is_number(p)
            else float(values.index(value))
            for p, values, value in self._sides(x)
        )
        return across, up

    def _is_on(self, x: Floats) -> bool:
        """Whether coordinates ``x``, ``(d,)``, have both, within what is looked at."""
        return bool(self.space.frame.active(x[None])[0, self.columns].all()) and all(
            min(values) <= value <= max(values) if _is_number(p) else value in values
            for p, values, value in self._sides(x)
        )

    def _sides(self, x: Floats) -> Iterator[tuple[Parameter, list[float], float]]:
        """Each side's parameter, the values of it that are looked at, and what ``x``, ``(d,)``, has."""
        for column, values in zip(self.columns, self.values, strict=True):
            yield self.space.parameters[column], values, float(x[column])


def _is_number(p: Parameter) -> TypeGuard[Number]:
    return isinstance(p, Discrete | Continuous)


def _values(p: Parameter, at: float, adds: Sequence[Adds]) -> list[float]:
    """Coordinates of the values that are looked at, in order: of options those that add most first."""
    if isinstance(p, Continuous):
        between = np.geomspace if p.scale == "log" else np.linspace
        return [*([0.0] if p.or_zero else []), *between(p.low, p.high, STEPS).tolist()]
    if isinstance(p, Discrete):
        every = sorted(p.values)
        some = np.unique(np.linspace(0, len(every) - 1, min(STEPS, len(every))).round().astype(int)).tolist()
        return sorted({*(float(every[i]) for i in some), at})
    by_what_they_add = [float(p.index(str(a.value))) for a in adds]
    some = list(dict.fromkeys([*by_what_they_add[: OPTIONS - 1], at, *by_what_they_add]))[:OPTIONS]
    order = range(p.size) if isinstance(p, Ordinal) else by_what_they_add
    return [v for v in dict.fromkeys([*map(float, order), at]) if v in some]
