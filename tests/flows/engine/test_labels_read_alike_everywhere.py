"""A candidate has one label, whether or not the space was built to write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from db.ledger import open_ledger
from flows.engine import replay, run
from flows.labels import label_of
from flows.settings import Settings
from loop.as_written import as_written
from loop.record import Json
from loop.space import Category, Space, sample_space
from loop.spec import CampaignSpec, build_space, read_spec
from tests.flows.engine.bench import add

SPEC = CampaignSpec.from_resolved(
    {
        "campaign": "labels",
        "space": {
            "base": {"type": "category", "options": ["weak", "solvent"]},
            "dose": {"type": "number", "low": 0.5, "high": 3, "unit": "mg", "or_zero": True},
            "ligand": {"type": "component", "options": {"XPhos": "CCP", "none": None}},
            "loading": {"type": "number", "low": 0.1, "high": 10, "scale": "log", "unless": {"ligand": "none"}},
            "risk": {"type": "ordinal", "options": ["low", "high"]},
            "solvent": {"type": "mixture", "parts": ["water", "ethanol", "DMSO"], "at_most": 2},
        },
        "objective": {"yield": {"goal": "maximize"}},
        "budget": {"experiments": 30},
        "laboratory": {"adapter": "simulated"},
    }
)


RAW = SPEC.resolved()
ORDER = ("solvent", "solvent.water", "solvent.ethanol", "solvent.DMSO", "risk", "ligand", "loading", "dose", "base")
WITH_STRUCTURES = RAW["space"] | {"solvent": {"type": "mixture", "parts": {"DMSO": "CS(C)=O", "water": "O"}}}


@pytest.mark.parametrize("raw", [RAW, as_written(RAW, ORDER), as_written(RAW | {"space": WITH_STRUCTURES}, ORDER)])
@pytest.mark.parametrize("seed", range(3))
def test_the_record_and_the_space_write_the_same_label(seed: int, raw: Json) -> None:
    space = build_space(CampaignSpec.from_record(raw))
    candidates = [space.settings(x) for x in sample_space(space, 20, seed)]

    written = [label_of(raw, dict(sorted(settings.items()))) for settings in candidates]  # as on record

    assert written == [space.label(settings) for settings in candidates]
    assert any(" + " in label for label in written)
    assert any("loading" not in label for label in written)


def test_the_order_of_the_file_is_that_of_labels_and_of_no_coordinates() -> None:
    space, there = (build_space(CampaignSpec.from_record(raw)) for raw in (RAW, as_written(RAW, ORDER)))
    x = sample_space(space, 20, 1)
    settings = there.settings(x[0])

    assert (sample_space(there, 20, 1) == x).all()
    assert [*settings] == [name for name in ORDER if name in settings]
    assert settings == space.settings(x[0])
    assert there.label(settings).startswith("solvent ")
    assert there.label(settings).endswith(str(settings["base"]))


def test_a_mixture_is_one_word_of_a_label() -> None:
    settings = {"base": "weak", "solvent.DMSO": 0.25, "solvent.ethanol": 0.0, "solvent.water": 0.75, "risk": "low"}

    assert label_of(SPEC.resolved(), settings) == "weak, risk low, solvent 0.75 water + 0.25 DMSO"


def test_an_option_that_begins_with_the_name_of_its_parameter_is_not_called_so_twice() -> None:
    space = {
        "grade": {"type": "ordinal", "options": ["Grade A", "Grade B"]},
        "mode": {"type": "category", "options": ["1", "modest"]},
    }
    raw = SPEC.resolved() | {"space": space}
    settings = {"grade": "Grade A", "mode": "1"}

    assert label_of(raw, settings) == "Grade A, mode 1"
    assert build_space(CampaignSpec.from_resolved(raw)).label(settings) == "Grade A, mode 1"


def test_reagents_of_a_product_stand_in_the_order_of_its_reaction() -> None:
    spec = read_spec(
        """
campaign: amides
space:
  molecule:
    type: products
    reaction: "[C:1](=[O:2])[OH].[NX3;H2;!$(NC=O):3]>>[C:1](=[O:2])[N:3]"
    reagents: {zinc_acid: {options: {acetic: CC(=O)O}}, amine: {options: {methyl: CN, benzyl: NCc1ccccc1}}}
objective: {gap: {goal: minimize}}
budget: {experiments: 5}
laboratory: {adapter: xtb}
""",
        source="amides.yaml",
        read=lambda _: "",
    )

    label = label_of(spec.resolved(), {"molecule.amine": "benzyl", "molecule.zinc_acid": "acetic"})

    assert label == "acetic, benzyl"


def test_an_option_that_says_little_has_the_name_of_its_parameter() -> None:
    choice = {"type": "category", "options": ["yes", "no"]}
    space = {
        "dry": choice,
        "degassed": choice,
        "first": {"type": "component", "options": {"A": "CCO", "B": "CO", "X": "CCC"}},
        "second": {"type": "category", "options": ["A", "C"]},
        "additive": {"type": "component", "options": {"TBAB": "[Br-]", "none": None}},
        "stages": {"type": "category", "options": ["1", "2"]},
    }
    spec = CampaignSpec.from_resolved({**SPEC.resolved(), "space": space})
    settings = {"dry": "yes", "degassed": "no", "first": "A", "second": "C", "additive": "none", "stages": "2"}
    other = {**settings, "first": "X", "second": "A", "additive": "TBAB"}

    assert label_of(spec.resolved(), settings) == "dry yes, degassed no, first A, C, additive none, stages 2"
    assert build_space(spec).label(settings) == label_of(spec.resolved(), settings)
    assert build_space(spec).label(other) == label_of(spec.resolved(), other)
    assert label_of(spec.resolved(), other) == "dry yes, degassed no, X, second A, TBAB, stages 2"


def test_a_number_of_a_parameter_that_the_file_has_no_more_keeps_its_name() -> None:
    assert label_of(RAW, {"base": "weak", "stirring": 400.0}) == "weak, stirring 400"


def test_a_round_whose_labels_had_no_names_comes_out_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = {
        "dry": {"type": "category", "options": ["yes", "no"]},
        "step": {"type": "number", "values": [1, 2, 3, 4, 5]},
    }
    add(settings, tmp_path, space=space, planner={"surrogate": "random", "batch": 2, "initial": {"experiments": 2}})
    with monkeypatch.context() as earlier:
        earlier.setattr(Space, "_is_named", lambda _, p, __: not isinstance(p, Category))
        run(settings, "small", on_tick=lambda _: None)
    with open_ledger(settings.database) as ledger:
        proposals = ledger.proposals("small", 2)

    again = replay(settings, "small", 2)

    assert all(p.draft.neighbour and "dry" not in p.draft.neighbour for p in proposals)
    assert again.is_identical, again.differences
