"""Products that fail a filter are no candidates, and combinations that give one product are proposed once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import Crippen, Descriptors

from flows.engine.people.conditions import read_candidate
from loop.acquisition import screening, streaming
from loop.errors import SpaceError, SpecError
from loop.history import History, Observation, Pending
from loop.molecules import reactions
from loop.molecules.sieve import Sieve
from loop.outcome import Measured, Measurement
from loop.planner import Plan, plan
from loop.space import ProductPool, Space, pool, sample_space
from loop.space.counting import count_candidates
from loop.spec import CampaignSpec, build_space, read_spec
from loop.spec.sieving import told_of_products

AMIDE = "[C:1](=[O:2])[OH].[NX3;H2;!$(NC=O):3]>>[C:1](=[O:2])[N:3]"
UREA = "[NX3;H2:1].[NX3;H2:2]>>[N:1]C(=O)[N:2]"
ACIDS = {f"a{i}": f"{'C' * (i % 4 + 1)}{'OCNF'[i // 4]}CCC(=O)O" for i in range(12)}
AMINES = {f"n{i}": f"N{'C' * (i % 5 + 1)}{'c1ccccc1' if i > 4 else 'C(F)F'}" for i in range(10)}
AMIDES = {"reaction": AMIDE, "reagents": {"acid": {"options": ACIDS}, "amine": {"options": AMINES}}}
FEW_AMINES = {"options": {"methyl": "CN", "ethyl": "CCN", "propyl": "CCCN", "benzyl": "NCc1ccccc1"}}
UREAS = {"reaction": UREA, "reagents": {"left": FEW_AMINES, "right": FEW_AMINES}}
LIGHT = {"properties": {"MolWt": {"at_most": 240}}, "forbid": "[CX4]F"}


def campaign(products: Mapping[str, Any], more: str = "", space: str = "", **planner: object) -> CampaignSpec:
    said = {"batch": 4, "initial": {"experiments": 5}, "surrogate": "tanimoto", **planner}
    if "plate" in more:
        del said["batch"]
    text = f"""\
campaign: c
space:
  m: {plain({"type": "products", **products})}
{space}
objective: {{y: {{goal: maximize}}}}
planner: {plain(said)}
budget: {{experiments: 60}}
laboratory: {{adapter: emulator}}
{more}
"""
    return read_spec(text, source="c.yaml", read=lambda _: "")


def plain(value: object) -> str:
    return json.dumps(value)


def logp(smiles: str) -> float:
    return float(Crippen.MolLogP(Chem.MolFromSmiles(smiles)))


def after(spec: CampaignSpec, settings_: Sequence[Mapping[str, str | float]], **more: Any) -> History:
    space = build_space(spec)
    seen = [
        Observation(str(i), space.coordinates(s), Measured((measured(logp(space.smiles(s)["m"])),)))
        for i, s in enumerate(settings_)
    ]
    return History(tuple(seen), **more)


def measured(value: float) -> Measurement:
    return Measurement("y", value, "", value)


def rounds(spec: CampaignSpec, n: int, seed: int = 0) -> list[Plan]:
    """Plans one after the other, each learning from all before it."""
    made: list[Plan] = []
    for turn in range(n):
        known = [p.candidate.settings for each in made for p in each.proposals]
        made.append(plan(spec, after(spec, known), seed=seed + turn, experiments=30))
    return made


def structures(plans: Sequence[Plan]) -> list[str]:
    return [p.candidate.smiles["m"] for each in plans for p in each.proposals]


def everything(spec: CampaignSpec) -> list[str]:
    """The products of every combination, without hakken's own arithmetic."""
    rule = Chem.rdChemReactions.ReactionFromSmarts(spec.space["m"].reaction)
    lists = [[Chem.MolFromSmiles(s) for s in r.options.values()] for r in spec.space["m"].reagents.values()]
    found = []
    for a in lists[0]:
        for b in lists[1]:
            product = rule.RunReactants((a, b))[0][0]
            Chem.SanitizeMol(product)
            found.append(Chem.MolToSmiles(product))
    return found


