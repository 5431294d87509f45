"""What control wells reveal on the raw Buchwald-Hartwig plates, and whether correcting for plates lowers errors.

The three plates hold different additives, and all that they have in common are the blanks without halide, which read 0
on each. So blanks and additives cannot tell what a plate adds to a yield, and two things are measured. As they are: the
held-out error with what the model makes of the plates, and without. With an effect of known size added to each plate
(drawn for each seed) and one condition of the table repeated in 8 control wells of each: how well the effects are found
with these wells and without, and the held-out error for an average plate.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from loop.space import Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.protocol import FittedSurrogate, TrainingSet
from loop.surrogates.registry import surrogate

TRAINING, HELD_OUT, CONTROLS = 288, 1_000, 8  # wells in all; control wells of each plate
SIZE = 8.0  # standard deviation of the plates' added effects, in % yield
MODEL = "committee"  # the default


@dataclass(frozen=True)
class Raw:
    """The wells: coordinates (n, d), yields (n,), plates, rows and columns, and which lack the halide."""

    space: Space
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    places: tuple[tuple[str, str, str], ...]
    is_blank: NDArray[np.bool_]

    def training(self, wells: NDArray[np.int64], effects: tuple[str, ...], y: NDArray[np.float64]) -> TrainingSet:
        """These wells, with ``y`` for their yields and what is recorded of ``effects``."""
        columns = {
            name: tuple(self.places[i][("plate", "row", "column").index(name)] for i in wells) for name in effects
        }
        rows = torch.from_numpy(self.x[wells])
        return TrainingSet(rows, torch.from_numpy(y), torch.full((len(wells),), torch.nan).double(), effects=columns)


@lru_cache(maxsize=1)
def raw_plates(data: Path) -> Raw:
    """Read the raw plates; without additive, and without halide, nothing is added."""
    with (data / "buchwald_hartwig/raw_plates.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    names = {"base": "base", "ligand": "ligand", "halide": "aryl_halide", "additive": "additive"}
    space: dict[str, Any] = {}
    for parameter, column in names.items():
        options = {r[column] or "none": r[f"{column}_smiles"] or None for r in rows}
        space[parameter] = {"type": "component", "options": dict(sorted(options.items()))}
    said = {
        "campaign": "raw",
        "space": space,
        "objective": {"yield": {"goal": "maximize", "unit": "%"}},
        "budget": {"experiments": 10},
        "laboratory": {"adapter": "emulator"},
    }
    built = build_space(CampaignSpec.from_resolved(said))
    x = np.array([built.coordinates({p: r[c] or "none" for p, c in names.items()}) for r in rows])
    return Raw(
        built,
        x,
        np.array([float(r["yield"]) for r in rows]),
        tuple((r["plate"], r["row"], r["col"]) for r in rows),
        np.array([not r["aryl_halide"] for r in rows]),
    )


def told(model: FittedSurrogate, effect: str) -> dict[str, float]:
    """What each label adds, in % yield: the members' estimates, weighted as they are."""
    found: dict[str, float] = {}
    for member in model.summary()["members"].values():
        for label, (mean, _) in member.get("effects", {}).get(effect, {}).get("labels", {}).items():
            found[label] = found.get(label, 0.0) + float(member["weight"]) * float(mean)
    return found


def as_measured(data: Path, seed: int) -> dict[str, float]:
    """Root mean squared error on held-out wells of the raw plates, in %, without and with effects."""
    torch.set_num_threads(1)
    raw, rng = raw_plates(data), np.random.default_rng(seed)
    wells = rng.permutation(np.flatnonzero(~raw.is_blank))
    blanks = rng.permutation(np.flatnonzero(raw.is_blank))[: 3 * CONTROLS]
    train, held = np.concatenate([wells[:TRAINING], blanks]), wells[TRAINING : TRAINING + HELD_OUT]
    errors = {}
    for name, effects in (("none", ()), ("plate", ("plate",)), ("plate, row, column", ("plate", "row", "column"))):
        model = surrogate(MODEL, raw.space).fit(raw.space, raw.training(train, effects, raw.y[train]), seed=seed)
        mean = model.moments(torch.from_numpy(raw.x[held]))[0].numpy().copy()
        for effect in effects:
            sizes = told(model, effect)
            place = ("plate", "row", "column").index(effect)
            mean += np.array([sizes.get(raw.places[i][place], 0.0) for i in held])
        errors[name] = float(np.sqrt(np.mean((mean - raw.y[held]) ** 2)))
    return errors


def with_known_effects(data: Path, seed: int) -> dict[str, Any]:
    """The same plates with an effect of known size on each: errors of yields and of effects, in %."""
    torch.set_num_threads(1)
    raw, rng = raw_plates(data), np.random.default_rng(seed)
    size = dict(zip("123", rng.normal(0.0, SIZE, 3).tolist(), strict=True))
    wells = rng.permutation(np.flatnonzero(~raw.is_blank))
    train, held = wells[:TRAINING], wells[TRAINING : TRAINING + HELD_OUT]
    added = np.array([size[raw.places[i][0]] for i in train])
    noise = float(np.std(raw.y)) * 0.05
    control = int(wells[-1])
    where = [(plate, i) for plate in "123" for i in range(CONTROLS)]
    repeated = np.array([raw.y[control] + size[p] + rng.normal(0.0, noise) for p, _ in where])
    found: dict[str, Any] = {"truth": size}
    for name, effects, has_controls in (
        ("no effect added", (), True),
        ("uncorrected", (), True),
        ("corrected, without controls", ("plate",), False),
        ("corrected, with controls", ("plate",), True),
    ):
        is_clean = name == "no effect added"
        level = float(np.mean(list(size.values())))
        rows = raw.training(train, effects, raw.y[train] + (level if is_clean else added))
        if has_controls:
            x = torch.cat([rows.x, torch.from_numpy(raw.x[[control] * len(where)])])
            shifts = np.array([level - size[p] if is_clean else 0.0 for p, _ in where])
            y = torch.cat([rows.y, torch.from_numpy(repeated + shifts)])
            columns = {n: (*c, *(p for p, _ in where)) for n, c in rows.effects.items()}
            rows = TrainingSet(x, y, torch.full((len(y),), torch.nan).double(), effects=columns)
        model = surrogate(MODEL, raw.space).fit(raw.space, rows, seed=seed)
        mean = model.moments(torch.from_numpy(raw.x[held]))[0].numpy()
        target = raw.y[held] + level  # an average plate: the level itself nobody can know
        found[name] = float(np.sqrt(np.mean((mean - target) ** 2)))
        if effects:
            sizes = told(model, "plate")
            apart = [sizes.get(p, 0.0) - size[p] for p in "123"]
            found[f"{name}: effects"] = float(np.std(apart))
    return found
