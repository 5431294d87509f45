"""Priors of stated quality: what is a ranking of the options worth, and what does a wrong one cost?

A ranking orders the options of each parameter by the mean of the table's yields with each: ``right`` by the means as
they are, which is more than any chemist knows; ``vague`` by the means with noise as large as their spread; ``half`` is
a vague ranking of every other parameter alone; ``wrong`` is any order. Where there is a temperature, ``vague but heat``
and ``wrong but heat`` say nothing of it. The same campaign without a prior is beside each. On direct arylation a
further way is ``transferred``: an earlier campaign of hakken's own, 30 experiments on 256 direct arylations with other
ligands. Batches of 5, hakken's defaults and its own first batch; the area under the curve is the mean of the best value
so far over the batches, as a share of the optimum.

Marks: with a right ranking the area at 10 experiments is higher on average; with a vague one or half of one it is on
no average lower by more than a standard error; on direct arylation the mean best yield at 10 experiments is at least
90 with a right ranking, and with the transferred campaign. What a wrong ranking costs is told without a mark: until
results contradict it, it is believed as much as a right one.

    python benchmarks/priors.py --data DIR --runs 60
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from contest import history_of
from harness import Mark, arguments, finish, in_errors, mean_and_error, run_jobs
from problems import Problem, load_problem
from transfer import BATCH, EARLIER, EARLIER_SEEDS, LATE, SOON, campaign

from loop.memory.earlier import Earlier
from loop.space.temperatures import temperatures
from loop.spec import build_space

TABLES = ("direct_arylation", "buchwald_hartwig", "arylation_extended", "aryl_scope", "baumgartner")
RANKED = ("right", "vague", "half", "wrong")
RELATED = {"direct_arylation": "arylation_extended"}  # a table, and the one its earlier campaign is of
WITHOUT_HEAT = {"vague but heat": "vague", "wrong but heat": "wrong"}  # rankings that say nothing of temperature
WAYS = ("none", *RANKED, *WITHOUT_HEAT, "transferred")


def ranking(problem: Problem, way: str, seed: int) -> dict[str, dict[str, list[str]]]:
    """A prior of a quality in ``RANKED``, as a campaign file has it: by target and parameter, the best first."""
    rng = np.random.default_rng([seed, RANKED.index("vague" if way == "half" else way)])
    rows = problem.rows or ()
    worth = problem.signs[0] * problem.truth[:, 0]
    ranked: dict[str, list[str]] = {}
    for number, name in enumerate(problem.spec["space"]):
        options = sorted({row[name] for row in rows})
        means = np.array([np.mean([w for w, row in zip(worth, rows, strict=True) if row[name] == o]) for o in options])
        if way in ("vague", "half"):
            means = means + means.std() * rng.standard_normal(len(means))
        elif way == "wrong":
            means = rng.permutation(len(means)).astype(float)
        if way == "half" and number % 2:
            continue
        written = [str(o) for o in options]
        ranked[name] = [written[i] for i in np.argsort(-means, kind="stable")]
    return {problem.targets[0]: ranked}


def without_heat(problem: Problem, prior: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
    """The same prior without what it says of temperatures; empty where there are none."""
    warm = {p.name for p in temperatures(build_space(problem.planner_spec()).frame).values()}
    told = {t: {n: order for n, order in ranked.items() if n not in warm} for t, ranked in prior.items()}
    return told if warm else {}


def run(table: str, seed: int, data: Path) -> dict[str, Any]:
    """One seed of one table: best so far after each batch in each way, and whether the prior was dropped by the end."""
    problem = load_problem(table, data)
    result: dict[str, Any] = {"table": table, "seed": seed}
    for way in WAYS:
        prior, earlier = None, ()
        if way in RANKED:
            prior = ranking(problem, way, seed)
        elif way in WITHOUT_HEAT:
            prior = without_heat(problem, ranking(problem, WITHOUT_HEAT[way], seed))
            if not prior:
                continue
        elif way == "transferred":
            if table not in RELATED:
                continue
            source = load_problem(RELATED[table], data)
            before, _ = campaign(source, seed + EARLIER_SEEDS, EARLIER)
            earlier = (Earlier(source.name, source.planner_spec(), history_of(source, before)),)
        done, told = campaign(problem, seed, LATE, earlier, prior)
        values = [o["values"][problem.targets[0]] for o in done]
        result[way] = (np.maximum.accumulate(values)[BATCH - 1 :: BATCH] / problem.optimum).tolist()
        result[f"{way}_dropped"] = None if told is None else bool(told[0]["dropped"])
    return result


def main() -> int:
    args = arguments(__doc__ or "", runs=60)
    seeds = range(args.seed, args.seed + args.runs)
    results = run_jobs(run, [(table, seed, args.data) for seed in seeds for table in TABLES], args.jobs)
    gains: dict[tuple[str, int], list[np.ndarray]] = {}
    print(f"{'table':20}{'prior':13}{'best at 5':>10}{'at 10':>8}", end="")
    print("".join(f"{f'area {n}':>10}{'gain':>9}{'s.e.':>8}" for n in (SOON, LATE)) + f"{'dropped':>9}")
    for table in TABLES:
        mine = [r for r in results if r["table"] == table]
        optimum = load_problem(table, args.data).optimum
        for way in WAYS:
            if way not in mine[0]:
                continue
            best = optimum * np.mean([r[way] for r in mine], axis=0)
            line = f"{table:20}{way:13}{best[0]:10.1f}{best[SOON // BATCH - 1]:8.1f}"
            for n in (SOON, LATE):
                area = np.array([np.mean(r[way][: n // BATCH]) for r in mine])
                gain = area - np.array([np.mean(r["none"][: n // BATCH]) for r in mine])
                gains.setdefault((way, n), []).append(gain)
                mean, error = mean_and_error(gain)
                line += f"{area.mean():10.3f}" + (f"{mean:9.4f}{error:8.4f}" if way != "none" else " " * 17)
            dropped = [r[f"{way}_dropped"] for r in mine]
            print(line + (f"{np.mean(dropped):9.2f}" if way != "none" else ""))
    marks = [Mark("area at 10 with a right ranking, less that without, mean of the tables",
                  float(np.mean([g.mean() for g in gains["right", SOON]])), 0.0)]  # fmt: skip
    for way in ("vague", "half"):
        together = np.mean(gains[way, SOON], axis=0)
        told = {"vague": "a vague ranking", "half": "a vague ranking of half of the parameters"}[way]
        marks.append(Mark(f"area at 10 with {told}, mean of the tables, in standard errors", in_errors(together), -1.0))
    for table, way in ((t, w) for t in RELATED for w in ("right", "transferred")):
        mine = [r for r in results if r["table"] == table]
        at = load_problem(table, args.data).optimum * float(np.mean([r[way][SOON // BATCH - 1] for r in mine]))
        marks.append(Mark(f"{table}, mean best yield at 10 experiments, {way}", at, 90.0))
    return finish(marks, args, {"runs": results})


if __name__ == "__main__":
    sys.exit(main())
