"""DFT against the literature: the evaluator ``pyscf`` at QM9's level, and what QM9 says of the same molecules.

Each molecule is optimised to the conformer that QM9 holds, which is told by its rotational constants: conformers are
embedded, optimised by GFN2-xTB, and the one with the nearest constants goes on. Small molecules are computed with
exact integrals throughout; for those with six heavy atoms or more gradients and second derivatives are fitted,
energies are not. Of the molecule with fluorine energy, orbitals and dipole are compared, of the others everything
that QM9 has.

The figures are kept after every stage in ``--state FILE``; run it again to go on where it stopped. ``--only`` prints
the table of what is there, without computing.

    python benchmarks/dft_qm9.py --data DIR --state runs/dft_qm9.state.json

Source of the values: Ramakrishnan, Dral, Rupp and von Lilienfeld, Sci. Data 1 (2014) 140022; micro_qm9.csv of graphium.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from harness import Mark, arguments, finish

HARTREE, KCAL = 27.211386245988, 627.5094740631  # eV and kcal/mol, CODATA 2018
KT: Final = 1.987204259e-3 * 298.15  # kcal/mol
SMALL: Final = ("gdb_3", "gdb_2", "gdb_1", "gdb_5", "gdb_4", "gdb_6")
LARGE: Final = ("gdb_186", "gdb_718", "gdb_3903", "gdb_2559")  # six and seven heavy atoms, rigid
FLUORINE: Final = "gdb_23829"
ALL: Final = (*SMALL, FLUORINE, *LARGE)

# Column of the table: our property, what our number is multiplied with, and the largest deviation allowed (None: it is
# only shown), all in the unit of the third column.
COMPARED: Final = {
    "u0": ("u0", 1.0, "hartree", 5e-5),
    "homo": ("homo", 1.0, "eV", 0.005),
    "lumo": ("lumo", 1.0, "eV", 0.005),
    "gap": ("gap", 1.0, "eV", None),
    "mu": ("dipole", 1.0, "debye", 0.01),
    "alpha": ("polarisability", 1.0, "bohr^3", 0.1),
    "zpve": ("zpve", KCAL, "kcal/mol", 0.03),
    "cv": ("cv", 1.0, "cal/mol/K", 0.02),
    "r2": ("r2", 1.0, "bohr^2", None),
    "u298": ("u", 1.0, "hartree", None),
    "h298": ("h", 1.0, "hartree", None),
    "g298": ("g", 1.0, "hartree", None),
    "u0_atom": ("atomisation_u0", -1.0, "kcal/mol", None),
    "u298_atom": ("atomisation_u", -1.0, "kcal/mol", None),
    "h298_atom": ("atomisation_h", -1.0, "kcal/mol", None),
    "g298_atom": ("atomisation_g", -1.0, "kcal/mol", None),
    "A": ("rotational_a", 1.0, "GHz", None),
    "B": ("rotational_b", 1.0, "GHz", None),
    "C": ("rotational_c", 1.0, "GHz", None),
}
_EXACT: Final = {"homo": HARTREE, "lumo": HARTREE, "gap": HARTREE, "zpve": KCAL}  # from QM9's hartree into our unit
WITHOUT_SECOND: Final = (
    "energy",
    "homo",
    "lumo",
    "gap",
    "dipole",
    "r2",
    "rotational_a",
    "rotational_b",
    "rotational_c",
)


def main() -> int:
    """Compute what is missing, print the table and the marks."""
    args = arguments(__doc__ or "", runs=1, more=_more)
    rows = read_table(args.data)
    state = args.state or (args.json.with_suffix(".state.json") if args.json else Path("dft_qm9.state.json"))
    kept: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
    if not args.only:
        if find_spec("pyscf") is None:
            raise SystemExit("pyscf is not installed: pip install 'hakken[dft]'; or say --only")
        for name in args.molecules:
            compute(name, rows[name], kept, state, args.seed, args.memory)
    done = {name: completed(found) for name, found in kept.items() if "values" in found}
    print("\n".join(table_of(done, rows, kept)))
    return finish(marks(done, rows), args, {"molecules": kept})


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, help="where figures are kept between runs (default beside --json)")
    parser.add_argument("--only", action="store_true", help="compute nothing, print what was kept")
    parser.add_argument("--memory", type=int, default=6000, help="MiB that PySCF plans with (default 6000)")
    parser.add_argument(
        "--molecules", type=lambda text: text.split(","), default=list(ALL), help="some of them, by their QM9 names"
    )


def read_table(data: Path) -> dict[str, dict[str, str]]:
    """Rows of the sample by name; ``data`` is its folder or the one above."""
    found = [p for p in (data / "micro_qm9.csv", data / "qm9_sample/micro_qm9.csv") if p.exists()]
    if not found:
        raise SystemExit(f"no micro_qm9.csv in {data} or {data / 'qm9_sample'}; point --data there")
    with found[0].open(newline="", encoding="utf-8") as lines:
        return {row["mol_id"]: row for row in csv.DictReader(lines)}


def compute(name: str, row: Mapping[str, str], kept: dict[str, Any], state: Path, seed: int, memory: int) -> None:
    """Every stage of one molecule that is not on file: conformer, optimisations, all properties."""
    from adapters.compute.dft.evaluate import evaluate
    from adapters.compute.dft.level import QM9_BASIS

    found = kept.setdefault(name, {"smiles": row["smiles"], "seconds": {}, "cpu": {}})
    is_large = name not in SMALL

    def stage(title: str, work: Any) -> None:
        if title in found:
            return
        print(f"{name} {row['smiles']}: {title} ...", file=sys.stderr, flush=True)
        wall, cpu = time.perf_counter(), time.process_time()
        found[title] = work()
        found["seconds"][title] = round(time.perf_counter() - wall, 1)
        found["cpu"][title] = round(time.process_time() - cpu, 1)
        part = state.with_suffix(state.suffix + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(kept, indent=1))
        os.replace(part, state)

    def optimised(start: str, **how: Any) -> str:
        details = evaluate(start, **how).details
        found["steps"] = found.get("steps", 0) + details["steps"]
        return str(details["xyz"])

    common: dict[str, Any] = {"optimise": "dft", "memory": memory, "verbosity": 0}
    stage("conformer", lambda: nearest_conformer(row, seed))
    if is_large:
        cheap = {**common, "properties": ["energy"], "functional": "b3lypg", "basis": "def2-svp"}
        stage("first", lambda: optimised(found["conformer"], **cheap))
        fitted = {**common, "properties": ["energy"], "functional": "b3lypg", "basis": QM9_BASIS, "grid": (75, 302)}
        stage("second", lambda: optimised(found["first"], **fitted, criteria="GAU_TIGHT"))
    wanted = WITHOUT_SECOND if name == FLUORINE else tuple(dict.fromkeys(p for p, *_ in COMPARED.values()))

    def everything() -> dict[str, Any]:
        how = {**common, "level": "qm9", "criteria": "GAU_TIGHT", "fit_derivatives": is_large, "properties": wanted}
        done = evaluate(found.get("second", found["conformer"]), **how)
        found["repairs"], found["details"] = list(done.repairs), dict(done.details)
        return {key: value for key, (value, _) in done.values.items()}

    stage("values", everything)


def nearest_conformer(row: Mapping[str, str], seed: int) -> str:
    """The conformer whose rotational constants are nearest to QM9's, by GFN2-xTB, as XYZ."""
    from adapters.compute.conformers import search
    from adapters.compute.dft.thermo import isotope_masses, rotational_constants

    wanted = np.array([float(row[c]) for c in ("A", "B", "C")])
    apart = {}
    for at, conformer in enumerate(found := search(row["smiles"], count=20, seed=seed)):
        geometry = conformer.geometry
        mine = np.array(rotational_constants(isotope_masses(geometry.numbers), geometry.positions))
        apart[at] = float(np.abs(mine / wanted[-len(mine) :] - 1).max())
    return found[min(apart, key=apart.__getitem__)].geometry.xyz()


