"""``hakken validate`` says of a campaign file what the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: counted
space:
  gas: {type: category, options: [N2, air]}
  t: {type: number, low: 0, high: 10}
  solvent: {type: mixture, parts: [water, ethanol, DMSO], at_most: 2}
constraints:
  - {exclude: {gas: air}, where: {t: {above: 5}}}
  - {sum: {t: 1, solvent.water: 2}, at_most: 9}
objective: {yield: {goal: maximize}}
budget: {experiments: 10}
laboratory: {adapter: manual}
"""


def test_the_sum_of_a_mixture_is_no_constraint_that_was_written(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counted.yaml").write_text(SPEC, encoding="utf-8")

    assert hakken("validate", "counted.yaml", "--json").json["constraints"] == 2


@pytest.mark.parametrize(
    ("planner", "told"),
    [
        ("batch: 4", 4),
        ("batch: 4, replicates: 2", "4 proposals, 8 experiments"),
        ("batch: 4, mode: rolling", "4 under way at once"),
        ("batch: 4, mode: rolling, replicates: 2", "4 proposals, 8 experiments under way at once"),
    ],
)
def test_a_batch_is_told_with_its_replicates_and_how_long_it_stays_full(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planner: str, told: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counted.yaml").write_text(f"{SPEC}planner: {{{planner}}}\n", encoding="utf-8")

    assert hakken("validate", "counted.yaml", "--json").json["batch"] == told


def test_what_of_the_first_batch_is_hot_is_told(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cold.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "hot.yaml").write_text(SPEC.replace("high: 10}", "high: 90, unit: degC}"), encoding="utf-8")

    assert hakken("validate", "cold.yaml", "--json").json["first_batch"] == "5 experiments by spread"
    hot = "5 experiments by spread, hot (t from 60 degC) unless results told before lead it"
    assert hakken("validate", "hot.yaml", "--json").json["first_batch"] == hot


@pytest.mark.parametrize(("planner", "of_them"), [("", 3), ("replicates: 2, ", 6)])
def test_centre_points_of_the_first_batch_are_told(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planner: str, of_them: int
) -> None:
    monkeypatch.chdir(tmp_path)
    initial = f"planner: {{{planner}initial: {{design: d-optimal, centre: 3}}}}"
    text = SPEC.replace(", at_most: 2", "").replace("experiments: 10", "experiments: 40")
    (tmp_path / "centre.yaml").write_text(f"{text}{initial}\n", encoding="utf-8")

    said = hakken("validate", "centre.yaml", "--json").json["first_batch"]

    assert f"experiments by d-optimal, {of_them} of them at the centre, for the linear model" in said


def test_no_hot_batch_is_promised_where_there_may_be_none(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def first_batch(values: str, more: str = "") -> str:
        text = f"""
campaign: heat
space:
  base: {{type: category, options: [KOAc, CsOAc, K3PO4]}}
  t: {{type: number, values: {values}, unit: degC}}
objective: {{yield: {{goal: maximize, unit: "%"}}}}
planner: {{initial: {{experiments: 5}}}}
budget: {{experiments: 10}}
laboratory: {{adapter: manual}}
{more}
"""
        (tmp_path / "heat.yaml").write_text(text, encoding="utf-8")
        return str(hakken("validate", "heat.yaml", "--json").json["first_batch"])

    many = "[20, 40, 60, 80]"
    hot = "5 experiments by spread, hot (t from 60 degC) unless"
    assert first_batch(many) == f"{hot} results told before lead it"  # of which no campaign file tells
    assert first_batch("[20, 60, 100]") == "5 experiments by spread"  # three are hot
    led = f"{hot} a prior, earlier campaigns or results told before lead it"
    assert first_batch(many, "prior: {yield: {base: [KOAc, CsOAc]}}") == led
    assert first_batch(many, "memory: auto") == led
    assert first_batch(many, "memory: off") == first_batch(many)


def test_of_which_leaving_groups_the_first_batch_is_told(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def first_batch(bases: str) -> str:
        text = f"""
campaign: coupling
space:
  halide: {{type: component, options: {{a: "Clc1ccccc1", b: "Brc1ccccc1", c: "Clc1ccccn1"}}}}
  ligand: {{type: component, options: {{PPh3: "c1ccc(P(c2ccccc2)c2ccccc2)cc1"}}}}
  base: {{type: category, options: {bases}}}
objective: {{yield: {{goal: maximize, unit: "%"}}}}
planner: {{initial: {{experiments: 5}}}}
budget: {{experiments: 6}}
laboratory: {{adapter: manual}}
"""
        (tmp_path / "coupling.yaml").write_text(text, encoding="utf-8")
        return str(hakken("validate", "coupling.yaml", "--json").json["first_batch"])

    spread = "5 experiments by spread"
    told = f"{spread}, without worse leaving groups (halide: 1 of 3 options) unless results told before lead it"
    assert first_batch("[KOAc, CsOAc, K3PO4]") == told
    assert first_batch("[KOAc, CsOAc]") == spread  # four are left


def test_a_derived_number_without_a_value_somewhere_is_told_by_validate_and_by_every_round(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    derived = "  heat: {type: derived, expression: log(t - 5)}\nconstraints:"
    text = SPEC.replace("constraints:", derived).replace("adapter: manual", "adapter: simulated")
    (tmp_path / "counted.yaml").write_text(text.replace("planner:", "") + "planner: {surrogate: random, batch: 5}\n")

    (note,) = [n for n in hakken("validate", "counted.yaml", "--json").json["problems"] if "no value" in n]
    dry, ran = hakken("run", "--dry-run", "counted.yaml").out, hakken("run", "counted.yaml").out

    assert note.startswith("heat: 'log(t - 5)' has no value in about ")
    assert "heat: 'log(t - 5)' has no value in about" in dry
    assert "note: round 1: heat: 'log(t - 5)' has no value in about" in ran


def test_descriptors_of_ones_own_are_told_and_what_a_table_lacks(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gases.csv").write_text("name,mass,double,ions\nN2,28,56,5\nair,29,58,0\nargon,40,80,\n")
    given = (
        "gas: {type: category, options: [N2, air, argon], descriptors: {file: gases.csv, columns: all, missing: mean}}"
    )
    text = SPEC.replace("gas: {type: category, options: [N2, air]}", given)
    (tmp_path / "counted.yaml").write_text(text, encoding="utf-8")

    told = hakken("validate", "counted.yaml", "--json").json
    same = text.replace("{file: gases.csv, columns: all, missing: mean}", "{N2: {a: 1}, air: {a: 1}, argon: {a: 1}}")
    (tmp_path / "counted.yaml").write_text(same, encoding="utf-8")

    assert told["descriptors"] == ["gas: mass, ions (2 of 3)"]
    lacks = "gas: the table lacks 1 descriptor (first ions of argon); the mean of the other options stands there"
    assert lacks in told["problems"]
    assert hakken("validate", "counted.yaml", "--json").json["descriptors"] == [
        "gas: none, as all options have the same"
    ]


GATED = """\
campaign: gated
space:
  mode: {type: category, options: [flow, batch]}
  size: {type: number, values: [1, 2, 5], unit: mL}
  reactor: {type: category, options: [coil, chip], when: {mode: flow}}
  length: {type: number, low: 1, high: 5, unit: m, when: {reactor: coil}}
  solvent: {type: mixture, parts: [water, ethanol], when: {mode: flow, size: [1, 2]}}
  stir: {type: number, low: 100, high: 900, unit: rpm, when: {mode: batch}}
CONSTRAINTS
objective: {yield: {goal: maximize}}
budget: {experiments: 10}
laboratory: {adapter: manual}
"""


@pytest.mark.parametrize(
    ("constraint", "idle"),
    [
        ("exclude: {mode: flow}", ["reactor", "length", "solvent"]),
        ("exclude: {reactor: coil}", ["length"]),
        ('expression: "length <= 0.5"', ["length"]),  # which counts as 0 where it does not apply
        ("exclude: {mode: flow, size: [1, 2]}", ["solvent"]),
        ("exclude: {mode: flow, size: 5}", []),
        ("when: {size: [1, 2, 5]}, require: {mode: flow}", ["stir"]),
    ],
)
def test_what_never_applies_under_the_constraints_is_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, constraint: str, idle: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gated.yaml").write_text(GATED.replace("CONSTRAINTS", f"constraints: [{{name: rule, {constraint}}}]"))

    said = [note for note in hakken("validate", "gated.yaml", "--json").json["problems"] if "never applies" in note]

    assert sorted(note.split()[0] for note in said) == sorted(idle)
    assert all(" never applies: where it would, constraint 'rule' leaves no" in note for note in said)
    assert all(note.endswith(f", or leave {note.split()[0]} out") for note in said)


def test_conditions_that_contradict_each_other_are_said(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    contradicting = GATED.replace("when: {reactor: coil}", "when: {reactor: coil}, unless: {mode: flow}")
    (tmp_path / "gated.yaml").write_text(contradicting.replace("CONSTRAINTS\n", ""))

    (said,) = hakken("validate", "gated.yaml", "--json").json["problems"]

    assert said.startswith("length never applies: its conditions contradict each other, or those of a parameter that")


def test_values_to_be_matched_and_thresholds_stand_beside_the_goals(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = """objective:
  Mn: {goal: match, value: 20000, within: 1.1, unit: g/mol, scale: log}
  pH: {goal: match, value: 7, within: 0.5}
  impurity: {goal: keep, at_most: 0.5, unit: "%"}
  clarity: {goal: maximize, levels: [cloudy, hazy, clear], at_least: hazy}
  rate: {goal: maximize}
"""
    text = SPEC.replace("objective: {yield: {goal: maximize}}\n", wanted)
    (tmp_path / "asked.yaml").write_text(text, encoding="utf-8")

    assert hakken("validate", "asked.yaml", "--json").json["targets"] == [
        "match Mn [g/mol] (20000, within a factor of 1.1) by factors",
        "match pH (7, within 0.5)",
        "keep impurity [%] (at most 0.5)",
        "maximize clarity (at least hazy)",
        "maximize rate",
    ]
