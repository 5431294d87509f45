"""Grey box: how many DFT calculations does a cheap model of the same quantity spare?

The molecule with the smallest HOMO-LUMO gap among the molecules of micro-QM9, by DFT (B3LYP/6-31G(2df,p), the values of
QM9). hakken with DFT alone, and with GFN2-xTB below it (``type: fidelity``), each with its defaults, the same seeds and
its own start; a batch is five DFT calculations, or as many of xTB as cost one of these, in place of each. The values of
xTB were computed once by hakken's own evaluator and lie in ``kept/micro_qm9_gfn2.csv`` (``--compute FILE`` makes them
anew); costs are what they took, and for DFT what a calculation takes here (``--timed``), if PySCF is installed.

The mark: after half of the DFT calculations the best that was found with xTB below is at least as good as the best by
DFT alone after all of them, on the mean over the seeds. Printed besides: for each seed, after how many DFT calculations
each has the best that DFT alone finds, and the time of DFT over that of the model, for a molecule.

    python benchmarks/greybox.py --data DIR --runs 10

``--live N`` does without the table: the molecules of ``examples/grey_box.yaml`` in two campaigns of the engine
with the same seed, N calculations by PySCF alone, and with xTB below for half of the hours that these took; what a
version costs is learnt from its results. It prints the best of each, after how many DFT calculations each has what DFT
alone finds, and what one took against the model.

    python benchmarks/greybox.py --data DIR --live 20
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from harness import Mark, arguments, finish, mean_and_error, run_jobs
from numpy.typing import NDArray

from adapters.compute.xtb import evaluate
from adapters.errors import EvaluationError
from db.ledger import open_ledger
from flows.engine import add_campaign, run
from flows.engine.looking.reports import TickReport
from flows.settings import Settings
from loop.costs import Purse
from loop.history import History, Observation
from loop.molecules.standardise import canonical_smiles
from loop.outcome import Fault, FaultKind, Measured, Measurement, Outcome
from loop.planner import plan
from loop.spec import CampaignSpec, build_space

HARTREE = 27.211386245988  # eV, CODATA 2018
KEPT = Path(__file__).parent / "kept" / "micro_qm9_gfn2.csv"
JOBS = 50  # of DFT
BATCH = 5
WAYS = ("DFT alone", "xTB below")
SHOWN = (5, 10, 15, 20, 25, 30, 40, 50)
DFT_SECONDS = (
    300.0  # what a calculation is said to take where none is made: it decides only how many of xTB are bundled
)
SPARED = 0.5  # share of the calculations by DFT alone
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "grey_box.yaml"
LEVEL = {"functional": "pbe", "basis": "6-31g", "grid": 0}  # some seconds a molecule
SAME = 1e-4  # eV, to which a calculation repeats itself


def read(data: Path) -> dict[str, dict[str, Any]]:
    """By identifier: SMILES, gaps in eV and dipole moments in debye by DFT and by xTB (NaN where it failed), and the
    seconds that xTB took.
    """
    with KEPT.open(newline="", encoding="utf-8") as file:
        cheap = {row["mol_id"]: row for row in csv.DictReader(file)}
    with (data / "qm9_sample" / "micro_qm9.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["mol_id"]: {
                "smiles": row["smiles"],
                "dft": float(row["gap"]) * HARTREE,
                "xtb": float(cheap[row["mol_id"]]["gap_ev"] or "nan"),
                "dft_dipole": float(row["mu"]),
                "xtb_dipole": float(cheap[row["mol_id"]]["dipole_debye"] or "nan"),
                "seconds": float(cheap[row["mol_id"]]["seconds"]),
            }
            for row in csv.DictReader(file)
        }


def compute(data: Path, to: Path) -> None:
    """Gaps and dipole moments by GFN2-xTB at a conformer, as hakken's evaluator has them, written to ``to``."""
    with (data / "qm9_sample" / "micro_qm9.csv").open(newline="", encoding="utf-8") as file:
        smiles = {row["mol_id"]: row["smiles"] for row in csv.DictReader(file)}
    rows = []
    for number, (name, text) in enumerate(smiles.items(), start=1):
        start = time.process_time()
        try:
            values = evaluate(text, verbosity=0).values
            gap, dipole = (f"{values[what][0]:.6f}" for what in ("gap", "dipole"))
        except EvaluationError:  # no conformer could be built
            gap = dipole = ""
        rows.append((name, gap, dipole, f"{time.process_time() - start:.4f}"))
        print(f"\r{number}/{len(smiles)} molecules ", end="", file=sys.stderr)
    print(file=sys.stderr)
    with to.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("mol_id", "gap_ev", "dipole_debye", "seconds"))
        writer.writerows(rows)


