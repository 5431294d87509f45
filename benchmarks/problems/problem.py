"""A problem: what every planner is told, what it gets for a try, and what is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.space import PointPool, Space, sample_space
from loop.spec import CampaignSpec, build_space

Settings = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """What is asked, and the truth that only the scoring sees.

    Attributes:
        name: As in ``PROBLEMS``.
        spec: A campaign spec without planner settings.
        rows: The allowed settings, ``n`` of them; None where all of the space is allowed.
        draws: For each row its replicates, shape ``(r, m)`` each, targets in the order of the spec.
        function: What is true at any settings of an emulator, shape ``(m,)``; None where there are rows.
        sd: Standard deviation of an emulator's noise, shape ``(m,)``.
        repeats: Whether peers may propose a candidate that was tried already (where replicates teach something).
        reference: For several targets, the point that hypervolume is counted from, in target units, shape ``(m,)``.
        levels: Of ordinal targets, which hakken's spec can state; peers see numbers.
        experiments: How many experiments a campaign has.
    """

    name: str
    spec: dict[str, Any]
    rows: tuple[Settings, ...] | None = None
    draws: tuple[NDArray[np.float64], ...] = ()
    function: Callable[[Settings], NDArray[np.float64]] | None = None
    sd: tuple[float, ...] = ()
    repeats: bool = False
    reference: tuple[float, ...] = ()
    levels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    experiments: int = 50
    _index: dict[tuple[Any, ...], int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {self._key(row): i for i, row in enumerate(self.rows or ())}
        if len(index) != len(self.rows or ()):
            raise ValueError(f"problem {self.name!r} has the same settings in two rows; merge them as replicates")
        object.__setattr__(self, "_index", index)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.spec["objective"])

    @cached_property
    def signs(self) -> NDArray[np.float64]:
        """1 to maximise, -1 to minimise, 0 for a mere limit; shape ``(m,)``."""
        goals = {"maximize": 1.0, "minimize": -1.0, "keep": 0.0}
        return np.array([goals[t["goal"]] for t in self.spec["objective"].values()])

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """True values of all rows (the mean of their replicates), shape ``(n, m)``."""
        return np.array([d.mean(axis=0) for d in self.draws])

    @property
    def optimum(self) -> float:
        """The best true value of the first target over the rows."""
        return float((self.signs[0] * self.truth[:, 0]).max() * self.signs[0])

    @cached_property
    def question(self) -> dict[str, Any]:
        """What a peer is told; see ``peers``."""
        candidates = None if self.rows is None else list(self.rows)
        return {"spec": self.spec, "candidates": candidates, "repeats": self.repeats}

    def planner_spec(self, **planner: Any) -> CampaignSpec:
        """hakken's spec with these planner settings."""
        objective = {t: {"goal": wanted["goal"], "levels": list(self.levels[t])} if t in self.levels else wanted
                     for t, wanted in self.spec["objective"].items()}  # fmt: skip
        return CampaignSpec.from_resolved(
            {**self.spec, "objective": objective, "planner": {"batch": 5, "initial": {"experiments": 5}, **planner}}
        )

    @cached_property
    def space(self) -> Space:
        return build_space(self.planner_spec())

    @cached_property
    def pool(self) -> PointPool | None:
        """hakken's candidates: the rows; None where all of the space is allowed."""
        if self.rows is None:
            return None
        return PointPool(np.array([self.space.coordinates(row) for row in self.rows]))

    def row(self, settings: Mapping[str, Any]) -> int:
        """Number of the row with these settings."""
        return self._index[self._key(settings)]

    def true_values(self, settings: Settings) -> NDArray[np.float64]:
        """What is true at these settings, shape ``(m,)``."""
        if self.function is not None:
            return self.function(settings)
        return self.truth[self.row(settings)]

    def observe(self, settings: Settings, seed: int, earlier: Sequence[Settings] = ()) -> dict[str, float]:
        """One measurement, given what was tried before in this campaign."""
        again = sum(self._key(e) == self._key(settings) for e in earlier)
        if self.function is not None:
            exact = self.function(settings)
            rng = np.random.default_rng([seed, again, *_digits(settings)])
            noise = rng.standard_normal(len(exact)) * (np.array(self.sd) if self.sd else 0.0)
            return dict(zip(self.targets, (exact + noise).tolist(), strict=True))
        row = self.row(settings)
        order = np.random.default_rng([seed, row]).permutation(len(self.draws[row]))
        values = self.draws[row][order[again % len(order)]]  # each replicate once before any comes again
        return dict(zip(self.targets, values.tolist(), strict=True))

    def start(self, seed: int, q: int) -> list[Settings]:
        """The random start that all planners share."""
        if self.rows is None:
            return [self.space.settings(x) for x in sample_space(self.space, q, seed, method="random")]
        return [self.rows[i] for i in np.random.default_rng(seed).choice(len(self.rows), q, replace=False)]

    def _key(self, settings: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(settings[name] for name in self.spec["space"])


def bare_spec(name: str, space: Mapping[str, Any], objective: Mapping[str, Any]) -> dict[str, Any]:
    """A campaign spec that says nothing of planning."""
    return {
        "campaign": name,
        "space": dict(space),
        "objective": dict(objective),
        "budget": {"experiments": 1000},
        "laboratory": {"adapter": "emulator"},
    }


def _digits(settings: Mapping[str, Any]) -> Iterator[int]:
    """Whole numbers that stand for settings in a seed."""
    for value in settings.values():
        yield from np.frombuffer(str(value).encode().ljust(8, b"\0")[:8], dtype=np.uint32).tolist()