def is_light(smiles: str) -> bool:
    molecule = Chem.MolFromSmiles(smiles)
    return Descriptors.MolWt(molecule) <= 240 and not molecule.HasSubstructMatch(Chem.MolFromSmarts("[CX4]F"))


def test_few_products_are_counted_exactly_and_each_filter_says_what_it_removed() -> None:
    spec = campaign({**AMIDES, "filters": LIGHT})
    space = build_space(spec)
    kept = [s for s in everything(spec) if is_light(s)]

    found = ProductPool(space)

    assert len(found) == len(kept) == spec.space["m"].made.kept
    assert {space.smiles(space.settings(x))["m"] for x in found.take(np.arange(len(found)))} == set(kept)
    heavy = sum(Descriptors.MolWt(Chem.MolFromSmiles(s)) > 240 for s in everything(spec))
    assert spec.space["m"].made.removed == {
        "properties.MolWt": heavy,
        "forbid.[CX4]F": 120 - heavy - len(kept),
    }
    assert told_of_products(spec)[0].startswith("m: of 120 products ")
    assert told_of_products(spec)[0].endswith(f"; {len(kept)} are left")


def test_of_many_products_the_number_is_an_estimate_whose_interval_holds_the_true_one(monkeypatch) -> None:
    monkeypatch.setattr(pool, "FEW", 50)
    spec = campaign({**AMIDES, "filters": LIGHT})
    space = build_space(spec)
    true = sum(is_light(s) for s in everything(spec))

    counted = count_candidates(space)

    assert counted is not None
    assert not counted.is_exact
    assert counted.low <= true <= counted.high
    assert len(ProductPool(space)) == 120  # numbers of combinations; nothing was enumerated
    assert pool.said_size(ProductPool(space)) == "at most 120"
    assert pool.said_size(ProductPool(build_space(campaign(AMIDES)))) == "the 120"


def test_nothing_enumerates_a_million_products(monkeypatch) -> None:
    tails = [f"{'C' * (i % 10 + 1)}{'OS'[i // 50]}{'C' * (i // 10 % 5 + 1)}" for i in range(100)]
    acids = {f"a{i}": f"{tail}CC(=O)O" for i, tail in enumerate(tails)}
    amines = {f"n{i}": f"{tail}CN" for i, tail in enumerate(tails)}
    made = []
    once = reactions.Reaction.made
    monkeypatch.setattr(reactions.Reaction, "made", lambda self, r: made.append(1) or once(self, r))
    monkeypatch.setattr(screening, "KEPT", 100)
    monkeypatch.setattr(screening, "AT_RANDOM", 40)
    monkeypatch.setattr(streaming, "CLIMBS", 1)
    monkeypatch.setattr(streaming, "CLIMBERS", 2)
    alcohols = {f"t{i}": f"{tail}CCO" for i, tail in enumerate(tails)}
    reagents = {"acid": {"options": acids}, "amine": {"options": amines}, "alcohol": {"options": alcohols}}
    reaction = "[C:1](=[O:2])[OH].[NX3;H2:3].[OH:4][CX4;H2:5]>>[C:1](=[O:2])[N:3]C(=O)[O:4][CX4:5]"
    products = {"reaction": reaction, "reagents": reagents}
    filters = {"properties": {"MolWt": {"at_most": 450}}}

    spec = campaign({**products, "filters": filters}, batch=3, initial={"experiments": 3})
    space = build_space(spec)
    plans = rounds(spec, 2)

    assert space.size == 1_000_000
    assert all(Descriptors.MolWt(Chem.MolFromSmiles(s)) <= 450 for s in structures(plans))
    assert len(made) < 10_000
    (note,) = [note for note in plans[1].notes if note.startswith("made and judged")]
    assert note == "made and judged 100 of at most 1,000,000 candidates, chosen by their reagents, and what lies near"


