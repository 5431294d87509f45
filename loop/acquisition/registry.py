"""The table of acquisition functions. A new one is one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from loop.acquisition.boundary import Boundary
from loop.acquisition.general import General
from loop.acquisition.hits import Hits
from loop.acquisition.improvement import Improvement
from loop.acquisition.mixed import Mixed
from loop.acquisition.names import ACQUISITIONS
from loop.acquisition.pareto import Pareto
from loop.acquisition.pool import Exploration, Random, Thompson, Top, UpperConfidenceBound
from loop.acquisition.protocol import Acquisition
from loop.acquisition.search import Search
from loop.errors import UnknownName
from loop.own import is_own, own_acquisition

_FINITE: Final[Mapping[str, Callable[[], Acquisition]]] = {
    "improvement": Improvement,
    "exploration": Exploration,
    "boundary": Boundary,
    "general": General,
    "hits": Hits,
    "thompson": Thompson,
    "ucb": UpperConfidenceBound,
    "top": Top,
    "pareto": Pareto,
    "random": Random,
    "search": Search,
}
_CONTINUOUS: Final = frozenset({"improvement", "pareto", "ucb"})  # the others choose from a sample of the space
assert set(_FINITE) | {"auto"} == set(ACQUISITIONS)


def acquisition(
    name: str,
    *,
    is_finite: bool,
    targets: int,
    has_levels: bool = False,
    has_scope: bool = False,
    has_classes: bool = False,
) -> Acquisition:
    """The acquisition function of that name for a finite or a continuous space.

    ``targets`` is how many are to be weighed against each other: 1 where a trade-off makes one number of them.
    ``has_levels`` says that the only wanted target is ordinal, ``has_scope`` that a condition is sought for a scope,
    ``has_classes`` that every wanted target is told in classes, and none is traded off.

    Raises:
        UnknownName: No such acquisition function.
        SpecError: There is no such code of one's own (``MODULE:NAME``).
    """
    if name == "auto":
        name = "search" if has_levels else "improvement" if targets == 1 else "pareto"
        name = "hits" if has_classes else name
        name = "general" if has_scope else name
    if is_own(name):
        return own_acquisition(name)
    if name not in _FINITE:
        raise UnknownName("acquisition", name, ACQUISITIONS)
    return Mixed(name) if not is_finite and name in _CONTINUOUS else _FINITE[name]()
