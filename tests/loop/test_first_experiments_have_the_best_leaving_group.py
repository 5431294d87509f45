"""Of one electrophile offered with several leaving groups, first experiments of a coupling have the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from loop.errors import SpecError
from loop.history import History, Observation
from loop.molecules.leaving_groups import outdone, serves_couplings
from loop.outcome import Measured, Measurement
from loop.planner import Plan, plan
from loop.record import Arm
from loop.spec import CampaignSpec, build_space, read_spec

HALIDES = {
    "ArCl": "COc1ccc(Cl)cc1", "ArBr": "COc1ccc(Br)cc1", "ArI": "COc1ccc(I)cc1", "PyBr": "Brc1cccnc1",
    "PyCl": "Clc1cccnc1", "thienyl": "Clc1cccs1",
}  # fmt: skip
PHOSPHINES = {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "PCy3": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1"}
AMINES = {"DABCO": "C1CN2CCN1CC2", "TMEDA": "CN(C)CCN(C)C"}
BASES = {"type": "category", "options": ["KOAc", "CsOAc", "K3PO4"]}
BEST = {"ArI", "PyBr", "thienyl"}


def spec_of(ligands: dict[str, str] = PHOSPHINES, target: str = "yield", **more: Any) -> CampaignSpec:
    initial = {"experiments": 9, **more.pop("initial", {})}
    return CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": {
                "halide": {"type": "component", "options": HALIDES},
                "ligand": {"type": "component", "options": ligands},
                "base": BASES,
            },
            "objective": {target: {"goal": "maximize", "unit": "%"}},
            "planner": {"batch": 9, "initial": initial},
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "manual"},
            **more,
        }
    )


def batch_of(spec: CampaignSpec, history: History | None = None) -> Plan:
    return plan(spec, history or History(), seed=2, experiments=40)


def halides(batch: Plan) -> set[str]:
    return {str(p.candidate.settings["halide"]) for p in batch.proposals}


def test_a_coupling_begins_with_the_best_leaving_groups_and_the_note_says_so_and_how_not_to() -> None:
    batch = batch_of(spec_of())

    assert halides(batch) == BEST
    assert {p.reason.split(";")[0] for p in batch.proposals} == {
        "initial design: far from the others with the best leaving groups, with which couplings yield more"
    }
    note = next(n for n in batch.notes if "leaving group" in n)
    assert "halide: 3 of 6 options" in note
    assert "initial: {best_leaving_group: false}" in note


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec_of(AMINES), id="without a metal or its ligand"),
        pytest.param(spec_of(target="selectivity"), id="no yield"),
        pytest.param(spec_of(initial={"best_leaving_group": False}), id="as the file says"),
        pytest.param(spec_of(general={"over": ["halide"]}), id="a scope"),
    ],
)
def test_else_the_first_experiments_are_of_all(spec: CampaignSpec) -> None:
    batch = batch_of(spec)

    assert halides(batch) - BEST
    assert not any("leaving group" in n for n in batch.notes)


def test_a_file_may_ask_for_it_where_nothing_tells_of_a_coupling() -> None:
    assert halides(batch_of(spec_of(AMINES, "selectivity", initial={"best_leaving_group": True}))) == BEST


def test_the_models_choose_among_all_of_them_afterwards() -> None:
    """What is measured of iodides is poor, so that something else is tried after the design."""
    spec = spec_of(planner={"batch": 4, "initial": {"experiments": 4}})
    space = build_space(spec)
    first = plan(spec, History(), seed=0, experiments=40)
    told = tuple(
        Observation(str(i), space.coordinates(p.candidate.settings), value(1.0 + i))
        for i, p in enumerate(first.proposals)
    )

    later = plan(spec, History(told), seed=0, experiments=36)

    assert halides(first) <= BEST
    assert all(p.arm is Arm.MODEL for p in later.proposals)
    assert halides(later) - BEST


@pytest.mark.parametrize(("chlorides", "is_spoken_against"), [(90.0, True), (1.0, False)])
def test_results_on_record_may_speak_against_it(chlorides: float, is_spoken_against: bool) -> None:
    spec = spec_of(initial={"experiments": 13})
    space = build_space(spec)
    values = [("ArI", 10.0), ("PyBr", 12.0), ("ArCl", chlorides), ("PyCl", chlorides + 1.0)]
    told = tuple(
        Observation(str(i), space.coordinates({"halide": h, "ligand": "PPh3", "base": "KOAc"}), value(v))
        for i, (h, v) in enumerate(values)
    )

    batch = batch_of(spec, History(told))

    assert bool(halides(batch) - BEST) is is_spoken_against
    assert any("the best leaving groups are the worst" in n for n in batch.notes) is is_spoken_against


def test_where_too_few_are_left_nothing_is_left_out() -> None:
    few = [{"exclude": {"halide": sorted(BEST), "base": ["KOAc", "CsOAc"]}}]
    batch = batch_of(spec_of(constraints=few))

    assert halides(batch) - BEST
    assert any("fewer than 9 candidates have the best leaving groups" in n for n in batch.notes)


def test_heat_and_leaving_groups_go_together() -> None:
    spec = spec_of()
    space = {**spec.resolved()["space"], "temperature": {"type": "number", "values": [20, 60, 100], "unit": "degC"}}
    batch = batch_of(spec_of(space=space))

    assert {p.candidate.settings["temperature"] for p in batch.proposals} == {100.0}
    assert halides(batch) == BEST
    assert len([n for n in batch.notes if "to spread them over all" in n]) == 2


def value(v: float) -> Measured:
    return Measured((Measurement("yield", v, "%", v),))


def test_what_is_the_same_but_for_its_leaving_group_is_compared() -> None:
    triflate = "O=S(=O)(Oc1ccccc1)C(F)(F)F"
    molecules = [
        "Clc1ccccc1", "Brc1ccccc1", triflate, "Ic1ccc(Cl)cc1", "Brc1ccc(Cl)cc1", "", "Clc1ccccn1", "ClC=C", "BrC=C",
        "ClCC", "ICC", "CC(=O)Cl", "CC(=O)Br", "Ic1ccc(I)cc1", "Clc1ccc(I)cc1",
    ]  # fmt: skip

    out = np.array(molecules)[outdone(molecules)].tolist()

    assert out == ["Clc1ccccc1", "Brc1ccc(Cl)cc1", "ClC=C"]  # a bromide is as good as a triflate


@pytest.mark.parametrize(
    ("smiles", "serves"),
    [
        (PHOSPHINES["PPh3"], True),
        ("F[B-](F)(F)F.CC(C)(C)[PH+](C(C)(C)C)C(C)(C)C", True),
        ("CC(=O)O[Pd]OC(C)=O", True),
        ("[Cu]I", True),
        ("[Cl-].CC(C)c1cccc(C(C)C)c1-n1cc[n+](-c2c(C(C)C)cccc2C(C)C)c1", True),
        ("CCCC[n+]1ccn(C)c1", False),  # an ionic liquid
        ("O=P(c1ccccc1)(c1ccccc1)c1ccccc1", False),
        ("CN(C)P(N(C)C)(N(C)C)=NCC", False),
        ("[O-]P(=O)([O-])[O-]", False),
        ("not a molecule", False),
    ],
)
def test_a_metal_or_what_binds_to_it_tells_of_a_coupling(smiles: str, serves: bool) -> None:
    assert serves_couplings(smiles) is serves


TEXT = """
campaign: c
space:
  halide: {{type: component, options: {{a: "{first}", b: "Ic1ccccc1"}}}}
  base: {{type: category, options: [KOAc, CsOAc]}}
