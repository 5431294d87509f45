"""Initial designs that cannot be: one message with the line, the rule and the way out."""

from __future__ import annotations

import pytest

from loop.errors import SpecError
from loop.spec import CampaignSpec, read_spec

SOUND = """\
campaign: screening
space:
  base: {type: category, options: [weak, strong]}
  temperature: {type: number, low: 20, high: 120, unit: degC}
  hours: {type: number, values: [1, 2, 4]}
objective:
  yield: {goal: maximize, unit: "%"}
planner:
  initial: {design: d-optimal, experiments: 12}
budget: {experiments: 40}
laboratory: {adapter: manual}
"""
MIXED = "  solvent: {type: mixture, parts: [water, ethanol]}\nobjective:"
SOLVENTS = "  solvent: {type: category, options: [water, ethanol, DMSO]}\nobjective:"
MIXED = "  solvent: {type: mixture, parts: [water, ethanol]}\nobjective:"


FIDELITY = "  how: {type: fidelity, options: [quick, real]}\nobjective:"
SIXTY = [f"o{i}" for i in range(60)]
MANY = f"  one: {{type: category, options: {SIXTY}}}\n  other: {{type: category, options: {SIXTY}}}\nobjective:"


def read(text: str) -> CampaignSpec:
    return read_spec(text, source="campaign.yaml", read=lambda name: pytest.fail(name))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"experiments: 12": "experiments: 3"},
            "the linear model has 4 terms, and 3 experiments cannot",
        ),
        ({"experiments: 12": "experiments: 8, model: quadratic"}, "the quadratic model has 9 terms, and 8 experiments"),
        (
            {"experiments: 12": "experiments: 12, model: cubic"},
            "initial.model: 'cubic' is not known; use 'linear'",
        ),
        ({"experiments: 12": "experiments: 6, blocks: 4"}, "4 blocks of 6 experiments leave fewer than two in a block"),
        (
            {"experiments: 12": "experiments: 12, block: 2"},
            "initial.block: unknown key (did you mean 'blocks'?)",
        ),
        ({"experiments: 12": "experiments: 50"}, "does not cover the initial design of 50; raise the one or lower"),
        (
            {"experiments: 12": "experiments: 12, levels: 3"},
            "levels goes with the design factorial, not with",
        ),
        ({"d-optimal, experiments: 12": "spread, blocks: 2"}, "blocks goes with the designs box-behnken, central-"),
        ({"d-optimal, experiments: 12": "spread, model: linear"}, "model goes with the designs box-behnken, central-"),
        (
            {"d-optimal": "d-optimum"},
            "planner.initial.design: 'd-optimum' is not known (did you mean 'd-optimal'?); use 'spread'",
        ),
        ({"d-optimal, experiments: 12": "factorial, experiments: 9"}, "12 allowed combinations and experiments says 9"),
        (
            {"d-optimal, experiments: 12": "factorial, levels: 1"},
            "initial.levels: levels is a whole number from 2, or one for each number of the space such as {t: 3}, and "
            "not 1;",
        ),
        (
            {"d-optimal, experiments: 12": "factorial, levels: {hours: 1}"},
            "such as {t: 3}, and not 1; leave it out for",
        ),
        ({"d-optimal, experiments: 12": "factorial, levels: two"}, "such as {t: 3}, and not 'two'; leave it out for"),
        (
            {"d-optimal, experiments: 12": "factorial, levels: {hour: 2}"},
            "levels names 'hour', which the space lacks (did you mean 'hours'?); name a number of it: temperature, "
            "hours",
        ),
        ({"d-optimal, experiments: 12": "factorial, levels: {base: 2}"}, "levels names 'base', which has options"),
        (
            {"d-optimal, experiments: 12": "factorial", "low: 20, high: 120": "low: 20, high: 120, step: 5"},
            "the factorial design has 126 experiments and the budget 40; raise budget.experiments",
        ),
        (
            {"d-optimal, experiments: 12": "central-composite, experiments: 9"},
            "the central-composite design has 16 points, 3 centre points beside them, and experiments says 9; write 19",
        ),
        (
            {"d-optimal, experiments: 12": "box-behnken"},
            "a Box-Behnken design is of 3 to 7 numbers with a middle, and the space has 2; use central-composite",
        ),
        (
            {"d-optimal, experiments: 12": "definitive"},
            "a definitive screening design is of numbers with a middle, and 'base' has none; use d-optimal with model",
        ),
        (
            {"d-optimal, experiments: 12": "central-composite", "objective:": MIXED},
            "is of parameters that vary by themselves, and 'solvent' is a mixture; use i-optimal with model: quadratic",
        ),
        (
            {"d-optimal, experiments: 12": "plackett-burman", "objective:": SOLVENTS},
            "a Plackett-Burman design has two levels, and parameter 'solvent' has 3 options; keep two of them, or use",
        ),
        (
            {"d-optimal, experiments: 12": "central-composite", "objective:": MANY},
            "has 8 points with each of 7200 combinations of options, more than 2000 in all; use i-optimal",
        ),
        (
            {
                "d-optimal, experiments: 12": "central-composite",
                "objective:": 'constraints: [{expression: "temperature * hours <= 300", name: heat}]\nobjective:',
            },
            "of the 16 points of the central-composite design break constraint 'heat'; use i-optimal with model:",
        ),
        (
            {"d-optimal, experiments: 12": "central-composite", "budget:": "plate: {rows: 4, columns: 6}\nbudget:"},
            "the initial design 'central-composite' knows no shared wells; use one of spread, random, medoid",
        ),
        (
            {"d-optimal, experiments: 12": "central-composite, levels: 3"},
            "levels goes with the design factorial, not with 'central-composite'",
        ),
        ({"d-optimal, experiments: 12": "medoid, blocks: 2"}, "blocks goes with the designs"),
        ({"d-optimal, experiments: 12": "medoid, model: quadratic"}, "model goes with the designs"),
        (
            {"d-optimal, experiments: 12": "medoid, levels: 3"},
            "levels goes with the design factorial, not with 'medoid'",
        ),
        ({"d-optimal, experiments: 12": "medoid, experiments: 50"}, "does not cover the initial design of 50"),
        ({"d-optimal, experiments: 12": "sobol, blocks: 2"}, "blocks goes with the designs"),
        ({"d-optimal, experiments: 12": "sobol, model: quadratic"}, "model goes with the designs"),
        ({"d-optimal, experiments: 12": "sobol, levels: 3"}, "levels goes with the design factorial, not with 'sobol'"),
        ({"d-optimal, experiments: 12": "sobol, experiments: 50"}, "does not cover the initial design of 50"),
        ({"d-optimal, experiments: 12": "lhs, blocks: 2"}, "blocks goes with the designs"),
        ({"d-optimal, experiments: 12": "lhs, model: quadratic"}, "model goes with the designs"),
        ({"d-optimal, experiments: 12": "lhs, levels: 3"}, "levels goes with the design factorial, not with 'lhs'"),
        ({"d-optimal, experiments: 12": "lhs, experiments: 50"}, "does not cover the initial design of 50"),
        (
            {"d-optimal, experiments: 12": "i-optimal, experiments: 3"},
            "the linear model has 4 terms, and 3 experiments",
        ),
        ({"d-optimal, experiments: 12": "i-optimal, model: cubic"}, "initial.model: 'cubic' is not known"),
        ({"d-optimal, experiments: 12": "i-optimal, experiments: 6, blocks: 4"}, "leave fewer than two in a block"),
        (
            {"d-optimal, experiments: 12": "i-optimal, levels: 3"},
            "levels goes with the design factorial, not with 'i-optimal'",
        ),
        ({"d-optimal": "mediod"}, "planner.initial.design: 'mediod' is not known"),
        ({"d-optimal": "fractional"}, "has one of these sizes: 4, 8 (the last is all of them: 3 parameters"),
        ({"d-optimal": "fractional", "objective:": SOLVENTS}, "parameter 'solvent' has 3 options; keep two of them"),
        ({"d-optimal": "fractional", "objective:": MIXED}, "'solvent' is a mixture; use d-optimal or factorial"),
        (
            {"d-optimal, experiments: 12": "factorial, experiments: 12, centre: 3"},
            "12 allowed combinations, 3 centre points beside them, and experiments says 12; write 15 or leave it out",
        ),
        (
            {"d-optimal, experiments: 12": "fractional, experiments: 8, centre: 3"},
            "of 3 parameters, 3 centre points beside it, has one of these sizes: 7, 11, not 8",
        ),
        (
            {"experiments: 12": "experiments: 6, centre: 3"},
            "the linear model has 4 terms, and 3 experiments beside 3 centre points cannot tell them apart; give 7",
        ),
        ({"experiments: 12": "centre: 99"}, "the d-optimal design has 107 experiments and the budget 40"),
        (
            {"d-optimal, experiments: 12": "spread, centre: 3"},
            "definitive, factorial, fractional, i-optimal, plackett-burman, not with 'spread'; leave it out, or choose",
        ),
        (
            {"d-optimal, experiments: 12": "spread, centre: 3", "budget:": "plate: {rows: 2, columns: 3}\nbudget:"},
            "centre goes with single experiments; a plate has its own wells for one condition (plate: {controls:",
        ),
        (
            {"experiments: 12": "centre: 0"},
            "line 9: planner.initial.centre: must be 1 or more, got 0",
        ),
        ({"experiments: 12": "center: 3"}, "planner.initial.center: unknown key (did you mean 'centre'?)"),
        ({"experiments: 12": "centre: three"}, "planner.initial.centre: must be a whole number, got 'three'"),
        (
            {
                "d-optimal, experiments: 12": "factorial, centre: 3",
                "low: 20, high: 120": "values: [20, 120]",
                "values: [1, 2, 4]": "values: [1, 2]",
            },
            "centre points lie at the middle of numbers, and the space has none of three values or more; leave centre",
        ),
        (
            {
                "d-optimal, experiments: 12": "factorial, centre: 3",
                "objective:": "constraints: [{expression: temperature * hours <= 130, name: mild}]\nobjective:",
            },
            "the middle of every number (temperature 70 degC, hours 2) breaks constraint 'mild' with any choice of "
            "base; leave centre out, or change the ranges",
        ),
        (
            {"d-optimal, experiments: 12": "factorial, centre: 3", "objective:": FIDELITY},
            "centre points are experiments of one kind, and the space has cheap versions; leave centre out",
        ),
        (
            {"experiments: 12": "centre: 3", "objective:": MANY, "experiments: 40": "experiments: 400"},
            "centre points take the combinations of base x one x other in turn, and there are 7200, more than 2000",
        ),
        (
            {
                "d-optimal, experiments: 12": "fractional, experiments: 8",
                "objective:": "constraints: [{name: mild, sum: {temperature: 1, hours: 10}, at_most: 130}]\nobjective:",
            },
            "2 of the 8 points of the two-level fraction break constraint 'mild'; use d-optimal",
        ),
    ],
)
def test_a_design_that_cannot_be_is_refused(change: dict[str, str], says: str) -> None:
    text = SOUND
    for old, new in change.items():
        assert text.count(old) == 1
        text = text.replace(old, new)

    with pytest.raises(SpecError) as caught:
        read(text)

    assert says in str(caught.value)
    assert str(caught.value).startswith("campaign.yaml line ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("design", "n"),
    [
        ("factorial", 12),
        ("factorial, levels: 3", 18),
        ("factorial, levels: {temperature: 4, hours: 2}", 16),
        ("fractional", 4),
        ("d-optimal", 8),
        ("d-optimal, model: interactions", 11),
        ("i-optimal, model: quadratic, blocks: 2", 14),
        ("factorial, centre: 3", 15),
        ("fractional, centre: 3", 7),
        ("d-optimal, centre: 3", 11),
    ],
)
def test_a_design_without_a_number_has_its_own(design: str, n: int) -> None:
    spec = read(SOUND.replace("d-optimal, experiments: 12", design))

    assert spec.planner.initial.experiments == n
    assert CampaignSpec.from_resolved(spec.resolved()) == spec


@pytest.mark.parametrize(
    ("design", "says"),
    [
        ("factorial, experiments: 10", "12 allowed combinations, each made 2 times, and experiments says 10; write 24"),
        ("fractional, experiments: 10", "of 3 parameters, each made 2 times, has one of these sizes: 8, 16, not 10"),
        ("d-optimal, experiments: 6", "the linear model has 4 terms, and 3 experiments, each made 2 times, cannot"),
    ],
)
def test_sizes_are_told_as_experiments_says_them_where_each_is_replicated(design: str, says: str) -> None:
    text = SOUND.replace("d-optimal, experiments: 12", design).replace("planner:", "planner:\n  replicates: 2")

    with pytest.raises(SpecError) as caught:
        read(text)

    assert says in str(caught.value)


def test_replicates_multiply_the_size() -> None:
    text = SOUND.replace("d-optimal, experiments: 12", "fractional").replace("planner:", "planner:\n  replicates: 2")

    assert read(text).planner.initial.experiments == 8
