"""Descriptors of one's own: what do descriptors by DFT bring, in place of Mordred's or beside them?

Batches of 5, 50 experiments, on two measured tables whose components EDBO described by DFT. The committee as it is
without descriptors; with them in place of Mordred's; with them as a further member; and each of the two alone. All
share the same random starts, and differences are paired by seed. Seeds are 1000 + S to 1000 + S + N - 1: what a
default is chosen by is not what it is judged by.

    python benchmarks/own_descriptors.py --data DIR --runs 24
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from methods import hakken, random_start
from tables import Table, load_table

from loop.spec import CampaignSpec, build_space
from loop.spec.describing import resolve_descriptors

BATCH, BATCHES, FIRST_SEED = 5, 10, 1000
FILES = {  # by table and parameter: the file, and the column that tells whose a row is
    "direct_arylation": {
        "base": ("base_dft.csv", "base_SMILES"),
        "ligand": ("ligand-boltzmann_dft.csv", "ligand_SMILES"),
        "solvent": ("solvent_dft.csv", "solvent_SMILES"),
    },
    "buchwald_hartwig": {
        "halide": ("aryl_halide_dft.csv", "aryl_halide_SMILES"),
        "additive": ("additive_dft.csv", "additive_SMILES"),
        "base": ("base_dft.csv", "base_SMILES"),
        "ligand": ("ligand-Pd0_dft.csv", "ligand_SMILES"),
    },
}
WITHOUT = "gp, tanimoto, gp-mordred"
MEMBERS = {
    WITHOUT: ["gp", "tanimoto", "gp-mordred"],
    "gp, tanimoto, gp-given": ["gp", "tanimoto", "gp-given"],
    "all four": ["gp", "tanimoto", "gp-mordred", "gp-given"],
    "gp-mordred": "gp-mordred",
    "gp-given": "gp-given",
}


@lru_cache(maxsize=2)
def described(name: str, data: Path) -> Table:
    """A table whose components have descriptors by DFT."""
    table = load_table(name, data)
    plain = CampaignSpec.from_resolved({**table.spec, "planner": {}})
    space = dict(plain.space)
    for parameter, (file, column) in FILES[name].items():
        asked = {"file": file, "smiles": column, "columns": "all"}
        written = type(space[parameter]).model_validate(space[parameter].model_dump() | {"descriptors": asked})
        space[parameter] = resolve_descriptors(written, written, lambda f: (data / name / f).read_text("utf-8-sig"))
    spec = plain.model_copy(update={"space": space})
    return replace(table, spec=spec.resolved(), space=build_space(spec))


def campaign(members: str, name: str, seed: int, data: Path) -> float:
    """The area under the curve of one campaign, as a share of the optimum."""
    torch.set_num_threads(1)
    table = described(name, data)
    choose = hakken(surrogate=MEMBERS[members])
    rows = random_start(table, seed, BATCH)
    for batch in range(1, BATCHES):
        rows += choose(table, rows, seed * 1000 + batch, BATCH)
    best = np.maximum.accumulate(table.values[rows])[BATCH - 1 :: BATCH]
    return float(best.mean() / table.optimum)


def main() -> int:
    args = arguments(__doc__ or "", runs=24)
    first = FIRST_SEED + args.seed
    jobs = [(m, t, s, args.data) for s in range(first, first + args.runs) for t in FILES for m in MEMBERS]
    found = np.array(run_jobs(campaign, jobs, args.jobs)).reshape(args.runs, len(FILES), len(MEMBERS))
    print(f"\narea under the curve, {args.runs} seeds from {first}; paired with {WITHOUT}")
    print(f"{'members':28}" + "".join(f"{t:>28}" for t in FILES) + f"{'mean':>18}")
    for i, name in enumerate(MEMBERS):
        gaps = found[:, :, i] - found[:, :, 0]
        cells = [
            f"{found[:, t, i].mean():8.4f}" + ("{:+10.4f} ± {:.4f}".format(*mean_and_error(gaps[:, t])) if i else "")
            for t in range(len(FILES))
        ]
        both = "{:+.4f} ± {:.4f}".format(*mean_and_error(gaps.mean(axis=1))) if i else ""
        print(f"{name:28}" + "".join(f"{c:>28}" for c in cells) + f"{both:>18}")
    default = list(MEMBERS).index("all four")
    marks = [
        Mark(f"{t}: the default with descriptors against that without, in standard errors",
             in_errors(found[:, i, default] - found[:, i, 0]), -1.0)
        for i, t in enumerate(FILES)
    ]  # fmt: skip
    return finish(marks, args, {"area": found.tolist(), "tables": list(FILES), "members": list(MEMBERS)})


if __name__ == "__main__":
    sys.exit(main())
