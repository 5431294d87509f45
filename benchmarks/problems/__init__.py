"""Measured tables and emulators as problems: what every planner is told, what it gets for a try, and what is true.

A problem with ``rows`` allows exactly these settings (a measured table); one without allows all of its space (an
emulator). Observing draws one of the replicates, decided by seed, row and how often the row was tried before, so that
every planner meets the same luck. Shared starts are ``Problem.start(seed, q)``.

A new table is one function in ``measured`` and a line in ``PROBLEMS``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from problems.emulated import branin_currin, c2dtlz2, snar, snar_values
from problems.measured import (
    aryl_scope,
    arylation_cost,
    arylation_extended,
    baumgartner,
    benzamide,
    bh_bromides,
    bh_chlorides,
    bh_iodides,
    buchwald_hartwig,
    crossed_barrel,
    direct_arylation,
    hplc,
    lnp3,
    moonshot,
    perovskite_vapdiff,
)
from problems.problem import Problem, Settings

__all__ = ["PROBLEMS", "Problem", "Settings", "load_problem", "snar_values"]

PROBLEMS: dict[str, Callable[[Path], Problem]] = {
    "branin_currin": branin_currin,
    "c2dtlz2": c2dtlz2,
    "direct_arylation": direct_arylation,
    "buchwald_hartwig": buchwald_hartwig,
    "arylation_cost": arylation_cost,
    "arylation_extended": arylation_extended,
    "aryl_scope": aryl_scope,
    "crossed_barrel": crossed_barrel,
    "hplc": hplc,
    "moonshot": moonshot,
    "lnp3": lnp3,
    "snar": snar,
    "perovskite_vapdiff": perovskite_vapdiff,
    "baumgartner": baumgartner,
    "benzamide": benzamide,
    "bh_chlorides": bh_chlorides,
    "bh_bromides": bh_bromides,
    "bh_iodides": bh_iodides,
}


def load_problem(name: str, data: Path) -> Problem:
    """The problem of this name; tables are read from the folder ``data``."""
    if name not in PROBLEMS:
        raise SystemExit(f"no problem is called {name!r}; there are {', '.join(PROBLEMS)}")
    return _load(name, data)


@lru_cache(maxsize=8)
def _load(name: str, data: Path) -> Problem:
    return PROBLEMS[name](data)
