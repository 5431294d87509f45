"""Problems from measured tables: exactly the settings that were measured are allowed."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tables import TABLES, load_table

from problems.problem import Problem, Settings, bare_spec


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


def arylation_extended(data: Path) -> Problem:
    """256 further direct arylations with other ligands: yield in %."""
    with (data / "direct_arylation/extended_experiment_index.csv").open(newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    columns = TABLES["direct_arylation"]
    options = {p: sorted({r[c] for r in table}) for p, c in columns.components.items()}
    space: dict[str, Any] = {
        p: {"type": "component", "options": {smiles: smiles for smiles in found}}
        for p, found in options.items()
        if len(found) > 1
    }
    for p, (c, unit) in columns.numbers.items():
        values = sorted({float(r[c]) for r in table})
        if len(values) > 1:
            space[p] = {"type": "number", "values": values, "unit": unit}
    rows: list[Settings] = [
        {p: r[columns.components[p]] if p in options else float(r[columns.numbers[p][0]]) for p in space}
        | {"yield": float(r["yield"])}
        for r in table
    ]
    return _gather("arylation_extended", space, _YIELD, rows)


def aryl_scope(data: Path) -> Problem:
    """1,536 arylations: ligands over a scope of electrophiles and nucleophiles, yield in %."""
    with (data / "aryl_scope_ligand/aryl-scope-ligand.csv").open(newline="", encoding="utf-8-sig") as file:
        table = list(csv.DictReader(file))
    parts = ("ligand", "electrophile", "nucleophile")
    space = {p: {"type": "component", "options": {r[f"{p}_name"]: r[f"{p}_smiles"] for r in table}} for p in parts}
    rows: list[Settings] = [{p: r[f"{p}_name"] for p in parts} | {"yield": float(r["yield"])} for r in table]
    return _gather("aryl_scope", space, {"yield": {"goal": "maximize", "unit": "%", "low": 0}}, rows)


_YIELD = {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}}


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
        bare_spec("moonshot", space, {"activity": {"goal": "minimize", "unit": "%"}}),
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


def bh_chlorides(data: Path) -> Problem:
    """Buchwald-Hartwig couplings of the five aryl chlorides."""
    return _of_halide("bh_chlorides", "Cl", data)


def bh_bromides(data: Path) -> Problem:
    """Buchwald-Hartwig couplings of the five aryl bromides."""
    return _of_halide("bh_bromides", "Br", data)


def bh_iodides(data: Path) -> Problem:
    """Buchwald-Hartwig couplings of the five aryl iodides."""
    return _of_halide("bh_iodides", "I", data)


def baumgartner(data: Path) -> Problem:
    """96 C-N couplings of aniline in droplets: yield in %."""
    return _droplets("baumgartner", data / "baumgartner_cn/baumgartner_aniline_cn_crosscoupling.csv")


def benzamide(data: Path) -> Problem:
    """59 C-N couplings of benzamide in the same droplets: yield in %; five yields are ">= 90" and count as 90."""
    return _droplets("benzamide", data / "baumgartner_cn/baumgartenter_benzamide_cross_coupling.csv")


def _of_halide(name: str, element: str, data: Path) -> Problem:
    base = _from_table("buchwald_hartwig", data)
    halides = base.spec["space"]["halide"]["options"]
    kept = {label: s for label, s in halides.items() if _halogen(s) == element}
    rows = [(r, d) for r, d in zip(base.rows or (), base.draws, strict=True) if r["halide"] in kept]
    space = {**base.spec["space"], "halide": {"type": "component", "options": kept}}
    return Problem(name, {**base.spec, "campaign": name, "space": space}, *map(tuple, zip(*rows, strict=True)))


def _halogen(smiles: str) -> str:
    """The leaving group of an aryl halide; a chloropyridine's chlorine is one too."""
    return next(element for element in ("I", "Br", "Cl") if element in smiles)


def _droplets(name: str, file: Path) -> Problem:
    with file.open(encoding="utf-8-sig") as handle:
        table = [r for r in csv.DictReader(handle) if r["catalyst"] != "DATA"]
    numbers = {"base_equivalents": "", "temperature": "degC", "t_res": "s"}
    rows: list[Settings] = [
        {
            "catalyst": r["catalyst"],
            "base": r["base"],
            **{n: float(r[n]) for n in numbers},
            "yield": 90.0 if "90%" in r["yld"] else 100 * float(r["yld"]),
        }
        for r in table
    ]
    space: dict[str, Any] = {
        n: {"type": "category", "options": sorted({r[n] for r in rows})} for n in ("catalyst", "base")
    }
    for n, unit in numbers.items():
        space[n] = {"type": "number", "values": sorted({r[n] for r in rows}), "unit": unit}
    return _gather(name, space, {"yield": {"goal": "maximize", "unit": "%"}}, rows)


def _from_table(name: str, data: Path) -> Problem:
    table = load_table(name, data)
    rows = tuple(table.space.settings(x) for x in table.pool.points)
    assert TABLES[name].target in table.spec["objective"]
    return Problem(name, table.spec, rows, tuple(np.array([[v]]) for v in table.values))


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
    return Problem(
        name, bare_spec(name, space, objective), settings, tuple(np.array(d) for d in draws.values()), **more
    )


def _headless(file: Path, columns: Sequence[str], texts: frozenset[str] | set[str] = frozenset()) -> list[Settings]:
    """Rows of a CSV file without a header; columns are numbers except for ``texts``."""
    with file.open(newline="", encoding="utf-8-sig") as handle:
        table = [dict(zip(columns, r, strict=True)) for r in csv.reader(handle) if r]
    return [{k: v if k in texts else float(v) for k, v in r.items()} for r in table]
