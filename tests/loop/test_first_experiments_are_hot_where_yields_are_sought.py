"""Most reactions yield more when hot: where only yields are sought, first experiments are, unless told otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.errors import SpecError
from loop.history import History, Observation
from loop.outcome import Fault, FaultKind, Measured, Measurement, Qualifier
from loop.planner import Plan, plan
from loop.policy.hottest import hottest, which
from loop.record import Arm
from loop.space import Category, Continuous, Discrete, ProductPool, Space
from loop.space.temperatures import least_hot
from loop.spec import CampaignSpec, build_space, read_spec
from loop.units import is_temperature

SPACE: dict[str, Any] = {
    "solvent": {"type": "category", "options": ["DMF", "DMSO", "toluene", "water", "THF", "MeCN"]},
    "base": {"type": "category", "options": ["KOAc", "Cs2CO3", "K3PO4"]},
    "temperature": {"type": "number", "values": [20, 40, 60, 80, 100], "unit": "degC"},
}


def spec_of(
    *,
    space: dict[str, Any] | None = None,
    target: str = "yield",
    goal: str = "maximize",
    constraints: list[dict[str, Any]] | None = None,
    **initial: Any,
) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": space or SPACE,
            "constraints": constraints or [],
            "objective": {target: {"goal": goal, "unit": "%"}},
            "planner": {"batch": 8, "initial": {"experiments": 8, **initial}},
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "manual"},
        }
    )


def first_batch(**asked: Any) -> Plan:
    return plan(spec_of(**asked), History(), seed=3, experiments=8)


def degrees(batch: Plan) -> set[float]:
    return {p.candidate.settings["temperature"] for p in batch.proposals}


@pytest.mark.parametrize(
    "target",
    [
        "yield",
        "Yield",
        "conversion",
        "yield_nmr",
        "isolated yield",
        "space_time_yield",
        "yield_2",
        "LCAP yield",
        "conv",
        "Ausbeute",
        "isolierte Ausbeute",
        "Umsatz",
        "yield_AP",
        "yield_area_percent",
        "yield_mol_percent",
        "mean yield by qNMR",
        "yield of product",
    ],
)
def test_a_yield_is_sought_hot_first_and_the_note_says_so_and_how_not_to(target: str) -> None:
    batch = first_batch(target=target)
    assert degrees(batch) == {80.0, 100.0}
    assert {p.reason.split(";")[0] for p in batch.proposals} == {
        "initial design: far from the others in the hottest third, where most reactions yield more"
    }
    assert len(batch.proposals) == 8
    note = next(n for n in batch.notes if "hot" in n)
    assert "temperature from 80 degC" in note
    assert "initial: {hottest: false}" in note


@pytest.mark.parametrize(
    "target",
    [
        "quantum_yield",
        "yield_stress",
        "mean yield stress",
        "selectivity",
        "ee",
        "crystal_yield",
        "yield of char",
        "power_conversion_efficiency",
        "Quantenausbeute",
        "LCAP",
        "AP",
        "purity_AP",
    ],
)
def test_of_what_need_not_rise_with_heat_nothing_is_expected(target: str) -> None:
    batch = first_batch(target=target)
    assert min(degrees(batch)) < 80.0
    assert not [n for n in batch.notes if "hot" in n]


def beside(**others: str) -> dict[str, Any]:
    return {"yield": {"goal": "maximize", "unit": "%"}, **{name: {"goal": goal} for name, goal in others.items()}}


def first_of(objective: dict[str, Any], *told: Observation) -> Plan:
    spec = CampaignSpec.from_resolved(spec_of().resolved() | {"objective": objective})
    return plan(spec, History(told), seed=3, experiments=8)


@pytest.mark.parametrize("name", ["cost", "reagent_cost", "price_per_mol", "Kosten"])
def test_beside_a_yield_may_be_what_things_cost(name: str) -> None:
    assert degrees(first_of(beside(**{name: "minimize"}))) == {80.0, 100.0}


@pytest.mark.parametrize(
    ("name", "goal"), [("cost", "maximize"), ("energy_cost", "minimize"), ("impurity", "minimize"), ("ee", "maximize")]
)
def test_beside_a_yield_may_be_nothing_else(name: str, goal: str) -> None:
    assert min(degrees(first_of(beside(**{name: goal})))) < 80.0


def test_costs_alone_are_not_sought_hot() -> None:
    assert min(degrees(first_of({"cost": {"goal": "minimize"}}))) < 80.0


def test_of_results_that_speak_against_heat_only_yields_are_asked() -> None:
    space = build_space(spec_of())
    told = [("DMF", 100.0, 5.0), ("THF", 80.0, 8.0), ("DMF", 20.0, 60.0), ("THF", 40.0, 70.0)]
    rows = [
        Observation(
            str(i),
            space.coordinates({"solvent": solvent, "base": "KOAc", "temperature": heat}),
            Measured((Measurement("yield", y, "%", y), Measurement("cost", 4.0, "", 4.0))),
        )
        for i, (solvent, heat, y) in enumerate(told)
    ]
    batch = first_of(beside(cost="minimize"), *rows)
    assert min(degrees(batch)) < 80.0
    assert any("the hot ones (temperature from 80 degC) are the worst" in note for note in batch.notes)


def test_a_yield_that_is_to_be_low_is_not_sought_hot() -> None:
    assert min(degrees(first_batch(goal="minimize"))) < 80.0


def test_the_file_decides() -> None:
    assert min(degrees(first_batch(hottest=False))) < 80.0
    assert degrees(first_batch(target="selectivity", hottest=True)) == {80.0, 100.0}


def test_a_design_that_was_asked_for_is_as_it_was_asked_for() -> None:
    for design in ("medoid", "sobol", "lhs", "random"):
        assert min(degrees(first_batch(design=design))) < 80.0


def test_heat_is_known_by_its_unit() -> None:
    assert all(map(is_temperature, ("degC", "K", "°C", "deg C", "oC", "℃", "degF", "Celsius")))
    assert not any(map(is_temperature, ("", "C", "mol/L", "K*s", "kJ/mol")))
    bare = {**SPACE, "temperature": {"type": "number", "values": [20, 40, 60, 80, 100]}}
    assert min(degrees(first_batch(space=bare))) < 80.0


def test_a_range_is_hot_in_its_upper_third_and_a_list_in_a_third_of_its_values() -> None:
    assert least_hot(Continuous("t", 30.0, 120.0, unit="degC")) == 90.0
    assert least_hot(Discrete("t", (25.0, 60.0), unit="degC")) == 60.0
    assert least_hot(Discrete("t", (25.0, 30.0, 35.0, 110.0), unit="degC")) == 35.0
    continuous = {**SPACE, "temperature": {"type": "number", "low": 30, "high": 120, "unit": "degC"}}
    assert min(degrees(first_batch(space=continuous))) >= 90.0


def test_a_solvent_that_boils_is_tried_as_hot_as_it_may_be() -> None:
    solvents = Category("solvent", ("DMSO", "ether"))
    heat = Discrete("temperature", (20.0, 30.0, 60.0, 90.0, 120.0), unit="degC")
    space = Space((solvents, heat, Category("base", ("KOAc", "Cs2CO3", "K3PO4"))))
    x = ProductPool(space).take(np.arange(30))
    x = x[(x[:, 0] == 0) | (x[:, 1] <= 30)]
    kept = x[hottest(space, x, is_whole=True)]
    assert set(kept[kept[:, 0] == 0, 1]) == {90.0, 120.0}
    assert set(kept[kept[:, 0] == 1, 1]) == {30.0}
    drawn = x[hottest(space, x, is_whole=False)]  # six with ether may all be cold by luck
    assert set(drawn[:, 0]) == {0}


def test_a_base_that_goes_only_with_a_solvent_that_boils_leaves_the_other_bases_with_it_in() -> None:
    space = Space(
        (
            Category("base", ("KOAc", "LiHMDS")),
            Category("solvent", ("DMSO", "ether")),
            Discrete("temperature", (20.0, 25.0, 30.0, 60.0, 90.0, 120.0), unit="degC"),
        )
    )
    x = ProductPool(space).take(np.arange(24))
    x = x[((x[:, 1] == 0) & (x[:, 0] == 0)) | ((x[:, 1] == 1) & (x[:, 2] <= 30))]
    kept = x[hottest(space, x, is_whole=True)]
    assert {tuple(row) for row in kept[kept[:, 1] == 1]} == {(0.0, 1.0, 30.0), (1.0, 1.0, 30.0)}


def test_an_option_that_was_cold_by_luck_is_not_taken_for_one_that_boils() -> None:
    heats = [Continuous(f"t{i}", 20.0, 120.0, unit="degC") for i in range(2)]
    rng = np.random.default_rng(1)
    for n, temperatures in ((300, heats[:1]), (150, heats)):
        x = np.column_stack([rng.integers(0, n, 4_096), *(rng.uniform(20.0, 120.0, 4_096) for _ in temperatures)])
        space = Space((Category("ligand", tuple(f"L{i}" for i in range(n))), *temperatures))
        kept = x[hottest(space, x, is_whole=False)]
        assert len(kept)
        assert (kept[:, 1:] >= 120.0 - 100.0 / 3).all()


def test_of_products_that_were_not_all_drawn_none_is_tried_cold() -> None:
    acids = {f"a{i}-{j}": "C" * i + "C(" + "C" * j + ")C(=O)O" for i in range(2, 38) for j in range(1, i)}
    reaction = "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
    made = {
        "type": "products",
        "reaction": reaction,
        "reagents": {"acid": {"options": acids}, "amine": {"options": {"methyl": "CN"}}},
    }
    batch = first_batch(space={"product": made, "temperature": SPACE["temperature"]})
    assert degrees(batch) == {80.0, 100.0}


def test_of_what_is_as_hot_as_its_solvent_may_be_the_reason_says_so() -> None:
    boils = [{"when": {"solvent": ["THF"]}, "require": {"temperature": [20, 40, 60]}}]
    batch = first_batch(constraints=boils)

    kinds = {(p.candidate.settings["solvent"] == "THF", p.reason.split(";")[0]) for p in batch.proposals}
    assert kinds == {
        (False, "initial design: far from the others in the hottest third, where most reactions yield more"),
        (True, "initial design: far from the others in the hottest third of what there is with one of its options"),
    }
    assert [n for n in batch.notes if "(temperature from 80 degC) or as hot as their options may be" in n]


def test_where_too_little_is_hot_everything_counts_and_nothing_is_called_hot() -> None:
    few = {"solvent": SPACE["solvent"], "temperature": {"type": "number", "values": [20, 60, 100], "unit": "degC"}}
    batch = first_batch(space=few)

    assert min(degrees(batch)) == 20.0
    assert not [p.reason for p in batch.proposals if "hot" in p.reason]
    assert [n for n in batch.notes if "hot" in n] == [
        "fewer than 8 candidates are hot (temperature from 100 degC), so the first experiments are spread over all "
        "temperatures"
    ]


def test_after_a_hot_batch_of_which_nothing_came_all_temperatures_count_unless_it_was_an_accident() -> None:
    spec = spec_of()
    first = [build_space(spec).coordinates(p.candidate.settings) for p in first_batch().proposals]

    def after(kind: FaultKind) -> Plan:
        lost = tuple(Observation(f"o{i}", x, Fault.of(kind, "lost")) for i, x in enumerate(first))
        return plan(spec, History(observations=lost), seed=4, experiments=8)

    burst = after(FaultKind.INPUT_ERROR)
    assert {p.arm for p in burst.proposals} == {Arm.INITIAL}
    assert min(degrees(burst)) < 80.0
    assert not [n for n in burst.notes if "hot" in n]
    assert degrees(after(FaultKind.INSTRUMENT_FAULT)) == {80.0, 100.0}


def after_told(told: dict[float, list[str]], **asked: Any) -> Plan:
    """The rest of the design after results that were told, by temperature."""
    spec = spec_of(**asked)
    seen = []
    for heat, values in told.items():
        for value in values:
            settings = {"solvent": SPACE["solvent"]["options"][len(seen)], "base": "KOAc", "temperature": heat}
            sign = Qualifier.BELOW if value.startswith("<") else Qualifier.EQUAL
            number = float(value.lstrip("<"))
            outcome = Measured((Measurement("yield", number, "%", number, qualifier=sign),))
            seen.append(Observation(f"o{len(seen)}", build_space(spec).coordinates(settings), outcome))
    return plan(spec, History(observations=tuple(seen)), seed=3, experiments=8)


@pytest.mark.parametrize("hot", [["5", "8"], ["<5", "8"]])
def test_where_told_results_say_that_heat_harms_the_rest_of_the_design_is_not_hot(hot: list[str]) -> None:
    batch = after_told({20.0: ["80"], 40.0: ["75"], 100.0: hot})

    assert {p.arm for p in batch.proposals} == {Arm.INITIAL}
    assert min(degrees(batch)) < 80.0
    assert [n for n in batch.notes if "hot" in n] == [
        "of the results on record the hot ones (temperature from 80 degC) are the worst, so the rest of the first "
        "experiments is spread over all temperatures"
    ]
    assert min(degrees(after_told({20.0: ["80"], 40.0: ["75"], 100.0: hot}, hottest=True))) >= 80.0


@pytest.mark.parametrize(
    "told",
    [
        {20.0: ["5", "8"], 100.0: ["80", "75"]},
        {20.0: ["80", "6"], 100.0: ["5", "8"]},
        {20.0: ["80"], 100.0: ["5"]},
        {20.0: ["80", "75"]},
        {20.0: ["<80", "75"], 100.0: ["5", "8"]},
    ],
)
def test_told_results_that_do_not_say_so_leave_the_rest_of_the_design_hot(told: dict[float, list[str]]) -> None:
    assert min(degrees(after_told(told))) >= 80.0


def test_where_nothing_but_temperature_varies_it_is_looked_at_as_a_whole() -> None:
    only = {"temperature": {"type": "number", "low": 20, "high": 100, "unit": "degC"}}
    assert min(degrees(first_batch(space=only))) < 60.0
    assert min(degrees(first_batch(space=only, hottest=True))) >= 73.0


def test_a_temperature_that_does_not_always_apply_or_cannot_be_chosen_is_none_to_go_by() -> None:
    fixed = {**SPACE, "temperature": {"type": "number", "values": [80], "unit": "degC"}}
    gated = {**SPACE, "temperature": {**SPACE["temperature"], "when": {"base": ["KOAc", "K3PO4"]}}}
    for space in (fixed, gated):
        assert not [n for n in first_batch(space=space).notes if "hot" in n]


TEXT = """
campaign: c
space:
  base: {{type: category, options: [KOAc, CsOAc]}}
  temperature: {{type: number, values: [20, 60, 100]{unit}}}
objective: {{yield: {{goal: maximize, unit: "%"}}}}
planner: {{initial: {initial}}}
budget: {{experiments: 6}}
laboratory: {{adapter: manual}}
"""


@pytest.mark.parametrize(
    ("unit", "initial", "said"),
    [
        (
            ", unit: degC",
            "{design: lhs, hottest: true}",
            "hottest goes with the design spread, not with 'lhs'; leave it out",
        ),
        (
            "",
            "{hottest: true}",
            "needs a temperature that is chosen and always applies, and there is none; give the number",
        ),
        (", unit: degC", "{hottest: warm}", "hottest"),
        (
            ", unit: degC",
            "{hottest: true}}\nplate: {rows: 2, columns: 3",
            "hottest goes with single experiments, and a plate lays out its first wells itself; leave it out",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(unit: str, initial: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(TEXT.format(unit=unit, initial=initial), source="c.yaml", read=None)
    assert said in str(caught.value)


def test_where_a_range_is_hot_is_told_in_the_digits_of_proposals() -> None:
    heat = {"type": "number", "low": 20, "high": 120, "unit": "degC"}

    assert which(build_space(spec_of(space={**SPACE, "temperature": heat}))) == "temperature from 86.7 degC"