def test_a_pool_that_is_scored_whole_by_its_reagents_is_not_made_whole(monkeypatch) -> None:
    tails = [f"{'C' * (i % 10 + 1)}{'OS'[i // 50]}{'C' * (i // 10 % 5 + 1)}" for i in range(100)]
    acids = {"options": {f"a{i}": f"{tail}CC(=O)O" for i, tail in enumerate(tails)}}
    amines = {"options": {f"n{i}": f"{tail}CN" for i, tail in enumerate(tails)}}
    made = set()
    once = reactions.Reaction.made
    monkeypatch.setattr(reactions.Reaction, "made", lambda self, r: made.add(tuple(r)) or once(self, r))
    filters = {"properties": {"MolWt": {"at_most": 300}}}
    said = {"reaction": AMIDE, "reagents": {"acid": acids, "amine": amines}, "filters": filters}

    plans = rounds(campaign(said, surrogate="gp", initial={"experiments": 6}), 2)

    assert all(Descriptors.MolWt(Chem.MolFromSmiles(s)) <= 300 for s in structures(plans))
    assert len(made) < 6_000  # of 10,000


@pytest.mark.parametrize("limit", ["all are made", "chunks", "screened"])
@pytest.mark.parametrize("acquisition", ["improvement", "ucb", "thompson", "exploration", "top"])
def test_no_choice_of_a_model_breaks_a_filter(monkeypatch, limit, acquisition) -> None:
    if limit != "all are made":
        monkeypatch.setattr(pool, "FEW", 10)
    if limit == "screened":
        monkeypatch.setattr(streaming, "POOL_LIMIT", 60)
        monkeypatch.setattr(screening, "KEPT", 60)
        monkeypatch.setattr(screening, "AT_RANDOM", 20)
    spec = campaign({**AMIDES, "filters": LIGHT}, acquisition=acquisition, control=0.25)

    found = structures(rounds(spec, 3))

    assert len(found) == 13
    assert all(is_light(s) for s in found)
    assert len(set(found)) == len(found)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    design=st.sampled_from(["spread", "medoid", "sobol", "lhs", "random", "d-optimal"]),
    heaviest=st.integers(190, 330),
    seed=st.integers(0, 99),
    few=st.sampled_from([10, 3_000]),
    more=st.sampled_from(["", "  t: {type: number, low: 20, high: 90}", "  t: {type: number, values: [20, 50, 90]}"]),
)
def test_no_point_of_a_design_breaks_a_filter(monkeypatch, design, heaviest, seed, few, more) -> None:
    monkeypatch.setattr(pool, "FEW", few)
    filters = {"properties": {"MolWt": {"at_most": heaviest}}}
    small = {**AMIDES, "reagents": {"acid": {"options": dict(list(ACIDS.items())[:5])}, "amine": {"options": AMINES}}}
    initial = {"experiments": 18 if design == "d-optimal" else 8, "design": design}
    spec = campaign({**small, "filters": filters}, space=more, initial=initial)
    space = build_space(spec)

    batch = plan(spec, History(), seed=seed, experiments=30).proposals

    assert batch
    assert all(Descriptors.MolWt(Chem.MolFromSmiles(p.candidate.smiles["m"])) <= heaviest for p in batch)
    assert all(space.contains(p.candidate.settings) for p in batch)


def test_two_targets_and_continuous_conditions_keep_filters_too(monkeypatch) -> None:
    monkeypatch.setattr(pool, "FEW", 10)
    conditions = "  t: {type: number, low: 20, high: 90}"
    spec = campaign({**AMIDES, "filters": LIGHT}, space=conditions, acquisition="improvement", surrogate="gp")

    assert all(is_light(s) for s in structures(rounds(spec, 2)))
    assert all(is_light(smiles_at(build_space(spec), x)) for x in sample_space(build_space(spec), 50, 3))


def test_a_plate_keeps_filters_and_takes_each_product_once() -> None:
    plate = "plate: {rows: 2, columns: 4, at_most: {m.left: 4}}"
    spec = campaign({**UREAS, "filters": {"properties": {"MolWt": {"at_most": 170}}}}, more=plate)

    found = structures([plan(spec, History(), seed=3, experiments=30)])

    assert 6 <= len(found) == len(set(found))  # of light ureas there are seven
    assert all(Descriptors.MolWt(Chem.MolFromSmiles(s)) <= 170 for s in found)


