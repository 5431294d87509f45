"""Measured tables and emulators as problems: what every planner is told, what it gets for a try, and what is true.

A problem with ``rows`` allows exactly these settings (a measured table); one without allows all of its space (an
emulator). Observing draws one of the replicates, decided by seed, row and how often the row was tried before, so that
every planner meets the same luck. Shared starts are ``Problem.start(seed, q)``.

A new table is one function in ``PROBLEMS``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tables import TABLES, load_table

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
        return CampaignSpec.from_resolved({**self.spec, "objective": objective, "planner": {"batch": 5, **planner}})

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


def load_problem(name: str, data: Path) -> Problem:
    """The problem of this name; tables are read from the folder ``data``."""
    if name not in PROBLEMS:
        raise SystemExit(f"no problem is called {name!r}; there are {', '.join(PROBLEMS)}")
    return _load(name, data)


@lru_cache(maxsize=8)
def _load(name: str, data: Path) -> Problem:
    return PROBLEMS[name](data)


# ---------------------------------------------------------------------------------------------- tables


def direct_arylation(data: Path) -> Problem:
    """1,728 conditions, yield in %."""
    return _from_table("direct_arylation", data)


def buchwald_hartwig(data: Path) -> Problem:
    """3,955 conditions, yield in %."""
    return _from_table("buchwald_hartwig", data)


def arylation_cost(data: Path) -> Problem:
    """Direct arylation with two targets: yield, and the cost of the reagents (EDBO+)."""
    base = _from_table("direct_arylation", data)
    with (data / "direct_arylation/experiments_yield_and_cost.csv").open(newline="", encoding="utf-8-sig") as file:
        costs = [float(r["cost"]) for r in csv.DictReader(file)]
    draws = tuple(np.array([[d[0, 0], c]]) for d, c in zip(base.draws, costs, strict=True))
    objective = {**base.spec["objective"], "cost": {"goal": "minimize", "low": 0}}
    spec = {**base.spec, "campaign": "arylation_cost", "objective": objective}
    return Problem("arylation_cost", spec, base.rows, draws, reference=(0.0, 0.5))


def crossed_barrel(data: Path) -> Problem:
    """600 printed barrels, three of each: toughness."""
    with (data / "crossed_barrel/crossed_barrel_dataset.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [{k: float(v) for k, v in r.items()} for r in csv.DictReader(file)]
    units = {"n": "", "theta": "", "r": "mm", "t": "mm"}
    return _numeric("crossed_barrel", rows, units, {"toughness": {"goal": "maximize", "low": 0}}, repeats=True)


def hplc(data: Path) -> Problem:
    """1,007 settings of an HPLC sampler, 379 of them measured twice: peak area."""
    units = {
        "sample_loop": "mL", "additional_volume": "mL", "tubing_volume": "mL",
        "sample_flow": "mL/min", "push_speed": "Hz", "wait_time": "s",
    }  # fmt: skip
    rows = _headless(data / "olympus_dev/hplc/data.csv", [*units, "peak_area"])
    return _numeric("hplc", rows, units, {"peak_area": {"goal": "maximize", "low": 0}}, repeats=True)


def moonshot(data: Path) -> Problem:
    """901 molecules, two or three runs each: remaining activity of SARS-CoV-2 main protease, in %."""
    from rdkit import Chem  # only here

    file = data / "moonshot_mpro_hts/weizmann_HTS_900_hits_3X_validation.csv"
    draws: dict[str, list[float]] = {}
    with file.open(newline="", encoding="utf-8-sig") as handle:
        for r in csv.DictReader(handle):
            smiles = Chem.CanonSmiles(r["SMILES"])
            draws.setdefault(smiles, []).append(float(r["Protease Assay (Screening): Activity (%)"]))
    space = {"molecule": {"type": "molecule", "options": {s: s for s in sorted(draws)}}}
    rows = tuple({"molecule": s} for s in sorted(draws))
    values = tuple(np.array(draws[r["molecule"]])[:, None] for r in rows)
    return Problem(
        "moonshot",
        _spec("moonshot", space, {"activity": {"goal": "minimize", "unit": "%"}}),
        rows,
        values,
        repeats=True,
    )


def lnp3(data: Path) -> Problem:
    """768 formulations of lipid nanoparticles: drug loading, encapsulation, diameter."""
    names = ["drug_input", "solid_lipid", "solid_lipid_input", "liquid_lipid_input", "surfactant_input"]
    targets = ["drug_loading", "encap_efficiency", "particle_diameter"]
    rows = _headless(data / "olympus_dev/lnp3/data.csv", [*names, *targets], texts={"solid_lipid"})
    space = {
        name: {"type": "category", "options": sorted({r[name] for r in rows})}
        if name == "solid_lipid"
        else {"type": "number", "values": sorted({r[name] for r in rows})}
        for name in names
    }
    objective = {
        "drug_loading": {"goal": "maximize"},
        "encap_efficiency": {"goal": "maximize"},
        "particle_diameter": {"goal": "minimize"},
    }
    worst = max(r["particle_diameter"] for r in rows)
    return _gather("lnp3", space, objective, rows, reference=(0.0, 0.0, worst))


CLASSES = ("clear_solution", "fine_powder", "small_crystallites", "large_crystallites")  # outcomes 1 to 4


def perovskite_vapdiff(data: Path) -> Problem:
    """918 vapour diffusions; outcome 1 (nothing crystallised) to 4 (large crystals)."""
    from rdkit import Chem, RDLogger  # only here

    names = {
        "organic_molarity": "mol/L", "solvent_molarity": "mol/L", "inorganic_molarity": "mol/L",
        "acid_molarity": "mol/L", "alpha_vial_volume": "L", "beta_vial_volume": "L",
        "reaction_time": "s", "reaction_temperature": "degC",
    }  # fmt: skip
    columns = [
        "organic", "organic_molarity", "solvent", "solvent_molarity", "inorganic_molarity", "acid_molarity",
        "alpha_vial_volume", "beta_vial_volume", "reaction_time", "reaction_temperature", "score",
    ]  # fmt: skip
    folder = data / "perovskite_vapdiff/vapdiff_crystal"
    rows = _headless(folder / "data.csv", columns, texts={"organic", "solvent", "score"})
    for r in rows:
        r["score"] = float(CLASSES.index(r["score"]) + 1)
    with (folder / "raw_expver-4.0.csv").open(newline="", encoding="utf-8-sig") as file:
        raw = list(csv.DictReader(file))
    RDLogger.DisableLog("rdApp.*")  # InChI of salts makes it talk
    smiles: dict[str, dict[str, str]] = {"organic": {}, "solvent": {}}
    for mine, theirs in zip(rows, raw, strict=True):  # the same rows in the same order
        for part, known in smiles.items():
            if mine[part] not in known:
                known[mine[part]] = Chem.MolToSmiles(Chem.MolFromInchi(theirs[f"{part}___0___inchi"]))
    space: dict[str, Any] = {
        part: {"type": "component", "options": dict(sorted(known.items()))} for part, known in smiles.items()
    }
    for name, unit in names.items():
        values = sorted({r[name] for r in rows})
        if len(values) > 1:  # a column that never varies is no parameter
            space[name] = {"type": "number", "values": values, "unit": unit}
    objective = {"score": {"goal": "maximize", "low": 1, "high": 4}}
    return _gather("perovskite_vapdiff", space, objective, rows, levels={"score": (1.0, 2.0, 3.0, 4.0)})


def baumgartner(data: Path) -> Problem:
    """96 C-N couplings of aniline in droplets: yield in %."""
    with (data / "baumgartner_cn/baumgartner_aniline_cn_crosscoupling.csv").open(encoding="utf-8-sig") as file:
        table = [r for r in csv.DictReader(file) if r["catalyst"] != "DATA"]
    numbers = {"base_equivalents": "", "temperature": "degC", "t_res": "s"}
    rows: list[Settings] = [
        {
            "catalyst": r["catalyst"],
            "base": r["base"],
            **{n: float(r[n]) for n in numbers},
            "yield": 100 * float(r["yld"]),
        }
        for r in table
    ]
    space: dict[str, Any] = {
        n: {"type": "category", "options": sorted({r[n] for r in rows})} for n in ("catalyst", "base")
    }
    for n, unit in numbers.items():
        space[n] = {"type": "number", "values": sorted({r[n] for r in rows}), "unit": unit}
    return _gather("baumgartner", space, {"yield": {"goal": "maximize", "unit": "%"}}, rows)


# ---------------------------------------------------------------------------------------------- emulators


def snar(_data: Path) -> Problem:
    """SNAr of 2,4-difluoronitrobenzene with pyrrolidine in flow: space-time yield and E-factor, by its kinetics."""
    space = {
        "residence_time": {"type": "number", "low": 0.5, "high": 2.0},
        "equivalents": {"type": "number", "low": 1.0, "high": 5.0},
        "concentration": {"type": "number", "low": 0.1, "high": 0.5, "unit": "mol/L"},
        "temperature": {"type": "number", "low": 30.0, "high": 120.0, "unit": "degC"},
    }
    objective = {"space_time_yield": {"goal": "maximize", "low": 0}, "e_factor": {"goal": "minimize", "low": 0}}
    return Problem("snar", _spec("snar", space, objective), function=snar_values, reference=(0.0, 100.0))


def snar_values(settings: Settings) -> NDArray[np.float64]:
    """Space-time yield (kg per m3 and h) of the ortho product, and kg of waste per kg of it: shape ``(2,)``.

    Rate constants at 90 degC and activation energies of the four steps: Hone, Holmes, Akien, Bourne and Muller,
    React. Chem. Eng. 2 (2017) 103. The waste counts ethanol as the solvent (0.789 kg/L), as Schweidtmann et al.,
    Chem. Eng. J. 352 (2018) 277, and the emulator of Summit do.
    """
    from scipy.integrate import solve_ivp  # 1 s: only where it is needed

    minutes, start = settings["residence_time"], settings["concentration"]
    kelvin = settings["temperature"] + 273.15
    reference = np.array([57.9, 2.70, 0.865, 1.63]) * 0.6  # from 10^-2 L/mol/s to L/mol/min
    energy = np.array([33.3, 35.3, 38.9, 44.8])  # kJ/mol
    a, b, c, d = reference * np.exp(-energy / 8.314e-3 * (1 / kelvin - 1 / 363.15))

    def rates(_: float, x: NDArray[np.float64]) -> list[float]:
        halide, amine, ortho, para, _both = x
        return [
            -(a + b) * halide * amine,
            -(a + b) * halide * amine - c * amine * ortho - d * amine * para,
            a * halide * amine - c * amine * ortho,
            b * halide * amine - d * amine * para,
            c * amine * ortho + d * amine * para,
        ]

    solved = solve_ivp(
        rates, (0, minutes), [start, settings["equivalents"] * start, 0, 0, 0], method="LSODA", rtol=1e-8, atol=1e-10
    )
    end = np.maximum(solved.y[:, -1], 0.0)
    weights = np.array([159.09, 71.12, 210.21, 210.21, 261.33])  # g/mol; the amine is pyrrolidine
    product = weights[2] * end[2]  # g/L
    waste = 789.0 + float(weights @ end) - product
    return np.array([60.0 / minutes * product, min(waste / max(product, 1e-9), 1000.0)])


def branin_currin(_data: Path) -> Problem:
    """Two targets over a square of which a disc is left out; the constraint is measured: BoTorch's problem.

    Source: Daulton, Balandat and Bakshy, NeurIPS 2020.
    """
    return _synthetic("branin_currin", "ConstrainedBraninCurrin", (80.0, 12.0))


def c2dtlz2(_data: Path) -> Problem:
    """Two targets over four numbers, whose front is cut into pieces by a measured constraint: BoTorch's problem.

    Source: Deb, Thiele, Laumanns and Zitzler 2005; the constraint of Jain and Deb, IEEE T. Evol. Comput. 18 (2014) 602.
    """
    return _synthetic("c2dtlz2", "C2DTLZ2", (1.1, 1.1), dim=4, num_objectives=2)


def _synthetic(name: str, kind: str, reference: tuple[float, ...], **options: Any) -> Problem:
    """A constrained problem of BoTorch, without noise: targets f1, f2 to minimise, slack to keep at or above zero."""
    import botorch.test_functions.multi_objective as functions
    import torch

    made = getattr(functions, kind)(**options)
    space = {
        f"x{i}": {"type": "number", "low": float(low), "high": float(high)}
        for i, (low, high) in enumerate(made._bounds)
    }
    objective = {
        "f1": {"goal": "minimize"},
        "f2": {"goal": "minimize"},
        "slack": {"goal": "keep", "at_least": 0.0},
    }

    def values(settings: Settings) -> NDArray[np.float64]:
        x = torch.tensor([[settings[n] for n in space]], dtype=torch.float64)
        return np.concatenate([made.evaluate_true(x)[0].numpy(), made.evaluate_slack(x)[0].numpy()])

    return Problem(name, _spec(name, space, objective), function=values, reference=(*reference, 0.0))


PROBLEMS: dict[str, Callable[[Path], Problem]] = {
    "branin_currin": branin_currin,
    "c2dtlz2": c2dtlz2,
    "direct_arylation": direct_arylation,
    "buchwald_hartwig": buchwald_hartwig,
    "arylation_cost": arylation_cost,
    "crossed_barrel": crossed_barrel,
    "hplc": hplc,
    "moonshot": moonshot,
    "lnp3": lnp3,
    "snar": snar,
    "perovskite_vapdiff": perovskite_vapdiff,
    "baumgartner": baumgartner,
}


# ---------------------------------------------------------------------------------------------- helpers


def _from_table(name: str, data: Path) -> Problem:
    table = load_table(name, data)
    rows = tuple(table.space.settings(x) for x in table.pool.points)
    assert TABLES[name].target in table.spec["objective"]
    return Problem(name, table.spec, rows, tuple(np.array([[v]]) for v in table.values))


def _spec(name: str, space: Mapping[str, Any], objective: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "campaign": name,
        "space": dict(space),
        "objective": dict(objective),
        "budget": {"experiments": 1000},
        "laboratory": {"adapter": "emulator"},
    }


def _numeric(
    name: str, rows: Sequence[Settings], units: Mapping[str, str], objective: Mapping[str, Any], *, repeats: bool
) -> Problem:
    space = {p: {"type": "number", "values": sorted({r[p] for r in rows}), "unit": u} for p, u in units.items()}
    return _gather(name, space, objective, rows, repeats=repeats)


def _gather(
    name: str, space: Mapping[str, Any], objective: Mapping[str, Any], rows: Sequence[Settings], **more: Any
) -> Problem:
    """Rows with the same settings are replicates of one candidate."""
    draws: dict[tuple[Any, ...], list[list[float]]] = {}
    for r in rows:
        draws.setdefault(tuple(r[p] for p in space), []).append([r[t] for t in objective])
    settings = tuple(dict(zip(space, key, strict=True)) for key in draws)
    return Problem(name, _spec(name, space, objective), settings, tuple(np.array(d) for d in draws.values()), **more)


def _headless(file: Path, columns: Sequence[str], texts: frozenset[str] | set[str] = frozenset()) -> list[Settings]:
    """Rows of a CSV file without a header; columns are numbers except for ``texts``."""
    with file.open(newline="", encoding="utf-8-sig") as handle:
        table = [dict(zip(columns, r, strict=True)) for r in csv.reader(handle) if r]
    return [{k: v if k in texts else float(v) for k, v in r.items()} for r in table]


def _digits(settings: Mapping[str, Any]) -> Iterator[int]:
    """Whole numbers that stand for settings in a seed."""
    for value in settings.values():
        yield from np.frombuffer(str(value).encode().ljust(8, b"\0")[:8], dtype=np.uint32).tolist()
