"""Where yields are sought: the first experiments in the hottest third of the temperatures, where more is made."""

from __future__ import annotations

import math
import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loop.objective import Goal, Objective, Target
from loop.space import Category, Component, Continuous, Ordinal, Space
from loop.space.rounding import few_digits
from loop.space.temperatures import PART, least_hot, temperatures
from loop.spec.models import InitialSpec
from loop.training import Table

SEVERAL: Final = 2  # results, hot ones and others, that say what heat does; a single pair differs by more than heat
LUCK: Final = 1e-3  # how seldom an option is drawn with nothing hot that could be, to be taken for one that boils

_WORDS: Final = re.compile(r"[^\W\d_]+")
_SOUGHT: Final = frozenset({"yield", "yields", "conversion", "conv", "ausbeute", "umsatz"})
_BESIDE: Final = frozenset(  # words with which a yield is still a reaction's; a quantum yield or a yield stress is none
    _WORDS.findall(
        "isolated assay crude solution final total overall product reaction space time percent pct area ap mol "
        "mean average avg chemical by of isoliert isolierte prozent "
        "nmr qnmr hplc uhplc uplc gc gcms fid lc lcms lcap uv ms"
    )
)

_PRICES: Final = frozenset({"cost", "costs", "price", "prices", "kosten", "preis"})
_OF_HEAT: Final = frozenset({"energy", "heat", "heating", "power", "electricity", "utility", "utilities", "operating"})


def begins_hot(initial: InitialSpec, objective: Objective, space: Space) -> bool:
    """Whether the first experiments are to be hot: as the campaign file says, else where yields are sought.

    Beside a yield may be what things cost, which heat does not change. Where nothing but temperatures varies, hot
    experiments would be alike.
    """
    if initial.design != "spread" or not temperatures(space.frame):
        return False
    if initial.hottest is not None:
        return initial.hottest
    sought = [t for t in objective.targets if not _is_price(t)]
    return len(space.parameters) > len(temperatures(space.frame)) and bool(sought) and all(map(is_yield, sought))


def heat_harms(initial: InitialSpec, objective: Objective, space: Space, table: Table) -> bool:
    """Whether results on record speak against hot experiments: the best hot one is worse than all that are not hot.

    Such results were told, or are of candidates that cannot be hot; what a campaign file asks for stays.
    """
    if initial.hottest is not None:
        return False
    hot = are_hot(space, table.x)
    return min(hot.sum(), (~hot).sum()) >= SEVERAL and are_worse(objective, table, hot)


def are_worse(objective: Objective, table: Table, these: NDArray[np.bool_]) -> bool:
    """Whether the best yields of ``these`` results, ``(n,)``, are worse than all others."""
    yields = [i for i, t in enumerate(objective.targets) if is_yield(t)]
    best, worst_other = (table.high[these][:, yields].max(axis=0), table.low[~these][:, yields].min(axis=0))
    return bool((best < worst_other).all())  # never where one was not measured


def hottest(space: Space, x: NDArray[np.float64], *, is_whole: bool) -> NDArray[np.bool_]:
    """Which candidates, ``(m, d)``, lie in the hottest third of every temperature: ``(m,)``.

    An option with which no temperature is so high, as a solvent that boils, keeps the hottest third of its own
    candidates; of candidates that are not the whole space, an option that was drawn too seldom to tell is left out.
    """
    hot, heat, chosen = are_hot(space, x), np.zeros(len(x)), temperatures(space.frame)
    kept = hot.copy()
    for column, temperature in chosen.items():
        heat += temperature.position(x[:, column])
    enough = 1 if is_whole else math.log(LUCK) / math.log(1 - PART ** len(chosen))
    for column, p in enumerate(space.parameters):
        if not isinstance(p, Category | Component | Ordinal):
            continue
        _, option = np.unique(x[:, column], return_inverse=True)
        lost = (np.bincount(option) >= enough) & (np.bincount(option, weights=hot) == 0)
        for own in (option == o for o in np.flatnonzero(lost)):
            kept |= own & (heat >= np.quantile(heat[own], 1 - PART))
    return kept


def are_hot(space: Space, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of which candidates, ``(m, d)``, every temperature is hot, whatever their options may have: ``(m,)``."""
    kept = np.ones(len(x), dtype=bool)
    for column, temperature in temperatures(space.frame).items():
        kept &= x[:, column] >= least_hot(temperature)
    return kept


def hot_meanings(space: Space, x: NDArray[np.float64]) -> tuple[str, ...]:
    """What each of ``x``, ``(n, d)``, of a spread among the hottest candidates is, for its reason."""
    return tuple("hot spread" if one else "spread as hot as may be" for one in are_hot(space, x))


def which(space: Space) -> str:
    """What is hot, such as "temperature from 80 degC"."""
    found = []
    for p in temperatures(space.frame).values():
        least = least_hot(p)
        if isinstance(p, Continuous):  # with the digits that proposals have
            least = float(few_digits(p, np.array([least]))[0])
        found.append(f"{p.name} from {least:g} {p.unit}")
    return ", ".join(found)


def said(space: Space, hot: NDArray[np.bool_]) -> str:
    """What was done, and the way out, as a note of the round; ``hot`` are the experiments that are, ``(n,)``."""
    others = "" if hot.all() else " or as hot as their options may be"
    return (
        f"the first experiments are hot ({which(space)}){others}, where most reactions yield more; to spread them over "
        "all temperatures, write initial: {hottest: false} under planner: in the campaign file"
    )


def harmful(space: Space) -> str:
    """Why the rest of the first experiments is not hot, as a note of the round."""
    return (
        f"of the results on record the hot ones ({which(space)}) are the worst, so the rest of the first experiments "
        "is spread over all temperatures"
    )


def too_few(space: Space, n: int) -> str:
    """Why the first ``n`` experiments are not hot, as a note of the round."""
    return (
        f"fewer than {n} candidates are hot ({which(space)}), so the first experiments are spread over all temperatures"
    )


def _is_price(target: Target) -> bool:
    words = set(_WORDS.findall(target.name.casefold()))
    return target.goal is Goal.MINIMIZE and bool(words & _PRICES) and not words & _OF_HEAT


def is_yield(target: Target) -> bool:
    """Whether a target is a yield or a conversion to be maximised, by its name."""
    words = [word for word in _WORDS.findall(target.name.casefold()) if word not in _BESIDE]
    return target.goal is Goal.MAXIMIZE and len(words) == 1 and words[0] in _SOUGHT
