"""Contributions of atoms and fragments, by every surrogate alike."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from campaigns import measured, observe, reaction_spec
from networks import SMALL
from rdkit import Chem

from loop.errors import SpaceError
from loop.history import History
from loop.insight.contributions import explain_best, explain_molecules
from loop.insight.explaining import domain_line, fragment_line, neighbour_line
from loop.space import Component, ProductPool, Space
from loop.spec import CampaignSpec, build_space
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

HEADS = ("O", "N", "Cl", "F", "c1ccccc1")
LIBRARY = tuple(dict.fromkeys(Chem.CanonSmiles(head + "C" * n) for head in HEADS for n in range(1, 9)))
SPACE = Space((Component("molecule", LIBRARY, LIBRARY, is_library=True),))


def worth(smiles: str) -> float:
    """A chlorine is worth ten, everything else nothing."""
    return 10.0 * smiles.count("Cl")


def training() -> TrainingSet:
    x = torch.arange(len(LIBRARY), dtype=torch.float64)[:, None]
    y = torch.tensor([worth(s) for s in LIBRARY], dtype=torch.float64)
    return TrainingSet(x, y, torch.full_like(y, math.nan))


@pytest.mark.parametrize("name", ["tanimoto", "trees", "dmpnn"])
def test_the_atom_that_matters_adds_most_whatever_the_surrogate(name):
    recipe = surrogate(name, SPACE)
    if isinstance(recipe, GraphEnsemble):
        recipe = replace(recipe, settings=SMALL)

    (one,) = explain_molecules(recipe, SPACE, training(), ["CCCCCl"], seed=0)

    assert len(one.atoms) == 5
    assert int(np.argmax(one.atoms)) == 4  # the chlorine
    assert one.mean == pytest.approx(10.0, abs=2.0)


def test_an_atoms_share_is_what_the_prediction_loses_without_it():
    recipe, hidden = surrogate("tanimoto", SPACE), "*CCCC"
    (one,) = explain_molecules(recipe, SPACE, training(), ["CCCCCl"], seed=0)
    forms = ("*CCCCl", "C*CCCl", "CC*CCl", "CCC*Cl", hidden)
    names = tuple(dict.fromkeys(Chem.CanonSmiles(s) for s in (*LIBRARY, *forms)))
    small = Space((Component("molecule", names, names, is_library=True),))
    fitted = recipe.fit(small, training(), seed=0)
    x = torch.tensor([[names.index("CCCCCl")], [names.index(Chem.CanonSmiles(hidden))]], dtype=torch.float64)

    whole, without = fitted.moments(x)[0].tolist()

    assert one.mean == pytest.approx(whole, abs=1e-6)
    assert one.atoms[4] == pytest.approx(whole - without, abs=1e-6)


def test_a_committee_tells_its_members_apart_and_fragments_add_up_in_sign():
    recipe = surrogate(["tanimoto", "trees"], SPACE)

    (one,) = explain_molecules(recipe, SPACE, training(), [Chem.CanonSmiles("ClCCOC(=O)c1ccccc1")], seed=0)

    assert set(one.by_member) == {"tanimoto", "trees"}
    assert all(len(shares) == 12 for shares in one.by_member.values())
    assert sorted(i for f in one.fragments for i in f.atoms) == list(range(12))
    best = max(one.fragments, key=lambda f: f.adds)
    assert "Cl" in best.smiles
    assert [abs(f.adds) for f in one.fragments] == sorted((abs(f.adds) for f in one.fragments), reverse=True)
    assert "Cl" in fragment_line(one, "eV")


def test_what_it_rests_on_leaves_itself_out_and_what_is_far_is_said():
    known, strange = explain_molecules(
        surrogate("tanimoto", SPACE), SPACE, training(), ["CCCCCl", "O=S(=O)(O)c1cc(Br)c(I)[nH]1"], seed=0
    )

    assert "CCCCCl" not in [n.smiles for n in known.neighbours]
    assert known.neighbours[0].smiles in ("CCCCCCl", "CCCCl")
    assert known.neighbours[0].value == 10.0
    assert 0 < known.neighbours[0].similarity < 1
    assert known.is_inside
    assert domain_line(known) == ""
    assert not strange.is_inside
    assert "trust the prediction little" in domain_line(strange)
    assert "(10 %," in neighbour_line(known, "%", {})


def test_a_limit_of_what_it_rests_on_is_told_as_one():
    data, near, far = training(), LIBRARY.index("CCCCCCl"), LIBRARY.index("CCCCl")
    low, high = data.y.clone(), data.y.clone()
    high[near], low[far] = math.inf, 0.0  # above 10, and from 0 to 10
    data = replace(data, low=low, high=high)
    twice = data.rows(torch.tensor([*range(len(data)), far]))
    measured = replace(twice, low=torch.cat([low, torch.tensor([4.0])]), high=torch.cat([high, torch.tensor([4.0])]))
    measured = replace(measured, y=torch.cat([data.y, torch.tensor([4.0])]))

    (one,) = explain_molecules(surrogate("tanimoto", SPACE), SPACE, data, ["CCCCCl"], seed=0)
    (known,) = explain_molecules(surrogate("tanimoto", SPACE), SPACE, measured, ["CCCCCl"], seed=0)

    said, said_then = neighbour_line(one, "%", {}), neighbour_line(known, "%", {10.0: "good"})
    assert "CCCCCCl (> 10 %," in said
    assert "CCCCl (< 10 %," in said
    assert "CCCCCCl (> good," in said_then
    assert "CCCCl (4 %," in said_then  # a value beside a limit


@pytest.mark.parametrize(
    "smiles",
    ["c1cc[nH]c1", "C[N+](C)(C)C", "[Cl-].[Na+]", "O=[N+]([O-])c1ccccc1", "F[P-](F)(F)(F)(F)F", "C[C@H](O)F"],
)
def test_every_kind_of_molecule_can_be_explained(smiles):
    (one,) = explain_molecules(surrogate("tanimoto", SPACE), SPACE, training(), [smiles], seed=0)

    assert len(one.atoms) == Chem.MolFromSmiles(smiles).GetNumAtoms()
    assert np.isfinite(one.atoms).all()


def test_a_reaction_has_no_atoms_to_explain():
    spec = reaction_spec()
    space = build_space(spec)

    with pytest.raises(SpaceError, match="a library of molecules, or products of reagents, and nothing else"):
        explain_molecules(surrogate("gp", space), space, training().rows(torch.arange(3)), ["C"], seed=0)
    assert explain_best(spec, space, History(), top=3, seed=0) == ()


def test_the_best_of_every_wanted_target_are_explained_and_others_that_are_asked_for():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "library",
            "space": {"molecule": {"type": "molecule", "options": {s: s for s in LIBRARY}}},
            "objective": {"low": {"goal": "minimize"}, "kept": {"goal": "keep", "at_least": 0}},
            "planner": {"surrogate": "tanimoto"},
            "budget": {"experiments": 90},
            "laboratory": {"adapter": "emulator"},
        }
    )
    seen = [
        observe(spec, {"molecule": s}, measured(low=-worth(s) - i / 100, kept=1.0), s) for i, s in enumerate(LIBRARY)
    ]
    best = [s for s in LIBRARY if "Cl" in s][::-1]

    (found,) = explain_best(spec, build_space(spec), History(tuple(seen)), top=2, also=["CCO"], seed=0)

    whole = spec.model_copy(update={"planner": spec.planner.model_copy(update={"surrogate": "gp-descriptors"})})
    (other,) = explain_best(whole, build_space(spec), History(tuple(seen)), top=1, seed=0)

    assert other.by == found.by == ("tanimoto",)  # descriptors see no parts
    assert found.target == "low"
    assert [m.smiles for m in found.molecules] == ["CCO", *best[:2]]
    assert found.molecules[1].atoms[-1] < 0 or found.molecules[1].atoms[0] < 0  # the chlorine lowers it
    assert explain_best(spec, build_space(spec), History(tuple(seen[:1])), top=2, seed=0) == ()


def test_of_a_derived_target_what_it_follows_from_is_explained():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "library",
            "space": {"molecule": {"type": "molecule", "options": {s: s for s in LIBRARY}}},
            "objective": {"activity": {"goal": "keep"}, "kept": {"goal": "keep", "at_least": 0}},
            "derived": {"potency": {"expression": "9 - activity", "goal": "maximize"}},
            "planner": {"surrogate": "tanimoto"},
            "budget": {"experiments": 90},
            "laboratory": {"adapter": "emulator"},
        }
    )
    seen = [
        observe(spec, {"molecule": s}, measured(activity=-worth(s) - i / 100, kept=1.0), s)
        for i, s in enumerate(LIBRARY)
    ]

    (found,) = explain_best(spec, build_space(spec), History(tuple(seen)), top=2, seed=0)

    assert found.target == "activity"
    assert [m.smiles for m in found.molecules] == [s for s in LIBRARY if "Cl" in s][::-1][:2]


def test_what_is_said_of_a_molecule_lies_within_what_the_target_can_be():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "library",
            "space": {"molecule": {"type": "molecule", "options": {s: s for s in LIBRARY}}},
            "objective": {"y": {"goal": "maximize", "low": 0, "high": 1}},
            "planner": {"surrogate": "tanimoto"},
            "budget": {"experiments": 90},
            "laboratory": {"adapter": "emulator"},
        }
    )
    seen = [observe(spec, {"molecule": s}, measured(y=2.0 + worth(s)), s) for s in LIBRARY]

    (found,) = explain_best(spec, build_space(spec), History(tuple(seen)), top=2, seed=0)

    assert [m.mean for m in found.molecules] == [1.0, 1.0]


def amides() -> CampaignSpec:
    """Products of acids, one of which no amine reacts with, and amines."""
    reagents = {
        "acid": {"options": {"acetic": "CC(=O)O", "chloro": "O=C(O)CCl", "none": "CC"}},
        "amine": {"options": {f"n{n}": f"N{'C' * n}" for n in range(1, 8)}},
    }
    reaction = "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
    return CampaignSpec.from_resolved(
        {
            "campaign": "amides",
            "space": {"molecule": {"type": "products", "reaction": reaction, "reagents": reagents}},
            "objective": {"worth": {"goal": "maximize"}},
            "planner": {"surrogate": ["tanimoto", "gp", "trees"]},
            "budget": {"experiments": 90},
            "laboratory": {"adapter": "emulator"},
        }
    )


def test_before_any_result_there_is_nothing_to_explain():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "c",
            "space": {"molecule": {"type": "molecule", "options": {"a": "CCO", "b": "CCN"}}},
            "objective": {"y": {"goal": "maximize"}},
            "budget": {"experiments": 5},
            "laboratory": {"adapter": "manual"},
        }
    )

    assert explain_best(spec, build_space(spec), History(), top=3, seed=0) == ()


def test_products_of_reagents_are_explained_as_the_molecules_that_they_are():
    spec = amides()
    space = build_space(spec)
    seen = []
    for i, x in enumerate(ProductPool(space).take(np.arange(space.size))):
        settings = space.settings(x)
        made = space.smiles(settings).get("molecule", "")
        seen.append(observe(spec, settings, measured(worth=worth(made) - 5.0 * (not made)), str(i)))

    (found,) = explain_best(spec, space, History(tuple(seen)), top=3, also=["CCNC(C)=O"], seed=0)

    assert found.by == ("tanimoto",)  # gp and trees see reagents, which have no atoms of the product
    assert [m.smiles for m in found.molecules[:1]] == ["CCNC(C)=O"]
    assert len(found.molecules) == 4
    for best in found.molecules[1:]:
        most = Chem.MolFromSmiles(best.smiles).GetAtomWithIdx(int(np.argmax(best.atoms)))
        assert "Cl" in {a.GetSymbol() for a in (most, *most.GetNeighbors())}  # every chlorine is on the same carbon
        assert best.mean == pytest.approx(10.0, abs=2.0)
