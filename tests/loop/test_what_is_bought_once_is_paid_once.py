"""Bottles: what an option costs when it is first used, in sums, choices, budgets, plays and from the record."""

from __future__ import annotations

import numpy as np
import pytest
from campaigns import measured
from numpy.typing import NDArray

from loop.costs import Purse, Spent
from loop.errors import SpecError
from loop.history import History, Observation, Pending
from loop.planner import plan
from loop.rehearsal.playing import play
from loop.rehearsal.worlds import TableWorld
from loop.space import ProductPool
from loop.spec import CampaignSpec, build_costs, build_objective, build_space, read_spec

WHOLE = """
campaign: bottles
space:
  ligand: {type: category, options: [none, here, cheap, dear]}
  base: {type: category, options: [KOAc, K3PO4], unless: {ligand: none}}
  t: {type: number, low: 0, high: 10, step: 1}
objective: {yield: {goal: maximize}}
costs: {unit: EUR, experiment: 2, options: {ligand: {dear: 1}}, once: {ligand: {cheap: 20, dear: 100}, base: {KOAc: 5}}}
planner: {batch: 3, surrogate: gp, acquisition: improvement, per_cost: true, initial: {experiments: 4}}
budget: {experiments: 30}
laboratory: {adapter: manual}
"""


def a_spec(text: str = WHOLE) -> CampaignSpec:
    return read_spec(text, source="campaign.yaml", read=lambda name: {"list.csv": LIST}[name])


SPEC = a_spec()
SPACE = build_space(SPEC)
COSTS = build_costs(SPEC, SPACE)
assert COSTS is not None


def at(ligand: str, base: str | None, t: float) -> NDArray[np.float64]:
    settings: dict[str, str | float] = {"ligand": ligand, "t": t}
    return SPACE.coordinates({**settings, "base": base} if base else settings)


NONE, HERE, CHEAP, DEAR = at("none", None, 1), at("here", "K3PO4", 1), at("cheap", "KOAc", 1), at("dear", "KOAc", 5)


def test_a_bottle_is_paid_once_and_nothing_for_what_is_there() -> None:
    # four of 2 EUR, the dear one twice for 1 EUR more, two bottles of ligands and one of base
    assert COSTS.spent(np.array([CHEAP, DEAR, DEAR, NONE])) == Spent(8 + 2 + 20 + 100 + 5, 0.0)
    assert COSTS.having(np.array([CHEAP])).spent(np.array([CHEAP, DEAR])) == Spent(4 + 1 + 100, 0.0)
    assert COSTS.having(np.array([CHEAP, DEAR])).spent(np.array([CHEAP, DEAR])) == Spent(5.0, 0.0)
    assert COSTS.having(np.array([CHEAP, DEAR])).has_money
    assert COSTS.own(np.array([NONE, CHEAP, DEAR])).tolist() == [2, 2, 3]
    assert COSTS.each(np.array([NONE, CHEAP, DEAR]))[0].tolist() == [2, 27, 108]
    assert COSTS.each(np.array([DEAR]), copies=3)[0].tolist() == [3 * 3 + 105]
    assert COSTS.cheapest().cost == 2


def test_what_a_candidate_adds_to_a_batch_is_what_the_batch_lacks() -> None:
    some = np.array([NONE, HERE, CHEAP, DEAR])

    for chosen in (np.zeros((0, 3)), some[:1], some[2:3], some[2:]):
        adds = COSTS.marginal(some, chosen, None)
        whole = [COSTS.spent(np.vstack([chosen, x])).cost - COSTS.spent(chosen).cost for x in some]
        assert adds.tolist() == whole


def test_what_is_there_or_on_its_way_is_tried_before_a_bottle_is_bought() -> None:
    rows = [
        Observation(f"{t}{name}", at(name, "K3PO4", t), measured(**{"yield": y - (t - 6) ** 2}))
        for t in (0, 3, 10)
        for name, y in (("here", 40.0), ("dear", 38.0))
    ]

    def ligands(history: History) -> set[str]:
        found = [plan(SPEC, history, seed=seed, experiments=3).proposals for seed in range(3)]
        return {str(p.candidate.settings["ligand"]) for proposals in found for p in proposals}

    runs = Pending("p", at("cheap", "K3PO4", 9))
    assert "cheap" not in ligands(History(tuple(rows)))
    assert "cheap" in ligands(History(tuple(rows), pending=(runs,)))


