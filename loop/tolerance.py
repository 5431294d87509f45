"""How far settings stray from what they are set to, and where candidates are looked at because of it.

A thermostat holds ± 2 degC and a pump ± 5 %: a candidate is worth what comes of it over all that, not at the one
point. The mean over a box comes from a few places in it, the worst from its corners.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from loop.objective import Objective, Target

FULLY: Final = 3  # numbers that stray, up to which every corner is looked at
_QUARTERS: Final = tuple(product((-1.0, 1.0), repeat=2))


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far one number strays to either side, each value as likely as another.

    Attributes:
        name: Of the parameter.
        column: Its coordinate.
        amount: In its unit; where it is a share, of the value that is set.
        can_be_none: Whether zero means that none is used, which does not stray.
    """

    name: str
    column: int
    amount: float
    unit: str = ""
    is_share: bool = False
    can_be_none: bool = False

    def said(self) -> str:
        if self.is_share:
            return f"{self.name} ± {100 * self.amount:g} %"
        return f"{self.name} ± {self.amount:g} {self.unit}".rstrip()

    def strayed(self, x: Any, lots: Any) -> Any:
        """What ``x``, ``(*b, 1)``, strays to by ``lots``, ``(k,)``, from -1 to 1 (numpy or torch): ``(*b, k)``."""
        away = self.amount * lots * (x if self.is_share else 1.0)
        return x + away * (x != 0.0) if self.can_be_none else x + away


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The numbers that stray, each by itself and all at once.

    Attributes:
        each: By column.
        order: Their names as people read them.
    """

    each: tuple[Tolerance, ...]
    order: tuple[str, ...] = ()

    @property
    def inside(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Places for a mean over all that: by how much of its tolerance each number is off, and what each counts.

        Shapes ``(k, numbers)`` and ``(k,)``; the latter sum to one.
        """
        return _rule(len(self.each))

    @property
    def corners(self) -> NDArray[np.float64]:
        """Places for the worst of it, the setting itself first, shape ``(k, numbers)``: corners, some of many.

        Of some, each number's are balanced, so that they tell to which side of it the response rises.
        """
        return _corners(len(self.each))

    @property
    def has_all_corners(self) -> bool:
        return len(self.each) <= FULLY

    def said(self) -> str:
        said = {one.name: one.said() for one in self.each}
        return ", ".join(said[name] for name in self.order or said)

    def note(self, objective: Objective) -> str:
        """What counts of a candidate because of them, for people."""
        counted = counts(objective)
        mean = [t.name for t in counted if t.is_wanted]
        worst = [t.name for t in counted if not t.is_wanted]
        parts = [f"the mean of {' and '.join(mean)}"] if mean else []
        parts += [f"the worst of {' and '.join(worst)}"] if worst else []
        if not parts:
            return f"how far settings stray ({self.said()}) counts for nothing: levels and classes are judged as set"
        return f"where settings stray ({self.said()}), what counts is {' and '.join(parts)}"


def counts(objective: Objective) -> tuple[Target, ...]:
    """The targets of which it counts where settings stray: of which something is asked, without levels or classes."""
    plain = [t for t in objective.targets if t.levels is None and t.classes is None]
    return tuple(t for t in plain if t.is_wanted or t.has_bounds)


@cache
def _rule(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places in the box from -1 to 1 of ``n`` numbers, ``(k, n)``, and what each counts in its mean, ``(k,)``.

    Of one number Gauss and Legendre's five points, exact to the ninth degree; of two and three Stroud's rule to the
    fifth; of more the centre and signs of a folded-over Hadamard design, exact to the third and for fourth powers.
    Source: Stroud, Approximate Calculation of Multiple Integrals (1971), C_n 5-2.
    """
    if n == 1:
        at, each = np.polynomial.legendre.leggauss(5)
        return at[:, None], each / 2
    centre, r = np.zeros((1, n)), math.sqrt(3 / 5)
    if n > FULLY:
        signs = _signs(n)
        return np.vstack([centre, r * signs]), np.array([4 / 9, *[5 / 9 / len(signs)] * len(signs)])
    axes = np.vstack([np.eye(n), -np.eye(n)])
    pairs = np.array([a * np.eye(n)[i] + b * np.eye(n)[k] for i, k in combinations(range(n), 2) for a, b in _QUARTERS])
    weights = [(25 * n**2 - 115 * n + 162) / 162, *[(70 - 25 * n) / 162] * len(axes), *[25 / 324] * len(pairs)]
    return np.vstack([centre, r * axes, r * pairs]), np.array(weights)


@cache
def _corners(n: int) -> NDArray[np.float64]:
    every = _signs(n) if n > FULLY else np.array(list(product((-1.0, 1.0), repeat=n)))
    return np.vstack([np.zeros((1, n)), every])


def _signs(n: int) -> NDArray[np.float64]:
    """Corners of a box of ``n`` numbers, of which every three take all signs alike often: ``(k, n)``."""
    half: Any = np.ones((1, 1))
    while len(half) < n:
        half = np.kron([[1.0, 1.0], [1.0, -1.0]], half)  # Sylvester's construction
    return np.vstack([half[:, :n], -half[:, :n]])