def completed(found: Mapping[str, Any]) -> dict[str, float]:
    """The kept values of a molecule, with those that follow from them: an earlier run did not ask for all."""
    values = dict(found["values"])
    if {"homo", "lumo"} <= set(values):
        values.setdefault("gap", values["lumo"] - values["homo"])
    if {"u0", "u", "h", "atomisation_u0"} <= set(values):
        atoms = int(found["details"]["xyz"].split()[0])
        for name, of_atom in (("u", 1.5 * KT), ("h", 2.5 * KT)):  # of a free atom, above its u0
            moved = (values["u0"] - values[name]) * KCAL
            values.setdefault(f"atomisation_{name}", values["atomisation_u0"] + moved + atoms * of_atom)
    return values


def deviations(values: Mapping[str, float], row: Mapping[str, str]) -> dict[str, float]:
    """Our number less QM9's, by column; what we do not have is left out."""
    found = {}
    for column, (name, factor, _, _) in COMPARED.items():
        if name in values:
            found[column] = values[name] * factor - float(row[column]) * _EXACT.get(column, 1.0)
    if "u0" not in found and "energy" in values:  # without second derivatives: QM9's own zero-point energy is added
        found["u0"] = values["energy"] + float(row["zpve"]) - float(row["u0"])
    return found


def table_of(
    done: Mapping[str, Mapping[str, float]], rows: Mapping[str, Mapping[str, str]], kept: Mapping[str, Any]
) -> list[str]:
    """Lines: deviations from QM9, one row for each molecule (- where there is no number), and what each took."""
    lines = []
    columns = list(COMPARED)
    for part in (columns[:7], columns[7:14], columns[14:]):
        heads = [f"{column:>10s}" for column in part]
        units = [f"{COMPARED[column][2]:>10s}" for column in part]
        lines += ["", f"{'':10s} {'SMILES':18s}" + " ".join(heads), f"{'':29s}" + " ".join(units)]
        for name, values in done.items():
            found = deviations(values, rows[name])
            cells = [f"{found[column]:10.1e}" if column in found else f"{'-':>10s}" for column in part]
            lines.append(f"{name:10s} {rows[name]['smiles']:18s}" + " ".join(cells))
    lines += ["", f"{'':10s} {'processor s':>12s} {'wall s':>8s} {'energies':>9s}"]
    for name in done:
        cpu, wall = sum(kept[name]["cpu"].values()), sum(kept[name]["seconds"].values())
        steps = kept[name].get("steps", 0) + kept[name]["details"].get("steps", 0)
        lines.append(f"{name:10s} {cpu:12.0f} {wall:8.0f} {steps:9d}")
    return lines


def marks(done: Mapping[str, Mapping[str, float]], rows: Mapping[str, Mapping[str, str]]) -> list[Mark]:
    """The largest deviation of each column that has a limit, and the number of molecules."""
    found = [deviations(values, rows[name]) for name, values in done.items()]
    made = [Mark("molecules computed", float(sum(name in done for name in ALL)), float(len(ALL)))]
    for column, (_, _, unit, limit) in COMPARED.items():
        sizes = [abs(f[column]) for f in found if column in f]
        if limit is not None and sizes:
            made.append(Mark(f"largest deviation of {column}, {unit}", max(sizes), limit, at_most=True))
    return made


if __name__ == "__main__":
    raise SystemExit(main())
