"""Looking for hits: the likeliest of a library, no near copies in a batch, and what was expected beside what came."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from loop.acquisition.apart import set_apart, similarities
from loop.acquisition.hits import Hits, hit_chance
from loop.acquisition.pareto import Pareto
from loop.acquisition.pool import Top
from loop.acquisition.protocol import Question
from loop.examination.skill import ranking
from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.insight.tally import Share, area_under, chance_of, tally
from loop.molecules.fingerprints import count_fingerprints
from loop.molecules.standardise import canonical_smiles
from loop.objective import CLASSES, Goal, Objective, Target, Tradeoff
from loop.outcome import Measured, Measurement, Negative, Qualifier
from loop.planner import plan
from loop.record import Arm, Candidate, ObservationRecord, Prediction, ProposalDraft, ProposalRecord
from loop.space import Component, ProductPool, Space
from loop.spec import CampaignSpec
from loop.surrogates.classes import for_classes
from loop.surrogates.feasibility import Feasibility
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

ENDS = ["O", "N", "Cl", "C(=O)O", "C(=O)N", "S", "OC", "C#N", "c1ccncc1", "C(F)(F)F"]
STARTS = ["C" * n for n in range(2, 10)] + ["c1ccccc1C", "c1ccncc1C", "C1CCCCC1C", "c1ccc2ccccc2c1C"]
SMILES = tuple(dict.fromkeys(canonical_smiles(f"{a}{b}") for a in STARTS for b in ENDS))
SPACE = Space((Component("molecule", SMILES, SMILES, is_library=True),))
EVERYTHING = torch.arange(len(SMILES), dtype=torch.float64)[:, None]
IS_ACID = torch.tensor([float("C(=O)O" in s or "O=C(O)" in s) for s in SMILES], dtype=torch.float64)
ACTIVITY = Target("activity", Goal.MAXIMIZE, levels=CLASSES, classes=("inactive", "active"))


def known(n: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).permutation(len(SMILES))[:n])


def question(targets=(ACTIVITY,), values=(IS_ACID,), tradeoff=Tradeoff.PARETO, name="tanimoto", **more) -> Question:
    rows = known()
    models = []
    for target, y in zip(targets, values, strict=True):
        recipe = surrogate(name, SPACE)
        recipe = for_classes(recipe) if target.classes else recipe
        models.append(recipe.fit(SPACE, TrainingSet(EVERYTHING[rows], y[rows], y[rows] * math.nan), seed=0))
    return Question(
        space=SPACE,
        objective=Objective(tuple(targets), tradeoff),
        models=tuple(models),
        feasibility=Feasibility(),
        pool=ProductPool(SPACE),
        observed=EVERYTHING[rows],
        pending=EVERYTHING[:0],
        tried=EVERYTHING[rows].numpy(),
        seed=0,
        **more,
    )


LENGTH = torch.tensor([float(len(s)) for s in SMILES], dtype=torch.float64)
LONG = Target("length", Goal.MAXIMIZE, at_least=9.0)


def test_the_likeliest_are_chosen_and_their_chances_add_up_to_what_is_expected():
    asked = question()
    choice = Hits().choose(asked, 5)

    untried = np.setdiff1d(np.arange(len(SMILES)), known().numpy())
    chance = asked.models[0].moments(EVERYTHING)[0].numpy()
    assert [p.value for p in choice.points] == pytest.approx([chance[int(p.x[0])] for p in choice.points])
    assert choice.points[0].value > np.median(chance[untried])
    assert f"{sum(p.value for p in choice.points):.1f} hits expected of the 5 chosen by their chance" in choice.notes


def test_a_hit_in_a_number_is_the_chance_that_a_measurement_keeps_the_threshold():
    asked = question((LONG,), (LENGTH,))
    mean, sd = asked.models[0].moments(EVERYTHING)
    total = (sd.square() + asked.models[0].noise_at(EVERYTHING).square()).sqrt()

    chance = hit_chance(LONG, asked.models[0], EVERYTHING)

    np.testing.assert_allclose(chance.numpy(), norm.sf((9.0 - mean.numpy()) / total.numpy()), atol=1e-9)


def test_several_targets_must_all_be_hits():
    asked = question((ACTIVITY, LONG), (IS_ACID, LENGTH))
    first = Hits().choose(asked, 1).points[0]
    each = [
        hit_chance(t, m, torch.from_numpy(first.x)[None]) for t, m in zip((ACTIVITY, LONG), asked.models, strict=True)
    ]

    assert first.value == pytest.approx(float(each[0] * each[1]))


def test_without_a_hit_yet_what_is_unlike_the_misses_comes_first():
    asked = question(values=(IS_ACID * 0.0,))
    x = torch.from_numpy(Hits().choose(asked, 3).points[0].x)[None]
    between = count_fingerprints(SMILES).similarity

    chosen = between(x[0].long().numpy(), known().numpy()).max()
    usual = between(np.setdiff1d(np.arange(len(SMILES)), known().numpy()), known().numpy()).max(axis=1)
    assert chosen < np.median(usual)


def test_no_two_of_a_batch_are_more_similar_than_is_allowed():
    asked = question(most_similar=0.6)
    choice = Hits().choose(asked, 8)
    numbers = np.array([int(p.x[0]) for p in choice.points])
    between = count_fingerprints(SMILES).similarity(numbers, numbers)

    assert between[np.triu_indices(8, 1)].max() <= 0.6
    note = next(n for n in choice.notes if n.startswith("skipped"))
    assert "no two of a batch may be more similar than 0.6" in note
    assert any("skipped for it:" in p.also and "similar" in p.also for p in choice.points)


def test_a_field_of_copies_fills_the_batch_all_the_same_and_says_so():
    asked = question(most_similar=0.05)
    kept = set_apart(asked, EVERYTHING[:6], 4)

    assert len(set(kept.indices.tolist())) == 4
    assert any("too few others looked as good" in note for note in kept.notes)


def test_nothing_is_set_apart_where_candidates_are_more_than_a_molecule():
    wide = Space((*SPACE.parameters, Component("base", ("a", "b"), ("O", "N"))))

    assert similarities(wide, np.zeros((2, 2))) is None
    assert set_apart(question(most_similar=1.0), EVERYTHING[:6], 4).indices.tolist() == [0, 1, 2, 3]


def test_the_top_of_a_trade_off_is_the_top_of_its_score():
    targets = (
        Target("length", Goal.MAXIMIZE, desirable=(5.0, 15.0)),
        Target("acid", Goal.MINIMIZE, desirable=(1.0, 0.0), weight=3.0),
    )
    asked = question(targets, (LENGTH, IS_ACID), Tradeoff.DESIRABILITY)
    means = torch.stack([m.moments(EVERYTHING)[0] for m in asked.models], dim=1)
    score = [asked.objective.score(dict(zip(("length", "acid"), row, strict=True))) for row in means.tolist()]

    chosen = [score[int(p.x[0])] for p in Top().choose(asked, 5).points]
    untried = np.delete(np.array(score), known().numpy())
    assert np.mean(chosen) > np.quantile(untried, 0.85)


def test_a_value_to_match_is_hoped_no_nearer_than_at_it():
    target = Target("length", Goal.MATCH, value=9.0, within=5.0)
    other = Target("acid", Goal.MINIMIZE, desirable=(1.0, 0.0))
    asked = question((target, other), (LENGTH, IS_ACID), Tradeoff.WEIGHTED)
    lengths = [len(SMILES[int(p.x[0])]) for p in Top().choose(asked, 5).points]

    assert abs(np.mean(lengths) - 9.0) < abs(float(LENGTH.mean()) - 9.0)


class Vague:
    """Every other molecule is known to lie near the value, the rest lie anywhere about a value that is off."""

    name, noise_sd = "vague", 0.1

    def moments(self, x):
        is_known = x[:, 0] % 2 == 0
        off = 0.01 * x[:, 0]
        return torch.where(is_known, 9.0 + off, 12.0 + off), torch.where(is_known, 0.1, 20.0).to(x.dtype)


def test_the_top_of_a_value_to_match_is_what_is_believed_to_match_and_not_what_is_least_known():
    target = Target("length", Goal.MATCH, value=9.0)
    asked = replace(question((target,), (LENGTH,), most_similar=1.0), models=(Vague(),))

    chosen = [int(p.x[0]) for p in Top().choose(asked, 5).points]

    near = [i for i in range(0, len(SMILES), 2) if i not in set(known().int().tolist())]
    assert chosen == near[:5]


def history_of(rows, values) -> History:
    return History(
        tuple(
            Observation(
                str(i), np.array([float(i)]), Measured(tuple(Measurement(n, v, "", v) for n, v in told.items()))
            )
            for i, told in zip(rows, values, strict=True)
        )
    )


def spec_of(objective, **more) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "library",
            "space": {"molecule": {"type": "molecule", "options": {s: s for s in SMILES}}},
            "objective": objective,
            "budget": {"experiments": 100},
            "planner": {
                "batch": 4,
                "initial": {"experiments": 5},
                "surrogate": "fingerprints",
                **more.pop("planner", {}),
            },
            "laboratory": {"adapter": "manual"},
            **more,
        }
    )


def test_the_best_are_the_hits_found_and_the_likeliest_of_the_untried():
    rows = known().tolist()
    spec = spec_of({"activity": {"goal": "maximize", "classes": ["inactive", "active"]}})
    history = history_of(rows, [{"activity": float(IS_ACID[i])} for i in rows])

    found = honest_best(spec, history, seed=0)

    hits = sum(float(IS_ACID[i]) for i in rows)
    assert (found.is_hits, found.front) == (True, hits)
    assert {one.targets[0].values for one in found.candidates[: found.front]} == {(1.0,)}
    assert not {one.label for one in found.likeliest} & {one.label for one in found.candidates}
    chances = [one.chance for one in found.likeliest]
    assert chances == sorted(chances, reverse=True)


def test_the_best_without_a_model_are_the_hits():
    rows = known(12).tolist()
    spec = spec_of(
        {"activity": {"goal": "maximize", "classes": ["inactive", "active"]}}, planner={"surrogate": "random"}
    )
    found = honest_best(spec, history_of(rows, [{"activity": float(IS_ACID[i])} for i in rows]), seed=0)

    assert found.is_hits
    assert [one.targets[0].values[0] for one in found.candidates] == sorted(
        (float(IS_ACID[i]) for i in rows), reverse=True
    )


@pytest.mark.parametrize(
    ("acquisition", "tradeoff"),
    [(a, t) for a in ("auto", "top") for t in ("pareto", "desirability")] + [("thompson", "pareto")],
)
def test_libraries_are_searched_for_several_targets_some_of_them_not_measured(acquisition, tradeoff):
    ends = {"desirable": {"from": 5, "to": 15}} if tradeoff == "desirability" else {}
    acid = {"desirable": {"from": 1, "to": 0}} if tradeoff == "desirability" else {}
    wanted = {"length": {"goal": "maximize", **ends}, "acid": {"goal": "minimize", **acid}}
    spec = spec_of(wanted, tradeoff=tradeoff, planner={"acquisition": acquisition})
    rows = known(30).tolist()
    values = [{"length": float(LENGTH[i]), "acid": float(IS_ACID[i])} for i in rows]
    values = [{k: v for k, v in told.items() if (place + len(k)) % 4} for place, told in enumerate(values)]
    assert any(len(told) == 1 for told in values)

    made = plan(spec, history_of(rows, values), seed=0, experiments=4)

    assert len(made.proposals) == 4
    assert {p.target for p in made.proposals[0].predictions} == {"length", "acid"}
    lengths = [len(p.candidate.settings["molecule"]) for p in made.proposals]
    assert np.mean(lengths) > float(LENGTH.mean())


def test_a_large_batch_of_trade_offs_is_full_where_few_candidates_are_best_for_all():
    targets = (Target("length", Goal.MAXIMIZE), Target("again", Goal.MAXIMIZE))  # every weighting ranks alike
    asked = question(targets, (LENGTH, 2.0 * LENGTH))

    x = np.array([p.x for p in Pareto().choose(asked, 50).points])

    assert len(np.unique(x, axis=0)) == 50


def proposal(number: int, candidate: str, chance: float, arm: Arm = Arm.MODEL) -> ProposalRecord:
    said = Prediction("activity", "committee", chance, math.sqrt(chance * (1 - chance)))
    draft = ProposalDraft(Candidate({"molecule": candidate}), arm, 0, 0, 1, "", "m", "hits", chance, (said,))
    return ProposalRecord(f"p{candidate}", number, candidate, draft, True)


def observed(candidate: str, value: float, arm: Arm = Arm.MODEL, key: str | None = "k") -> ObservationRecord:
    outcome = Measured((Measurement("activity", value, "", value),))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return ObservationRecord(
        candidate, candidate, {"molecule": candidate}, {}, outcome, "s", arm, key, 1, 0, 0, 0, 0, now, None
    )


def test_a_chance_of_one_is_held_against_what_came_once():
    proposals = [proposal(2, "a", 0.05), proposal(2, "b", 1.0)]
    observations = [observed("a", 0.0), observed("b", 1.0)]

    found = tally(Objective((ACTIVITY,)), observations, proposals).reliability

    assert [(r.n, r.found) for r in found] == [(1, 0), (1, 1)]
    assert found[-1].high == 1.0


def test_hits_are_tallied_by_who_chose_them_and_held_against_what_was_expected():
    proposals = [proposal(2, "a", 0.8), proposal(2, "b", 0.4), proposal(2, "c", 0.2), proposal(3, "d", 0.6)]
    observations = [
        observed("i1", 1.0, Arm.INITIAL), observed("i2", 0.0, Arm.INITIAL), observed("t", 0.0, key=None),
        observed("t2", 0.0, key=None), observed("a", 1.0), observed("b", 1.0), observed("c", 0.0), observed("c", 0.0),
    ]  # fmt: skip

    found = tally(Objective((ACTIVITY,)), observations, proposals)

    assert (found.every.hits, found.every.tried) == (3, 7)
    assert (found.chosen.hits, found.chosen.tried) == (2, 3)
    assert found.enrichment == pytest.approx((2 / 3) / (1 / 4))
    assert found.lines == (
        "hits: 3 of 7 tried (43 %); 2 of 3 (67 %) that the model chose, 1 of 4 (25 %) others, 2.7 times as often",
        "of the model's choices 1.4 hits were expected, 2 found",
        "round 3: 0.6 hits expected of the 1 still to come",
    )
    assert [(r.n, r.found) for r in found.reliability] == [(1, 0), (1, 1), (1, 1)]
    assert found.area == 1.0


def test_replicates_decide_by_most_of_them():
    votes = [observed("a", v) for v in (1.0, 0.0, 1.0)] + [observed("b", v) for v in (1.0, 0.0)]

    found = tally(Objective((ACTIVITY,)), votes, [])

    assert (found.every.hits, found.every.tried) == (1, 2)


def test_a_limit_at_the_threshold_itself_is_no_hit_and_an_open_one_counts_for_nothing():
    strong = Target("activity", Goal.MAXIMIZE, at_least=5.0)

    def found(qualifier, value):
        outcome = Measured((Measurement("activity", value, "", value, qualifier=qualifier),))
        seen = [replace(observed("a", 0.0), outcome=outcome), observed("b", 6.0)]
        told = tally(Objective((strong,)), seen, [proposal(1, "a", 0.5), proposal(1, "b", 0.5)])
        return told.every, told.rounds[0].ended.tried

    assert found(Qualifier.BELOW, 5.0) == (Share(1, 2), 2)  # 5 itself keeps it, and what is below 5 does not
    assert found(Qualifier.BELOW, 5.1) == (Share(1, 1), 1)
    assert found(Qualifier.ABOVE, 5.0) == (Share(2, 2), 2)


def test_an_answer_of_no_is_no_hit():
    limit = Measurement("activity", 1.0, "", 1.0, qualifier=Qualifier.BELOW)
    answers = [Negative("inactive"), Negative("inactive", (limit,))]
    seen = [replace(observed(name, 0.0), outcome=answer) for name, answer in zip("ab", answers, strict=True)]

    found = tally(Objective((Target("activity", Goal.MAXIMIZE, at_least=5.0),)), [*seen, observed("c", 6.0)], [])

    assert found.every == Share(1, 3)


def test_the_chance_of_a_number_is_that_of_its_prediction():
    said = [Prediction("length", "committee", 10.0, 2.0), Prediction("length", "tanimoto", 0.0, 1.0, 1.0)]

    assert chance_of(Objective((LONG,)), said) == pytest.approx(norm.sf(-0.5))
    assert chance_of(Objective((LONG, ACTIVITY)), said) is None


def test_the_area_counts_equal_chances_half():
    rng = np.random.default_rng(0)
    chance, hits = np.round(rng.random(60), 1), rng.random(60) < 0.4

    ours = area_under(list(zip(chance.tolist(), hits.tolist(), strict=True)))

    assert ours == pytest.approx(roc_auc_score(hits, chance))
    assert area_under([(0.5, True)]) is None


def test_rankings_of_held_out_hits_take_equal_chances_at_their_worst():
    hits, chance = np.array([1.0, 0.0, 0.0, 0.0] * 10), np.full(40, 0.25)

    told = ranking(hits, chance)

    assert told is not None
    assert (told.area, told.enrichment, told.expected, told.found) == (0.5, 0.0, 10.0, 10)
    assert ranking(np.zeros(5), chance[:5]) is None
    assert ranking(hits, chance + 0.1 * hits).area == 1.0  # type: ignore[union-attr]


def test_thresholds_of_other_targets_are_not_counted_twice():
    kept = Target("length", Goal.KEEP, at_least=9.0)
    asked = question((ACTIVITY, kept), (IS_ACID, LENGTH))
    first = Hits().choose(asked, 1).points[0]
    x = torch.from_numpy(first.x)[None]

    product = hit_chance(ACTIVITY, asked.models[0], x) * hit_chance(kept, asked.models[1], x)
    assert first.value == pytest.approx(float(product))