def spec_of(way: str, table: dict[str, dict[str, Any]], ratio: float) -> CampaignSpec:
    """The campaign, with both versions or with DFT alone."""
    molecule = {"type": "molecule", "options": {name: canonical_smiles(row["smiles"]) for name, row in table.items()}}
    method = {"type": "fidelity", "options": ["xtb", "dft"], "costs": {"xtb": 1.0, "dft": ratio}}
    return CampaignSpec.from_resolved(
        {
            "campaign": "gap",
            "space": {"molecule": molecule, **({"method": method} if way == "xTB below" else {})},
            "objective": {"gap": {"goal": "minimize", "unit": "eV"}},
            "planner": {"batch": BATCH, "initial": {"experiments": 5}},
            "budget": {"experiments": 100_000},
            "laboratory": {"adapter": "manual"},
        }
    )


def campaign(way: str, seed: int, data: Path, ratio: float) -> dict[str, Any]:
    """One run: the smallest DFT gap after each DFT calculation, and how many of xTB there were."""
    table = read(data)
    jobs = JOBS if way == "DFT alone" else int(SPARED * JOBS)
    spec = spec_of(way, table, ratio)
    space = build_space(spec)
    seen: list[Observation] = []
    best: list[float] = []
    cheap, begun = 0, time.process_time()
    while len(best) < jobs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = plan(spec, History(tuple(seen)), seed=1000 * seed + len(seen), experiments=BATCH, purse=Purse())
        for proposal in batch.proposals:
            settings = proposal.candidate.settings
            version = str(settings.get("method", "dft"))
            value = table[str(settings["molecule"])][version]
            if version == "dft":
                best.append(min(value, best[-1] if best else value))
            else:
                cheap += 1
            outcome: Outcome = Fault.of(FaultKind.INPUT_ERROR, "no conformer could be built")
            if np.isfinite(value):
                outcome = Measured((Measurement("gap", value, "eV", value),))
            seen.append(Observation(f"o{len(seen)}", space.coordinates(settings), outcome))
    return {"way": way, "seed": seed, "best": best[:jobs], "cheap": cheap, "cpu": time.process_time() - begun}