def smiles_at(space: Space, x: np.ndarray) -> str:
    return space.smiles(space.settings(x))["m"]


def test_a_candidate_by_hand_is_refused_with_the_filter_that_leaves_it_out() -> None:
    space = build_space(campaign({**AMIDES, "filters": LIGHT}))
    heavy = {"m.acid": "a3", "m.amine": "n9"}

    with pytest.raises(SpaceError) as told:
        read_candidate(space, ["m.acid=a3", "m.amine=n9"])

    made = space.smiles(heavy)["m"]
    assert str(told.value) == (
        f"a3, n9 gives {made}, and properties.MolWt of 'm' leaves it out; choose another, or loosen that filter in the "
        "campaign file"
    )
    assert not space.contains(heavy)
    assert space.coordinates(heavy).tolist() == [3.0, 9.0]  # what was measured of it is still learnt from


def test_a_control_well_that_a_filter_leaves_out_is_refused() -> None:
    plate = "plate: {rows: 2, columns: 4, controls: {wells: 1, settings: {m.acid: a3, m.amine: n9}}}"

    with pytest.raises(SpecError, match=r"plate.controls.settings: it gives .*, and properties.MolWt of 'm' leaves"):
        campaign({**AMIDES, "filters": LIGHT}, more=plate)


@pytest.mark.parametrize("few", [10, 3_000])
def test_filters_that_leave_nothing_are_refused_with_the_one_that_does(monkeypatch, few) -> None:
    monkeypatch.setattr("loop.spec.sieving.FEW", few)

    with pytest.raises(SpecError) as told:
        campaign({**AMIDES, "filters": {"require": "[Pt]", "properties": {"MolWt": {"at_most": 900}}}})

    assert "c.yaml line 3: space.m: filters.require.[Pt] leaves out " in str(told.value)
    assert str(told.value).endswith("; loosen or remove it")


def test_filters_that_leave_nothing_beside_constraints_are_refused() -> None:
    rule = "constraints: [{exclude: {m.amine: [n0, n1, n2, n3, n4]}}]"

    with pytest.raises(SpecError, match="filters leave no candidate beside the constraints; loosen or remove some"):
        campaign({**AMIDES, "filters": {"forbid": "c1ccccc1"}}, more=rule)


# Standardising


ACIDIC = {
    "reaction": AMIDE,
    "reagents": {
        "acid": {"options": {"plain": "CC(=O)O", "betaine": "C[N+](C)(C)CC(=O)O", "salt": "OC(=O)CC[NH+](C)C.[Cl-]"}},
        "amine": {"options": {"methyl": "CN", "ethyl": "CC[NH3+].[Cl-]"}},
    },
}


def test_laboratories_and_records_get_the_standardised_product_and_the_raw_one_is_kept() -> None:
    said = {**ACIDIC, "standardise": {"salts": "strip", "charges": "neutralise"}}
    space = build_space(campaign(said))
    salt = {"m.acid": "salt", "m.amine": "methyl"}

    candidate = space.candidate(salt)

    assert candidate.smiles == {"m": "CNC(=O)CCN(C)C"}
    assert {name: Chem.CanonSmiles(s) for name, s in candidate.as_made.items()} == {
        "m": Chem.CanonSmiles("CNC(=O)CC[NH+](C)C")  # a counter-ion does not enter a product
    }
    assert space.candidate({"m.acid": "plain", "m.amine": "methyl"}).as_made == {}
    assert Sieve().take("CCO").smiles == "CCO"


def test_models_see_the_standardised_product() -> None:
    from loop.molecules.fingerprints import count_fingerprints
    from loop.molecules.products import product_fingerprints

    space = build_space(campaign({**ACIDIC, "standardise": {"salts": "strip", "charges": "neutralise"}}))
    (products,) = space.products
    reagents = tuple(p.smiles for p in space.parameters)
    x = ProductPool(space).take(np.arange(len(ProductPool(space))))
    known = product_fingerprints(products.reaction, reagents, ("morgan",), products.sieve)

    found = known.similarity(x.astype(np.int64), x.astype(np.int64))

    numbers = np.arange(len(x))
    expected = count_fingerprints([smiles_at(space, row) for row in x]).similarity(numbers, numbers)
    assert np.allclose(found, expected, atol=1e-6)