def test_a_batch_says_what_of_its_cost_is_for_bottles_and_never_overdraws() -> None:
    for seed in range(4):
        found = plan(SPEC, History(), seed=seed, experiments=4, purse=Purse(60.0))
        x = np.array([SPACE.coordinates(p.candidate.settings) for p in found.proposals])
        spent = COSTS.spent(x).cost
        assert spent <= 60.0
        bottles = sum(price for _, _, price in COSTS.bought(x))
        (said,) = [note for note in found.notes if note.startswith("the batch costs")]
        assert said.startswith(f"the batch costs {spent:g} EUR")
        assert (f", {bottles:g} EUR of it for what is used for the first time: " in said) == (bottles > 0)


def test_a_rehearsal_pays_each_bottle_once() -> None:
    pool = ProductPool(SPACE)
    points = pool.take(np.arange(len(pool)))
    truths = [measured(**{"yield": float(x[2])}) for x in points]
    world = TableWorld(points, truths, build_objective(SPEC), seed=0)

    done = play(SPEC, SPACE, world, History(), seed=0, experiments=12, pool=pool, costs=COSTS, purse=Purse(500.0))

    assert [s.cost for s in done.spent] == [COSTS.spent(done.points[: i + 1]).cost for i in range(len(done.points))]


LIST = "name,smiles,bottle\nXPhos,CCO,85\nPPh3,CCC,12\n"


def test_bottles_stand_in_a_column_of_a_table() -> None:
    text = WHOLE.replace("{type: category, options: [none, here, cheap, dear]}", "{type: component, file: list.csv}")
    text = text.replace(", unless: {ligand: none}", "").replace("options: {ligand: {dear: 1}}, ", "")
    spec = a_spec(text.replace("ligand: {cheap: 20, dear: 100}", "ligand: bottle"))

    assert spec.costs is not None
    assert spec.costs.once == {"ligand": {"XPhos": 85.0, "PPh3": 12.0}, "base": {"KOAc": 5.0}}
    assert CampaignSpec.from_resolved(spec.resolved()) == spec


@pytest.mark.parametrize(
    ("once", "message"),
    [
        ("{ligand: 85}", "costs.once.ligand: a price goes with each option that has to be bought, such as {XPhos: 85}"),
        ("{ligand: {PPh3: 85}}", "costs.once.ligand: parameter 'ligand' has no option 'PPh3'"),
        ("{ligand: {cheap: -85}}", "costs.once.ligand.cheap: a price must be zero or above, got -85"),
        ("{ligand: EUR}", "'ligand' comes from no table of its own; write the prices under costs.once.ligand"),
        ("{t: {a: 3}}", "costs.once.t: 't' is a number and has no options"),
        ("{solvent: {THF: 3}}", "costs.once.solvent: the space has no parameter 'solvent'"),
        ("85", "costs.once: must be entries KEY: VALUE, such as {ligand: {XPhos: 85}}"),
    ],
)
def test_what_names_no_bottle_is_refused(once: str, message: str) -> None:
    text = WHOLE.replace("once: {ligand: {cheap: 20, dear: 100}, base: {KOAc: 5}}", f"once: {once}")

    with pytest.raises(SpecError) as refused:
        a_spec(text)

    assert message in str(refused.value)


def test_a_first_design_leaves_half_of_the_money_where_there_are_cheaper_candidates() -> None:
    for seed in range(4):
        found = plan(SPEC, History(), seed=seed, experiments=12, purse=Purse(150.0))
        x = np.array([SPACE.coordinates(p.candidate.settings) for p in found.proposals])
        assert COSTS.spent(x).cost <= 75.0
        assert len(x) == 4

    notes = [n for s in range(4) for n in plan(SPEC, History(), seed=s, experiments=12, purse=Purse(150.0)).notes]
    assert any(n.startswith("the design would take more than half of what the budget leaves: ") for n in notes)


def test_a_design_of_which_all_cost_alike_is_made_whole() -> None:
    dear = "options: {ligand: {dear: 1}}, once: {ligand: {cheap: 20, dear: 100}, base: {KOAc: 5}}"
    assert dear in WHOLE
    spec = a_spec(WHOLE.replace(dear, "hours: 1"))

    assert len(plan(spec, History(), seed=0, experiments=12, purse=Purse(9.0)).proposals) == 4
    assert len(plan(spec, History(), seed=0, experiments=12, purse=Purse(None, 5.0)).proposals) == 4
    few = plan(spec, History(), seed=0, experiments=12, purse=Purse(7.0))
    assert len(few.proposals) == 3
    assert not any("half" in note for note in few.notes)