objective: {{yield: {{goal: maximize, unit: "%"}}}}
planner: {{initial: {initial}}}
budget: {{experiments: 6}}
laboratory: {{adapter: manual}}
"""


@pytest.mark.parametrize(
    ("first", "initial", "said"),
    [
        (
            "Clc1ccccc1",
            "{design: lhs, best_leaving_group: true}",
            "best_leaving_group goes with the design spread, not with 'lhs'; leave it out",
        ),
        (
            "Clc1ccccn1",
            "{best_leaving_group: true}",
            "and there is none; give the options their SMILES, or leave it out",
        ),
        ("Clc1ccccc1", "{best_leaving_group: iodide}", "best_leaving_group"),
        (
            "Clc1ccccc1",
            "{best_leaving_group: true}}\nplate: {rows: 2, columns: 3",
            "best_leaving_group goes with single experiments, and a plate lays out its first wells itself",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(first: str, initial: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_spec(TEXT.format(first=first, initial=initial), source="c.yaml", read=None)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("prior", "is_open"), [({"ligand": ["PCy3", "PPh3"]}, True), ({"halide": ["ArCl", "ArBr"]}, False)]
)
def test_what_sources_leave_open_of_halides_has_the_best_leaving_groups(prior: Any, is_open: bool) -> None:
    batch = batch_of(spec_of(prior={"yield": prior}, planner={"batch": 5, "initial": {"experiments": 5}}))

    assert (halides(batch) <= BEST) is is_open
    notes = [n for n in batch.notes if "leaving group" in n]
    assert [n.startswith("no source tells of halide; the first experiments leave out") for n in notes] == [
        True
    ] * is_open
    ours = [p.reason for p in batch.proposals if p.arm is Arm.INITIAL]
    assert all(("with the best leaving groups" in reason) is is_open for reason in ours)
    assert len(ours) == 2