def timed(table: dict[str, dict[str, Any]], molecules: int) -> float | None:
    """Seconds of processor time of a DFT calculation at QM9's level, without optimisation; None without PySCF.

    The mean of so many molecules; None for none.
    """
    if not molecules or find_spec("pyscf") is None:
        return None
    from adapters.compute.dft.evaluate import evaluate as by_dft

    names = sorted(table)[:: max(len(table) // molecules, 1)][:molecules]
    start = time.process_time()
    for name in names:
        by_dft(table[name]["smiles"], level="qm9", properties=["gap"], verbosity=0)
    return (time.process_time() - start) / len(names)


def predicting(table: dict[str, dict[str, Any]]) -> float:
    """Seconds of processor time in which a committee fitted to 50 molecules predicts one of all."""
    import torch

    from loop.surrogates.protocol import TrainingSet
    from loop.surrogates.registry import surrogate

    space = build_space(spec_of("DFT alone", table, 1.0))
    x = torch.arange(len(table), dtype=torch.float64)[:, None]
    y = torch.tensor([row["dft"] for row in table.values()], dtype=torch.float64)
    some = torch.arange(0, len(table), len(table) // JOBS)[:JOBS]
    data = TrainingSet(x[some], y[some], torch.full((len(some),), torch.nan, dtype=torch.float64))
    fitted = surrogate("committee", space).fit(space, data, seed=0)
    fitted.moments(x)  # descriptors are computed once
    start = time.process_time()
    fitted.moments(x)
    return (time.process_time() - start) / len(table)


def until(best: list[float], target: float) -> float:
    """After how many calculations ``best`` reaches ``target``; infinite if it does not."""
    return next((n for n, value in enumerate(best, start=1) if value <= target + 1e-9), np.inf)


def live(way: str, seed: int, budget: dict[str, float], home: Path) -> dict[str, Any]:
    """One campaign of the engine with real calculations: what each gave, in the order in which they came back."""
    told = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    told["campaign"] = "alone" if way == "DFT alone" else "below"
    told["planner"]["seed"] = seed
    molecule = told["space"]["molecule"]
    molecule["file"] = str(EXAMPLE.parent / molecule["file"])
    dear = told["laboratory"]["laboratories"]["dear"] | LEVEL | {"workers": 1}
    if way == "DFT alone":
        del told["space"]["method"], dear["when"]
        told["laboratory"] = dear
    else:
        told["laboratory"]["laboratories"] = {
            "quick": told["laboratory"]["laboratories"]["quick"] | {"workers": 1},
            "dear": dear,
        }
    told["budget"] = budget
    path = home / f"{told['campaign']}.yaml"
    path.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    settings, begun = Settings(home / "runs"), time.perf_counter()
    name = add_campaign(settings, path)

    def say(report: TickReport) -> None:
        print(
            f"\r{way}: {report.experiments_done} calculations, {time.perf_counter() - begun:.0f} s ",
            end="",
            file=sys.stderr,
        )

    ended = run(settings, name, on_tick=say)
    print(file=sys.stderr)
    with open_ledger(settings.database) as ledger:
        seen = sorted(ledger.observations(name), key=lambda o: o.recorded)
    found: dict[str, Any] = {"way": way, "ended": ended.reason, "wall": time.perf_counter() - begun}
    for version in ("dft", "xtb"):
        mine = [o for o in seen if o.settings.get("method", "dft") == version]
        found[version] = [_gap(o.outcome) for o in mine]
        found[f"{version} seconds"] = [o.context["provenance"]["wall_time_s"] for o in mine]
    return found


def _gap(outcome: Outcome) -> float:
    """The gap in eV; infinite where there is none."""
    if not isinstance(outcome, Measured):
        return float("inf")
    return next(m.canonical for m in outcome.measurements if m.property == "gap")


def compared_live(args: argparse.Namespace) -> int:
    """Both ways with real calculations, their figures and the mark."""
    with tempfile.TemporaryDirectory() as folder:
        alone = live(WAYS[0], args.seed, {"experiments": args.live}, Path(folder))
        half = {"experiments": 100_000, "hours": SPARED * sum(alone["dft seconds"]) / 3600}
        by = {WAYS[0]: alone, WAYS[1]: live(WAYS[1], args.seed, half, Path(folder))}
    best = {way: np.minimum.accumulate(by[way]["dft"]) for way in WAYS}
    target = float(best["DFT alone"][-1])
    needed = {way: until(list(best[way]), target + SAME) for way in WAYS}
    for way in WAYS:
        mine = by[way]
        print(
            f"{way}: smallest gap {best[way][-1]:.4f} eV of {len(mine['dft'])} DFT and {len(mine['xtb'])} xTB "
            f"calculations, {mine['wall']:.0f} s; {target:.4f} eV after {needed[way]:g} DFT calculations"
        )
    ratio = needed["xTB below"] / needed["DFT alone"]
    print(f"DFT calculations with xTB below over those of DFT alone, to the same value: {ratio:.2f}")
    dear = float(np.mean([s for way in WAYS for s in by[way]["dft seconds"]]))
    quick, model = float(np.mean(by["xTB below"]["xtb seconds"])), predicting(read(args.data))
    print(
        f"a molecule, seconds: DFT {dear:.1f}, xTB {quick:.2f} (both with the start of a process), the model "
        f"{model:.2g}; DFT / model {dear / model:.2g}"
    )
    most = int(SPARED * args.live)
    gain = target - float(best["xTB below"][:most][-1])
    marks = [Mark(f"live: best with at most {most} DFT calculations, ahead of DFT alone, eV", gain, -SAME)]
    return finish(marks, args, {"live": list(by.values()), "seconds": {"dft": dear, "xtb": quick, "model": model}})


def main() -> int:
    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--timed", type=int, default=3, help="molecules by which DFT is timed, minutes each (default 3)"
        )
        parser.add_argument("--compute", type=Path, help="only compute the gaps by xTB anew, into this file")

        parser.add_argument("--live", type=int, default=0, help="only compute so many molecules by DFT alone, and half")

    args = arguments(__doc__ or "", runs=10, more=more)
    if args.live:
        return compared_live(args)
    if args.compute is not None:
        compute(args.data, args.compute)
        return 0
    table = read(args.data)
    quick = float(np.mean([row["seconds"] for row in table.values()]))
    dear = timed(table, args.timed)
    model = predicting(table)
    if dear is None:
        print(f"DFT is not timed (that needs pip install 'hakken[dft]'), and taken for {DFT_SECONDS:.0f} s a molecule")
    else:
        print(
            f"a molecule, seconds: DFT {dear:.1f}, xTB {quick:.4f}, the model {model:.2g}; "
            f"DFT / model {dear / model:.2g}"
        )
    ratio = (dear or DFT_SECONDS) / quick
    seeds = range(args.seed, args.seed + args.runs)
    results = run_jobs(campaign, [(way, seed, args.data, ratio) for seed in seeds for way in WAYS], args.jobs)
    by = {(r["way"], r["seed"]): r for r in results}
    least = min(row["dft"] for row in table.values())
    print(f"\nsmallest gap by DFT so far, eV, of {len(table)} molecules (smallest {least:.3f})")
    print(f"{'after DFT calculations':24}" + "".join(f"{n:>8}" for n in SHOWN) + f"{'of xTB':>9}{'cpu s':>8}")
    for way in WAYS:
        mine = [by[way, seed] for seed in seeds]
        curve = np.array([r["best"] for r in mine]).mean(axis=0)
        shown = "".join(f"{curve[n - 1]:8.3f}" if n <= len(curve) else f"{'':8}" for n in SHOWN)
        means = [float(np.mean([r[key] for r in mine])) for key in ("cheap", "cpu")]
        print(f"{way:24}{shown}{means[0]:9.0f}{means[1]:8.1f}")
    needed = _needed(by, list(seeds))
    print("\nDFT calculations until the best that DFT alone finds: alone, with xTB below")
    print(
        "; ".join(
            f"{int(a)}, {int(b) if np.isfinite(b) else 'more than ' + str(int(SPARED * JOBS))}" for a, b in needed
        )
    )
    held = np.isfinite(needed[:, 1])
    print(f"reached in {int(held.sum())} of {len(needed)} runs within {int(SPARED * JOBS)}")
    gain = np.array([by["DFT alone", s]["best"][-1] - by["xTB below", s]["best"][-1] for s in seeds])
    mean, error = mean_and_error(gain)
    print(
        f"with xTB below, after {int(SPARED * JOBS)}: better than DFT alone after {JOBS} "
        f"by {mean:.3f} +- {error:.3f} eV, paired"
    )
    marks = [Mark("best with half of the DFT calculations, ahead of DFT alone, eV", mean, 0.0)]
    return finish(marks, args, {"runs": results, "seconds": {"dft": dear, "xtb": quick, "model": model}})


def _needed(by: dict[tuple[str, int], dict[str, Any]], seeds: list[int]) -> NDArray[np.float64]:
    """For each seed the calculations until the best of DFT alone, alone and with xTB below: ``(seeds, 2)``."""
    found = []
    for seed in seeds:
        alone, below = by["DFT alone", seed]["best"], by["xTB below", seed]["best"]
        found.append((until(alone, alone[-1]), until(below, alone[-1])))
    return np.array(found)


if __name__ == "__main__":
    sys.exit(main())