def test_salts_of_reagents_are_stripped_where_that_is_asked_and_told() -> None:
    amines = {"options": {"methyl": "CN", "ethyl": "CC[NH3+].[Cl-]"}}
    asked = {**amines, "standardise": {"salts": "strip", "charges": "neutralise"}}
    reagents = {"acid": {"options": {"plain": "CC(=O)O"}}}

    as_given = campaign({"reaction": AMIDE, "reagents": {**reagents, "amine": amines}})
    stripped = campaign({"reaction": AMIDE, "reagents": {**reagents, "amine": asked}})

    assert list(as_given.space["m"].reagents["amine"].options) == ["methyl"]
    assert "ethyl (CC[NH3+].[Cl-]) does not match" in as_given.space["m"].left_out[0]
    assert stripped.space["m"].reagents["amine"].options == {"methyl": "CN", "ethyl": "CCN"}
    assert stripped.space["m"].changed == ["amine: option 'ethyl': CC[NH3+].[Cl-] is used as CCN"]


# Two combinations that give one product


def same(plans: Sequence[Plan]) -> int:
    found = structures(plans)
    return len(found) - len(set(found))


@pytest.mark.parametrize("design", ["random", "spread", "sobol", "lhs", "medoid"])
def test_combinations_that_give_one_product_are_proposed_once(design) -> None:
    spec = campaign(UREAS, initial={"experiments": 5, "design": design}, control=0.3)

    plans = rounds(spec, 3)

    assert spec.space["m"].made.duplicates == 6  # ab and ba, of four amines
    assert told_of_products(spec) == ("m: of 16 products 16 are left; 6 of them came twice",)
    assert same(plans) == 0
    assert len(structures(plans)) == 10  # every urea there is
    assert any("the same product was tried, is running or stands in the batch" in n for p in plans for n in p.notes)


def test_with_duplicates_kept_they_are_candidates_like_any_other() -> None:
    spec = campaign({**UREAS, "duplicates": "keep"}, batch=11)

    plans = rounds(spec, 2)

    assert same(plans) == 6
    assert not any("passed over" in note for p in plans for note in p.notes)


def test_what_is_running_is_not_proposed_by_another_combination() -> None:
    spec = campaign(UREAS, batch=9)
    space = build_space(spec)
    known = after(spec, [{"m.left": "methyl", "m.right": n} for n in FEW_AMINES["options"]])
    running = space.coordinates({"m.left": "ethyl", "m.right": "propyl"})
    history = History(known.observations, (Pending("k", running),))

    found = structures([plan(spec, history, seed=0, experiments=30)])

    assert smiles_at(space, running) not in found
    assert len(found) == len(set(found)) == 5  # ten ureas, four measured and one running


def test_replicates_that_were_asked_for_are_made() -> None:
    spec = campaign(UREAS, replicates=3)

    batch = rounds(spec, 1)[0].proposals

    assert {p.replicates for p in batch} == {3}


def test_other_settings_make_two_candidates_of_one_product() -> None:
    spec = campaign(
        UREAS, space="  t: {type: number, values: [20, 80]}", initial={"experiments": 30, "design": "random"}
    )

    batch = rounds(spec, 1)[0].proposals

    kinds = {(p.candidate.smiles["m"], p.candidate.settings["t"]) for p in batch}
    assert len(batch) == len(kinds) == 20


def test_reagents_that_give_nothing_are_told_apart_and_no_filter_lets_them_pass() -> None:
    bad = {"options": {"methyl": "CN", "odd": "CCN"}}
    spec = campaign(
        {
            "reaction": UREA,
            "reagents": {"left": bad, "right": bad},
            "filters": {"properties": {"MolWt": {"at_most": 900}}},
        }
    )
    space = build_space(spec)
    (products,) = space.products

    assert products.of(["CN", ""]).refusal == "no product"
    assert not space.keeps(np.array([[0.0, -1.0]]))[0]
