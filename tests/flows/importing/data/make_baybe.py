"""Campaigns of BayBE as it saves them; run with the Python of an environment that has BayBE 0.13, 0.14 or 0.15.

``python make_baybe.py FOLDER`` writes ``reaction``, ``process``, ``blend`` and ``scores`` with BayBE's version in the
name. The measurements are made up; what the tests expect of them stands in ``expected.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import baybe
import pandas as pd
from baybe import Campaign
from baybe.constraints import (
    ContinuousCardinalityConstraint,
    ContinuousLinearConstraint,
    DiscreteCardinalityConstraint,
    DiscreteDependenciesConstraint,
    DiscreteExcludeConstraint,
    DiscreteLinkedParametersConstraint,
    DiscreteNoLabelDuplicatesConstraint,
    DiscretePermutationInvarianceConstraint,
    DiscreteProductConstraint,
    DiscreteSumConstraint,
    SubSelectionCondition,
    ThresholdCondition,
)
from baybe.objectives import DesirabilityObjective, ParetoObjective, SingleTargetObjective
from baybe.parameters import (
    CategoricalParameter,
    CustomDiscreteParameter,
    NumericalContinuousParameter,
    NumericalDiscreteParameter,
    SubstanceParameter,
    TaskParameter,
)
from baybe.searchspace import SearchSpace
from baybe.targets import BinaryTarget, NumericalTarget

VERSION = baybe.__version__
IS_OLD = VERSION.startswith("0.13")


def target(name: str, mode: str = "MAX", bounds: tuple[float, float] | None = None) -> NumericalTarget:
    """A target in the words of the version at hand."""
    if IS_OLD:
        return NumericalTarget(name, mode, bounds)
    if bounds is None:
        return NumericalTarget(name, minimize=mode == "MIN")
    if mode == "MATCH":
        return NumericalTarget.match_triangular(name, cutoffs=bounds)
    return NumericalTarget.normalized_ramp(name, cutoffs=bounds, descending=mode == "MIN")


def reaction() -> Campaign:
    """Conditions of a reaction: substances, numbers, a choice, a switch that another parameter hangs on."""
    space = SearchSpace.from_product(
        [
            SubstanceParameter(
                "ligand",
                {
                    "PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1",
                    "PCy3": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1",
                    "XPhos": "CC(C)c1cc(C(C)C)c(c(C(C)C)c1)-c1ccccc1P(C1CCCCC1)C1CCCCC1",
                },
                encoding="ECFP",
            ),
            SubstanceParameter("solvent", {"DMAc": "CC(=O)N(C)C", "water": "O"}, encoding="RDKIT2DDESCRIPTORS"),
            NumericalDiscreteParameter("temperature", [90, 105, 120], tolerance=1),
            CategoricalParameter("additive", ["none", "LiCl"]),
            NumericalDiscreteParameter("equivalents [eq]", [0.1, 0.5]),
        ],
        [
            DiscreteExcludeConstraint(
                ["solvent", "temperature"], [SubSelectionCondition(["water"]), ThresholdCondition(100, ">")]
            ),
            DiscreteDependenciesConstraint(
                ["additive"], [SubSelectionCondition(["LiCl"])], affected_parameters=[["equivalents [eq]"]]
            ),
        ],
    )
    campaign = Campaign(space, SingleTargetObjective(target("yield")))
    rows = pd.DataFrame(
        [
            ("PPh3", "DMAc", 105.0, "LiCl", 0.5, 12.345678901234567),
            ("PPh3", "DMAc", 105.0, "LiCl", 0.5, 13.1),
            ("PPh3", "DMAc", 105.0, "LiCl", 0.5, 13.1),  # the same value again is a second reading
            ("XPhos", "water", 90.0, "none", 0.1, 0.0),
        ],
        columns=["ligand", "solvent", "temperature", "additive", "equivalents [eq]", "yield"],
    )
    campaign.add_measurements(rows[:3])
    campaign.add_measurements(rows[3:])
    campaign.toggle_discrete_candidates(
        [DiscreteExcludeConstraint(["ligand"], [SubSelectionCondition(["PCy3"])])], True
    )
    campaign.recommend(3)
    return campaign


def process() -> Campaign:
    """Continuous settings under two sums and a limit of how many are used; two targets, the front wanted."""
    names = ["a", "b", "c"]
    space = SearchSpace.from_product(
        [NumericalContinuousParameter(n, (0.0, 1.0)) for n in names] + [NumericalContinuousParameter("flow", (0.2, 3))],
        [
            ContinuousLinearConstraint(names, "=", [1.0, 1.0, 1.0], 1.0),
            ContinuousLinearConstraint(["a", "flow"], "<=", [2.0, 1.0], 3.5),
            ContinuousCardinalityConstraint(names, min_cardinality=1, max_cardinality=2),
        ],
    )
    campaign = Campaign(space, ParetoObjective([target("output"), target("waste", "MIN")]))
    rows = [(0.1 + 0.2, 0.7, 0.0, 1 / 3, 5.0, 0.25), (0.0, 0.5, 0.5, 2.9999999999999996, 7.5, 1e-05)]
    campaign.add_measurements(pd.DataFrame(rows, columns=[*names, "flow", "output", "waste"]))
    return campaign


def blend() -> Campaign:
    """Everything of discrete spaces that has no word in hakken, beside what has; targets made one by desirability."""
    descriptors = pd.DataFrame({"d1": [0.1, 0.2, 0.9], "d2": [5.0, 3.0, 1.0]}, index=["P1", "P2", "P3"])
    slots = [CategoricalParameter(f"slot {i}", ["A", "B", "C"], encoding="INT") for i in (1, 2)]
    space = SearchSpace.from_product(
        [
            CustomDiscreteParameter("polymer", descriptors),
            *slots,
            NumericalDiscreteParameter("x", [0, 1, 2, 3]),
            NumericalDiscreteParameter("y", [0, 1, 2, 3]),
            TaskParameter("site", ["here", "there"], active_values=["here"]),
        ],
        [
            DiscreteSumConstraint(["x", "y"], ThresholdCondition(4, "<=")),
            DiscreteProductConstraint(["x", "y"], ThresholdCondition(0.5, ">=")),
            DiscreteCardinalityConstraint(["x", "y"], min_cardinality=1),
            DiscreteNoLabelDuplicatesConstraint(["slot 1", "slot 2"]),
        ],
    )
    scores = [
        target("strength", "MAX", (0, 50)),
        target("viscosity", "MATCH", (10, 30)),
        target("price", "MIN", (1, 9)),
    ]
    campaign = Campaign(space, DesirabilityObjective(scores, weights=[2, 1, 1]))
    rows = [("P1", "A", "B", 1.0, 2.0, "here", 31.5, 19.0, 3.0), ("P3", "C", "A", 2.0, 2.0, "there", 0.0, 40.0, 3.0)]
    columns = ["polymer", "slot 1", "slot 2", "x", "y", "site", "strength", "viscosity", "price"]
    campaign.add_measurements(pd.DataFrame(rows, columns=columns))
    return campaign


def scores() -> Campaign:
    """A list of candidates that is no product, a binary target, and constraints of labels."""
    table = pd.DataFrame([("A", "A", 20.0), ("A", "B", 20.0), ("B", "A", 40.0), ("B", "B", 40.0)])
    table.columns = ["left", "right", "t"]
    parameters = [
        CategoricalParameter("left", ["A", "B"]),
        CategoricalParameter("right", ["A", "B"]),
        NumericalDiscreteParameter("t", [20, 40]),
    ]
    campaign = Campaign(SearchSpace.from_dataframe(table, parameters), SingleTargetObjective(BinaryTarget("works")))
    rows = pd.DataFrame([("A", "B", 20.0, 1), ("B", "A", 40.0, 0)], columns=["left", "right", "t", "works"])
    campaign.add_measurements(rows)
    return campaign


def linked() -> Campaign:
    """Constraints that tie labels to each other."""
    parameters = [CategoricalParameter(name, ["A", "B", "C"]) for name in ("one", "two", "three")]
    space = SearchSpace.from_product(
        parameters,
        [
            DiscreteLinkedParametersConstraint(["one", "two"]),
            DiscretePermutationInvarianceConstraint(["two", "three"]),
        ],
    )
    campaign = Campaign(space, SingleTargetObjective(target("yield", "MIN")))
    campaign.add_measurements(pd.DataFrame([("A", "A", "B", -1.5)], columns=["one", "two", "three", "yield"]))
    return campaign


def slots() -> Campaign:
    """Two solvents with their shares, of which nothing says which is the first, and two salts likewise."""
    names, shares = ["DMSO", "MeCN", "water"], [0.0, 0.25, 0.5, 0.75, 1.0]
    parameters = [
        *(CategoricalParameter(f"solvent {i}", names) for i in (1, 2)),
        *(NumericalDiscreteParameter(f"share {i}", shares) for i in (1, 2)),
        *(CategoricalParameter(f"salt {i}", ["CsCl", "KCl", "NaCl"]) for i in (1, 2)),
    ]
    used = DiscreteDependenciesConstraint(
        ["share 1", "share 2"],
        [ThresholdCondition(0.0, ">"), ThresholdCondition(0.0, ">")],
        affected_parameters=[["solvent 1"], ["solvent 2"]],
    )
    space = SearchSpace.from_product(
        parameters,
        [
            DiscretePermutationInvarianceConstraint(["solvent 1", "solvent 2"], dependencies=used),
            DiscreteSumConstraint(["share 1", "share 2"], ThresholdCondition(1.0, "=", tolerance=1e-6)),
            DiscretePermutationInvarianceConstraint(["salt 1", "salt 2"]),
        ],
    )
    campaign = Campaign(space, SingleTargetObjective(target("yield")))
    columns = [p.name for p in parameters] + ["yield"]
    rows = [
        ("water", "DMSO", 0.25, 0.75, "NaCl", "KCl", 41.5),
        ("DMSO", "MeCN", 0.5, 0.5, "CsCl", "KCl", 12.0),
        ("MeCN", "water", 0.0, 1.0, "CsCl", "NaCl", 7.0),
    ]
    campaign.add_measurements(pd.DataFrame(rows, columns=columns))
    return campaign


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    makers = (reaction,) if IS_OLD or VERSION.startswith("0.14") else (reaction, process, blend, scores, linked, slots)
    for make in makers:
        (folder / f"baybe_{make.__name__}_{VERSION}.json").write_text(make().to_json(), encoding="utf-8")
