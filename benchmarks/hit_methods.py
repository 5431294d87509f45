"""How methods look for hits: which molecules each chooses next, and what chance it gives a molecule to be one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from peers.package import trained

TREES: Final = 500
MEMBERS, EPOCHS, BATCH = 1, 30, 50  # of the package, which trains one network unless it is told otherwise
CHUNK: Final = 8_192


@dataclass(frozen=True)
class Assay:
    """A pool of molecules: which are hits, and what was measured where it was a number (NaN for none)."""

    key: str  # of the stored library
    smiles: Sequence[str]
    hits: NDArray[np.bool_]
    values: NDArray[np.float64]
    unreadable: int


def _spec(known: Assay, table_told: str, batch: int, potent: float) -> Any:
    from loop.spec import CampaignSpec

    told = {"goal": "maximize", "classes": ["inactive", "active"]}
    if table_told == "numbers":
        told = {"goal": "minimize", "at_most": math.log10(potent)}
    stored_as = {"key": known.key, "source": "pool", "molecules": len(known.smiles), "read": len(known.smiles)}
    stored_as |= {"unreadable": 0, "duplicates": 0}
    planner = {"batch": batch, "initial": {"experiments": 1}, "acquisition": "hits"}
    return CampaignSpec.from_resolved(
        {
            "campaign": "hits",
            "space": {"molecule": {"type": "molecule", "file": "pool", "stored": stored_as}},
            "objective": {"activity": told},
            "budget": {"experiments": len(known.smiles)},
            "planner": planner,
            "laboratory": {"adapter": "manual"},
        }
    )


def _history(known: Assay, tried: Sequence[int], told: str) -> Any:
    from loop.history import History, Observation
    from loop.outcome import Measured, Measurement

    y = known.values if told == "numbers" else known.hits.astype(float)
    return History(
        tuple(
            Observation(str(k), np.array([float(i)]), Measured((Measurement("activity", v, "", v),)))
            for k, i in enumerate(tried)
            for v in [float(y[i])]
        )
    )


def _planned(told: str) -> Callable[..., tuple[list[int], float]]:
    """hakken's own planner, told classes or numbers; ``told`` is the method's name."""

    def choose(
        known: Assay, tried: Sequence[int], q: int, seed: int, _: NDArray[np.float64], potent: float
    ) -> tuple[list[int], float]:
        from loop.planner import plan
        from loop.spec import build_space

        spec = _spec(known, told, q, potent)
        space = build_space(spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = plan(spec, _history(known, tried, told), seed=seed, experiments=q)
        chosen = [int(space.coordinates(p.candidate.settings)[0]) for p in made.proposals]
        return chosen, float(sum(p.acquisition_value or 0.0 for p in made.proposals))

    return choose


def _believed(told: str) -> Callable[..., NDArray[np.float64]]:
    def chances(known: Assay, tried: Sequence[int], asked: NDArray[np.int64], seed: int, potent: float) -> Any:
        import torch

        from loop.acquisition.hits import hit_chance
        from loop.belief import recipe_of
        from loop.spec import build_objective, build_space
        from loop.surrogates.protocol import TrainingSet
        from loop.training import regression_table

        spec = _spec(known, told, 1, potent)
        space, objective = build_space(spec), build_objective(spec)
        table, _ = regression_table(space, objective, _history(known, tried, told))
        target = objective.targets[0]
        fitted = recipe_of(spec, space, target).fit(space, TrainingSet.of(table, 0), seed=seed)
        with torch.no_grad():
            return hit_chance(target, fitted, torch.from_numpy(asked.astype(np.float64))[:, None]).numpy()

    return chances


def _forest(known: Assay, tried: Sequence[int], asked: NDArray[np.int64], seed: int, _: float) -> NDArray[np.float64]:
    """The chances that extremely randomised trees give."""
    from sklearn.ensemble import ExtraTreesClassifier

    from loop.surrogates.library import folded_counts_at

    hits = known.hits[list(tried)]
    if hits.all() or not hits.any():  # nothing to tell apart: every candidate is as likely
        return np.full(len(asked), float(hits.mean()))
    forest = ExtraTreesClassifier(TREES, class_weight="balanced", random_state=seed, n_jobs=1)
    forest.fit(folded_counts_at(known.smiles, np.array(tried)), hits)
    parts = [asked[start : start + CHUNK] for start in range(0, len(asked), CHUNK)]
    return np.concatenate([forest.predict_proba(folded_counts_at(known.smiles, p))[:, 1] for p in parts])


def _package(known: Assay, tried: Sequence[int], asked: NDArray[np.int64], seed: int, _: float) -> NDArray[np.float64]:
    """The chances that the package's ensemble gives, trained in its own environment.

    Raises:
        PeerMissing: Its environment is not there.
        PeerError: It failed.
    """
    request = {
        "smiles": [known.smiles[i] for i in tried], "values": known.hits[list(tried)].astype(float).tolist(),
        "asked": [known.smiles[int(i)] for i in asked], "members": MEMBERS, "epochs": EPOCHS, "batch": BATCH,
        "seed": seed, "classes": True,
    }  # fmt: skip
    return np.asarray(trained(request)["values"]).mean(axis=0)


def ranked(chances: Callable[..., NDArray[np.float64]]) -> Callable[..., tuple[list[int], float]]:
    """The likeliest of all that was not bought, equal ones in the order of ``ties``."""

    def choose(
        known: Assay, tried: Sequence[int], q: int, seed: int, ties: NDArray[np.float64], potent: float
    ) -> tuple[list[int], float]:
        rest = np.setdiff1d(np.arange(len(known.smiles)), tried)
        chance = chances(known, tried, rest, seed, potent)
        first = np.lexsort((ties[rest], -chance))[:q]
        return [int(i) for i in rest[first]], float(chance[first].sum())

    return choose


CHOICES: dict[str, Callable[..., tuple[list[int], float]]] = {
    "hakken": _planned("hakken"),
    "numbers": _planned("numbers"),
    "trees": ranked(_forest),
    "chemprop": ranked(_package),
}
CHANCES: dict[str, Callable[..., NDArray[np.float64]]] = {
    "hakken": _believed("hakken"),
    "numbers": _believed("numbers"),
    "trees": _forest,
    "chemprop": _package,
}
