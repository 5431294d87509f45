"""General conditions: the aggregated belief and how it narrows, against independent sums; what is chosen, and named."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from loop.acquisition.general import General, expected_loss, field_of
from loop.acquisition.judging import Field, hopes, judged, judged_draws, voices
from loop.acquisition.protocol import Question
from loop.generality import Generality, Judgement
from loop.history import Claim, History, Observation
from loop.insight.best import honest_best
from loop.insight.conditions import best_condition
from loop.insight.saying import best_sentence, measured_lines, substrate_lines
from loop.memory.earlier import Earlier
from loop.outcome import Fault, FaultKind, Measured, Measurement
from loop.planner import plan
from loop.planning.situation import situation_of
from loop.policy.stopping import reason_to_stop
from loop.record import Arm
from loop.spec import CampaignSpec, build_general, build_space, read_spec
from loop.surrogates.exact import ExactPosterior
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

EMPTY = torch.empty((0, 4), dtype=torch.float64)
LIGANDS = {"PPh3": "c1ccc(P(c2ccccc2)c2ccccc2)cc1", "PCy3": "C1CCC(P(C2CCCCC2)C2CCCCC2)CC1", "PMe3": "CP(C)C"}
BROMIDES = {"phenyl": "Brc1ccccc1", "tolyl": "Cc1ccc(Br)cc1", "thienyl": "Brc1cccs1", "nitrile": "N#Cc1ccc(Br)cc1"}


def spec_of(general: Mapping[str, Any] | None = None, **more: Any) -> CampaignSpec:
    """Three ligands and two bases over four bromides and two additives: 6 conditions, 8 substrates."""
    planner = {"surrogate": "gp", "batch": 3, "initial": {"experiments": 6}, **more.pop("planner", {})}
    return CampaignSpec.from_resolved(
        {
            "campaign": "scope",
            "space": {
                "ligand": {"type": "component", "options": LIGANDS},
                "bromide": {"type": "component", "options": BROMIDES},
                "base": {"type": "category", "options": ["weak", "strong"]},
                "additive": {"type": "category", "options": ["none", "some"]},
            },
            "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
            "general": {"over": ["bromide", "additive"], **(general or {})},
            "planner": planner,
            "budget": {"experiments": 40},
            "laboratory": {"adapter": "emulator"},
            **more,
        }
    )


def made_up(s: Mapping[str, Any]) -> float:
    """A yield: thienyl is hard, PPh3 shines with phenyl alone, and PCy3 with a strong base is best over all of them."""
    hard = {"phenyl": 0.0, "tolyl": -6.0, "thienyl": -30.0, "nitrile": -14.0}[s["bromide"]]
    good = {"PPh3": 38.0, "PCy3": 55.0, "PMe3": 30.0}[s["ligand"]]
    flair = 40.0 if s["ligand"] == "PPh3" and s["bromide"] == "phenyl" else 0.0
    return good + hard + flair + (9.0 if s["base"] == "strong" else 0.0) + (3.0 if s["additive"] == "some" else 0.0)


def everything() -> list[dict[str, Any]]:
    return [
        {"ligand": lig, "bromide": b, "base": base, "additive": a}
        for lig, b, base, a in itertools.product(LIGANDS, BROMIDES, ("weak", "strong"), ("none", "some"))
    ]


def history(
    spec: CampaignSpec, chosen: list[dict[str, Any]], value: Callable[[Mapping[str, Any]], float] = made_up
) -> History:
    space = build_space(spec)
    return History(
        tuple(
            Observation(str(i), space.coordinates(s), Measured((Measurement("yield", value(s), "%", value(s)),)))
            for i, s in enumerate(chosen)
        )
    )


def some(n: int, seed: int = 0) -> list[dict[str, Any]]:
    rows = everything()
    return [rows[i] for i in np.random.default_rng(seed).choice(len(rows), n, replace=False)]


def asked(spec: CampaignSpec, seen: History, seed: int = 5) -> Question:
    return situation_of(spec, seen, None, seed=seed, experiments=10, purse=None).question()


def judgement(spec: CampaignSpec) -> Generality:
    found = build_general(spec, build_space(spec))
    assert found is not None
    return found


class BruteForce:
    """A Gaussian process by plain linear algebra: the fitted kernel and noise, every matrix written out."""

    def __init__(self, fitted: ExactPosterior, x: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        self.fitted, self.x, self.y = fitted, x, (values - fitted.shift) / fitted.scale

    def k(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.fitted.kernel(torch.from_numpy(a), torch.from_numpy(b)).numpy())

    def belief(self, x: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
        """The covariance at ``x`` once ``known`` was measured, in target units."""
        noisy = self.k(known, known) + self.fitted.noise_variance * np.eye(len(known))
        cross = self.k(x, known)
        return np.asarray(self.k(x, x) - cross @ np.linalg.solve(noisy, cross.T)) * self.fitted.scale**2

    def mean(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        noisy = self.k(self.x, self.x) + self.fitted.noise_variance * np.eye(len(self.x))
        return np.asarray(self.k(x, self.x) @ np.linalg.solve(noisy, self.y)) * self.fitted.scale + self.fitted.shift


def fitted_to(spec: CampaignSpec, seen: History) -> tuple[ExactPosterior, BruteForce]:
    x = np.array([o.x for o in seen.observations])
    y = np.array([o.outcome.measurements[0].value for o in seen.observations])  # type: ignore[union-attr]
    data = TrainingSet(torch.from_numpy(x), torch.from_numpy(y), torch.full((len(y),), torch.nan, dtype=torch.float64))
    model = surrogate("gp", build_space(spec)).fit(build_space(spec), data, seed=0)
    assert isinstance(model, ExactPosterior)
    return model, BruteForce(model, x, y)


WEIGHTS = {"weights": {"bromide": {"phenyl": 3.0, "nitrile": 0.5}, "additive": {"some": 2.0}}}
FORBIDDEN = [{"exclude": {"base": "strong", "bromide": ["thienyl", "nitrile"]}}]


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("general", [{}, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("constraints", [[], FORBIDDEN], ids=["free", "constrained"])
def test_the_aggregated_belief_is_that_of_a_process_written_out(goal: str, general: Any, constraints: Any) -> None:
    objective = {"yield": {"goal": goal, "unit": "%"}}
    spec = spec_of(general, constraints=constraints, objective=objective)
    space, over = build_space(spec), judgement(spec)
    seen = history(spec, [s for s in some(14) if space.contains(s)])
    model, plain = fitted_to(spec, seen)
    sign = 1.0 if goal == "maximize" else -1.0
    conditions = over.conditions(np.array([space.coordinates(s) for s in everything()]))
    scene = Field.of(over, conditions, np.arange(8))
    # weights by hand, condition by condition, from settings
    by_name = {"phenyl": 3.0, "nitrile": 0.5, "some": 2.0} if general else {}
    w = np.zeros((48, 6))
    for row, x in enumerate(scene.cells.numpy()):
        s = space.settings(x)
        if space.contains(s):
            w[row, row // 8] = by_name.get(str(s["bromide"]), 1.0) * by_name.get(str(s["additive"]), 1.0)
    w /= w.sum(axis=0)
    other = np.array([space.coordinates(everything()[0])])
    cells = np.vstack([scene.cells.numpy(), other])

    (voice,) = voices(model, scene, torch.from_numpy(other), seed=0)

    covariance = plain.belief(cells, plain.x)
    assert np.allclose(voice.mean, sign * plain.mean(cells[:48]) @ w, atol=1e-7)
    assert np.allclose(voice.covariance, w.T @ covariance[:48, :48] @ w, atol=1e-6)
    assert np.allclose(voice.cross, sign * covariance[:, :48] @ w, atol=1e-6)
    usual, best = hopes(model, over, conditions)
    assert np.allclose(usual, voice.mean, atol=1e-8)
    assert (best >= voice.mean + 2.0 * voice.covariance.diagonal().sqrt() - 1e-9).all()

    for j in (3, 20, 48):  # two cells and one elsewhere will be known: as if they had been measured
        voice.decide(j)
    after = plain.belief(cells, np.vstack([plain.x, cells[[3, 20, 48]]]))
    assert np.allclose(voice.covariance, w.T @ after[:48, :48] @ w, atol=1e-6)
    assert np.allclose(voice.cross, sign * after[:, :48] @ w, atol=1e-6)
    assert np.allclose(voice.variance, after.diagonal(), atol=1e-6)


def test_worst_and_share_are_those_of_each_draw() -> None:
    values = torch.tensor([[10.0, 60.0, 55.0, 70.0, 80.0, 20.0, 49.0, 51.0]], dtype=torch.float64)
    worst, share = judgement(spec_of({"by": "worst"})), judgement(spec_of({"by": "share", "at_least": 50}))
    condition = np.array([[0.0, 0.0]])

    assert judged(Field.of(worst, condition, np.arange(8)), values).tolist() == [[10.0]]
    assert judged(Field.of(share, condition, np.arange(8)), values).tolist() == [[62.5]]
    smaller = {"yield": {"goal": "minimize", "unit": "%"}}
    most = judgement(spec_of({"by": "worst"}, objective=smaller))
    under = judgement(spec_of({"by": "share", "at_most": 50}, objective=smaller))
    assert judged(Field.of(most, condition, np.arange(8)), values).tolist() == [[-80.0]]
    assert judged(Field.of(under, condition, np.arange(8)), values).tolist() == [[37.5]]
    assert (most.of([1.0, 9.0], [1, 1]), under.of([1.0, 99.0], [3, 1])) == (9.0, 75.0)


def test_a_forbidden_substrate_counts_for_no_condition() -> None:
    spec = spec_of({"by": "worst"}, constraints=FORBIDDEN)
    over, values = judgement(spec), torch.arange(16.0, dtype=torch.float64)
    scene = Field.of(over, np.array([[0.0, 0.0], [0.0, 1.0]]), np.arange(8))  # weak and strong base

    # thienyl and nitrile are bromides 2 and 3, so the first four substrates are left with the strong base
    assert (scene.shares > 0).sum(dim=1).tolist() == [8, 4]
    assert judged(scene, 15.0 - values).tolist() == [8.0, 4.0]


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
@pytest.mark.parametrize("by", [{"by": "mean"}, {"by": "worst"}])
def test_a_condition_that_is_allowed_with_no_substrate_is_never_the_best(goal: str, by: Any) -> None:
    """It was told all the same: somebody tried it before the constraint was written."""
    spec = spec_of(
        by,
        objective={"yield": {"goal": goal, "unit": "%"}},
        constraints=[{"exclude": {"ligand": "PMe3", "base": "weak"}}],
    )
    row = {"ligand": "PMe3", "base": "weak", "bromide": "phenyl", "additive": "none"}
    allowed = [s for s in some(20) if (s["ligand"], s["base"]) != ("PMe3", "weak")]
    seen = history(spec, [*allowed, row], lambda s: made_up(s) + 50.0)

    found = honest_best(spec, seen, seed=0)

    assert {"ligand": "PMe3", "base": "weak"} not in [b.settings for b in found.candidates]
    assert found.candidates[0].targets[0].low < found.candidates[0].targets[0].mean
    assert "left out: 1 conditions that are allowed with no substrate, such as PMe3, weak" in found.notes
    assert honest_best(spec, history(spec, [row]), seed=0).candidates == ()


def test_a_condition_that_is_allowed_with_few_substrates_of_a_large_scope_is_judged_by_those() -> None:
    spec = spec_of(
        {"over": ["batch"], "by": "worst"},
        space={
            "ligand": {"type": "category", "options": ["A", "B", "C"]},
            "batch": {"type": "category", "options": [f"b{i}" for i in range(300)]},
        },
        constraints=[{"exclude": {"ligand": "C", "batch": [f"b{i}" for i in range(300) if i != 7]}}],
    )
    general = judgement(spec)
    conditions = np.array([[0.0], [1.0], [2.0]])

    scene = Field.of(general, conditions, np.array([0, 1, 2]))

    assert scene.substrates.tolist() == [0, 1, 2, 7]
    assert scene.shares[2].tolist() == [0.0, 0.0, 0.0, 1.0]


def test_expected_loss_is_the_integral_that_it_stands_for() -> None:
    z = np.linspace(-12, 12, 200_001)
    for gap, sd in ((0.0, 1.0), (2.0, 0.7), (-1.5, 2.0), (5.0, 1.0)):
        by_hand = np.trapezoid(np.maximum(sd * z - gap, 0.0) * np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi), z)

        assert float(expected_loss(torch.tensor(gap), torch.tensor(sd))) == pytest.approx(by_hand, abs=1e-6)


def test_draws_have_the_mean_and_the_covariance_of_the_closed_form() -> None:
    spec = spec_of()
    model, _ = fitted_to(spec, history(spec, some(12)))
    scene = Field.of(judgement(spec), np.array([[0.0, 0.0], [1.0, 1.0]]), np.arange(8))
    (voice,) = voices(model, scene, EMPTY, seed=0)

    draws = judged_draws(model, scene, 20_000, seed=1)

    assert torch.allclose(draws.mean(0), voice.mean, atol=1e-6)  # antithetic
    assert torch.allclose(torch.cov(draws.T), voice.covariance, rtol=0.1, atol=0.02 * float(voice.covariance.max()))


@pytest.mark.parametrize(
    ("general", "surrogate"),
    [({}, "committee"), ({"by": "worst"}, "gp"), ({"by": "share", "at_least": 40}, "gp"), ({}, "trees")],
    ids=["mean", "worst", "share", "mean, no process"],
)
def test_the_most_general_condition_is_found_and_not_the_best_single_result(general: Any, surrogate: str) -> None:
    spec = spec_of(general, planner={"surrogate": surrogate})
    seen = history(spec, some(8, seed=3))
    for turn in range(8 if surrogate == "trees" else 5):  # trees know no likeness between substrates
        batch = plan(spec, seen, seed=turn, experiments=3)
        rows = [dict(p.candidate.settings) for p in batch.proposals]
        tried = [build_space(spec).settings(o.x) for o in seen.observations]
        assert all(row not in tried for row in rows)
        seen = history(spec, [*tried, *rows])

    found = honest_best(spec, seen, seed=0)

    assert found.candidates[0].settings == {"ligand": "PCy3", "base": "strong"}
    assert found.noun == "condition"
    assert {"bromide", "additive"}.isdisjoint(found.candidates[0].settings)
    assert len(found.candidates[0].substrates) == 8
    assert found.candidates[0].best_of_tried is not None
    assert "believed best condition: PCy3, strong" in best_sentence(found)


def test_a_condition_may_be_off_as_a_whole_until_every_substrate_was_measured_with_it() -> None:
    spec = spec_of(objective={"yield": {"goal": "maximize", "unit": "%"}})  # without limits, which cut intervals off
    whole = [s for s in everything() if (s["ligand"], s["base"]) == ("PMe3", "weak")]
    seen = history(spec, whole + [s for s in some(14) if s not in whole])
    model, _ = fitted_to(spec, seen)
    assert isinstance(model, ExactPosterior)
    values = torch.tensor(
        [o.outcome.measurements[0].value for o in seen.observations if isinstance(o.outcome, Measured)]
    )
    missed = float((values - model.left_out()[0]).square().mean())

    stated = honest_best(spec, seen, seed=0).candidates

    assert {8} < {s.covered for s in stated}
    for row in stated:
        condition = build_space(spec).coordinates({**everything()[0], **row.settings})[[0, 2]]
        (voice,) = voices(model, Field.of(judgement(spec), condition[None], np.arange(8)), EMPTY, seed=0)
        common = 0.5 * missed * (1 - row.covered / 8) / row.covered
        low, high = row.targets[0].low, row.targets[0].high
        assert low is not None
        assert high is not None
        expected = 2 * 1.645 * math.sqrt(float(voice.covariance[0, 0]) + common)
        assert high - low == pytest.approx(expected, rel=0.1)


def test_what_is_said_of_the_best_condition_is_what_was_measured_and_believed() -> None:
    spec = spec_of()
    seen = history(spec, everything())  # all is known

    first, second, *_ = honest_best(spec, seen, seed=0).candidates

    truth = np.mean([made_up(s) for s in everything() if (s["ligand"], s["base"]) == ("PCy3", "strong")])
    assert first.settings == {"ligand": "PCy3", "base": "strong"}
    stated = first.targets[0]
    assert (stated.target, stated.unit) == ("mean yield", "%")
    assert stated.mean == pytest.approx(truth, abs=1.0)
    assert stated.low is not None
    assert stated.high is not None
    assert stated.low < stated.mean < stated.high
    assert (first.covered, first.experiments) == (8, 8)
    assert [len(s.values) for s in first.substrates] == [1] * 8
    assert first.substrates[0].settings["bromide"] == "thienyl"  # the hardest first
    assert [s.mean for s in first.substrates] == sorted(s.mean for s in first.substrates)
    assert second.targets[0].mean < stated.mean


@pytest.mark.parametrize("surrogate", ["gp", "random"])
def test_a_condition_is_said_to_be_measured_with_those_that_the_constraints_allow(surrogate: str) -> None:
    spec = spec_of(constraints=FORBIDDEN, planner={"surrogate": surrogate})  # of four bromides two with a strong base
    chosen = [s for s in everything() if s["ligand"] == "PCy3" and s["bromide"] in ("phenyl", "thienyl")]

    found = honest_best(spec, history(spec, chosen), seed=0)

    said = {c.settings["base"]: measured_lines(found, c) for c in found.candidates}
    assert said["weak"].endswith(", with 4 of 8 substrates")
    assert said["strong"].endswith(", with 2 of 4 substrates (constraints allow 4 of 8 with it)")


def test_the_hardest_substrates_are_told_and_the_others_counted() -> None:
    spec = spec_of({"over": ["bromide", "additive", "base"]})

    lines = list(substrate_lines(honest_best(spec, history(spec, some(20)), seed=0)))

    assert lines[0].endswith("with each substrate, the hardest first:")
    assert len(lines) == 10
    assert lines[-1] == "and 8 easier ones"


def test_running_experiments_count_as_known() -> None:
    spec = spec_of()
    asking = asked(spec, history(spec, some(10)))
    first = General().choose(asking, 1).points[0]
    pending = torch.from_numpy(first.x)[None]

    waiting = replace(asking, pending=pending, tried=np.vstack([asking.tried, first.x]))
    second = General().choose(waiting, 1).points[0]
    both = General().choose(asking, 2).points

    assert np.array_equal(second.x, both[1].x)
    assert second.value == pytest.approx(both[1].value)
    assert second.value < first.value


def test_a_reason_speaks_of_the_condition_and_of_the_one_in_the_lead() -> None:
    spec = spec_of(planner={"control": 0.34})
    batch = plan(spec, history(spec, some(12)), seed=1, experiments=3).proposals

    model = [p for p in batch if p.arm is Arm.MODEL]
    assert [p.arm for p in batch].count(Arm.CONTROL) == 1
    assert all(p.acquisition == "general" for p in model)
    assert all("which condition is best over the scope" in p.reason for p in model)
    assert all("its condition's mean yield is believed to be" in p.reason for p in model)
    assert all("losses of naming the one in the lead, summed over its rivals: " in p.reason for p in model)
    assert any("the best so far" in p.reason or "behind the condition believed best" in p.reason for p in model)


def test_a_share_is_told_in_percent_of_the_scope() -> None:
    spec = spec_of({"by": "share", "at_least": 40})
    found = honest_best(spec, history(spec, some(20)), seed=0)

    assert found.candidates[0].targets[0].target == "share with yield at least 40 %"
    assert found.candidates[0].targets[0].unit == "%"
    assert 0 <= found.candidates[0].targets[0].mean <= 100
    assert found.scope == "share with yield at least 40 % over 8 substrates (bromide, additive)"


def test_to_minimise_the_lowest_condition_is_named() -> None:
    spec = spec_of(objective={"yield": {"goal": "minimize", "unit": "%"}})
    found = honest_best(spec, history(spec, everything()), seed=0)

    assert found.candidates[0].settings == {"ligand": "PMe3", "base": "weak"}
    assert found.candidates[0].targets[0].mean < found.candidates[1].targets[0].mean
    assert found.candidates[0].substrates[0].settings["bromide"] == "phenyl"  # the highest is the hardest


def test_without_a_model_the_measured_substrates_stand_for_the_scope() -> None:
    spec = spec_of(planner={"surrogate": "random"})
    found = honest_best(spec, history(spec, some(20)), seed=0)

    assert found.model == ""
    assert found.candidates[0].best_of_tried is None
    assert "favours the lucky" in found.notes[0]
    values: dict[tuple[Any, Any], list[float]] = {}
    for s in some(20):
        values.setdefault((s["ligand"], s["base"]), []).append(made_up(s))
    assert found.candidates[0].targets[0].mean == pytest.approx(max(float(np.mean(v)) for v in values.values()))


def test_nothing_measured_names_nothing() -> None:
    found = honest_best(spec_of(), History(), seed=0)

    assert found.candidates == ()
    assert found.notes == ("no condition has a value yet",)


def test_faults_and_bans_keep_cells_out_but_not_their_condition() -> None:
    spec = spec_of()
    seen = history(spec, some(10))
    clogged = Observation("f", build_space(spec).coordinates(everything()[0]), Fault.of(FaultKind.INPUT_ERROR, "no"))
    seen = replace(seen, observations=(*seen.observations, clogged))

    batch = plan(spec, seen, seed=0, experiments=3).proposals

    assert all(dict(p.candidate.settings) != everything()[0] for p in batch)


def large(conditions: int, substrates: int) -> tuple[CampaignSpec, History]:
    space = {
        "condition": {"type": "category", "options": [f"c{i}" for i in range(conditions)]},
        "substrate": {"type": "category", "options": [f"s{i}" for i in range(substrates)]},
    }
    spec = spec_of({"over": ["substrate"]}, space=space, planner={"batch": 2})
    built = build_space(spec)
    rng = np.random.default_rng(0)
    seen = []
    for i in range(30):
        x = np.array([rng.integers(conditions), rng.integers(substrates)], dtype=float)
        y = 50.0 - x[0] / conditions + float(rng.normal(0, 5))
        seen.append(Observation(str(i), x, Measured((Measurement("yield", y, "%", y),))))
    assert built.size == conditions * substrates
    return spec, History(tuple(seen))


def test_of_a_large_scope_some_substrates_stand_for_the_others_and_the_record_says_so() -> None:
    spec, seen = large(12, 300)
    batch = plan(spec, seen, seed=0, experiments=2)

    assert len(batch.proposals) == 2
    assert any("the scope has 300 substrates; 100 at random stand for them this time" in n for n in batch.notes)


def sized(by: Mapping[str, Any]) -> tuple[CampaignSpec, History]:
    """Four ligands over 400 substrates, of which the first is the hardest with each ligand."""
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "large",
            "space": {
                "ligand": {"type": "category", "options": list("ABCD")},
                "size": {"type": "number", "low": 0, "high": 399, "step": 1},
            },
            "objective": {"yield": {"goal": "maximize"}},
            "general": {"over": ["size"], **by},
            "planner": {"surrogate": "gp", "batch": 2},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "manual"},
        }
    )
    rng = np.random.default_rng(1)
    rows = [{"ligand": "ABCD"[i % 4], "size": float(rng.integers(400))} for i in range(40)]
    return spec, history(spec, rows, of_size)


def of_size(s: Mapping[str, Any]) -> float:
    return 50 + 10 * "ABCD".index(s["ligand"]) - (s["size"] - 200) ** 2 / 1000


@pytest.mark.parametrize("by", [{"by": "worst"}, {"by": "share", "at_least": 60}])
def test_of_a_large_scope_the_worst_and_the_share_are_those_of_the_whole_scope(by: dict[str, Any]) -> None:
    spec, seen = sized(by)
    values = [of_size({"ligand": "D", "size": size}) for size in range(400)]
    truth = min(values) if by["by"] == "worst" else 100 * float(np.mean([v >= 60 for v in values]))

    found = honest_best(spec, seen, seed=0)

    best = found.candidates[0]
    assert best.label == "D"
    assert best.targets[0].mean == pytest.approx(truth, abs=0.5)
    assert best.targets[0].low is not None
    assert best.targets[0].low <= truth
    which = "that are believed hardest" if by["by"] == "worst" else "at random"
    assert found.notes == (f"the scope has 400 substrates; 100 {which} stand for them this time",)


@pytest.mark.parametrize("surrogate", ["gp", "random"])
def test_a_substrate_that_the_scope_lacks_informs_and_is_not_counted(surrogate: str) -> None:
    """A number between the steps may be told of, as a measured setting."""
    spec, _ = sized({})
    spec = CampaignSpec.from_resolved({**spec.resolved(), "planner": {"surrogate": surrogate, "batch": 2}})
    rows = [{"ligand": lig, "size": size} for lig, size in [("A", 100.0), ("A", 100.5), ("B", 50.0), ("C", 60.5)]]

    found = honest_best(spec, history(spec, rows, of_size), seed=0)

    assert {c.label: c.covered for c in found.candidates} == {"A": 1, "B": 1}
    assert "2 candidates with substrates that the scope lacks, such as A, size 100.5, inform models only" in found.notes


def test_the_chance_to_run_is_that_with_the_substrates_that_are_allowed() -> None:
    """With PMe3 only phenyl is allowed, and fails; with all others everything runs."""
    only = {"name": "only phenyl", "exclude": {"ligand": ["PMe3"], "bromide": ["tolyl", "thienyl", "nitrile"]}}
    spec = spec_of(constraints=[only])
    allowed = [s for s in some(30) if s["ligand"] != "PMe3" or s["bromide"] == "phenyl"]
    fails = [s for s in allowed if s["ligand"] == "PMe3"]
    ran = history(spec, [s for s in allowed if s not in fails[1:]])
    space, no = build_space(spec), Fault(FaultKind.INPUT_ERROR, "no", informative=True)
    failed = tuple(Observation(f"f{i}", space.coordinates(s), no) for i, s in enumerate(fails[1:]))
    seen = replace(ran, observations=(*ran.observations, *failed))
    situation = situation_of(spec, seen, None, seed=0, experiments=10, purse=None)
    assert situation.belief is not None

    found = best_condition(judgement(spec), situation.objective, seen, situation.belief, None, seed=0)

    row = next(c for c in found.candidates if c.settings["ligand"] == "PMe3")
    cells = [{**row.settings, "bromide": "phenyl", "additive": a} for a in ("none", "some")]
    chance = situation.belief.feasibility.chance(torch.from_numpy(np.array([space.coordinates(c) for c in cells])))
    assert row.keeps == pytest.approx(float(chance.mean()))


def test_of_many_conditions_a_shortlist_is_looked_at_and_the_answer_says_at_most() -> None:
    spec, seen = large(500, 40)
    scene, notes = field_of(asked(spec, seen), judgement(spec))
    found = honest_best(spec, seen, seed=0)

    assert len(scene.conditions) == 80
    assert scene.is_cut
    assert notes == ()
    assert found.is_bound


def test_more_conditions_than_can_be_judged_are_drawn_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.acquisition.general.POOL_LIMIT", 2_000)
    spec, seen = large(500, 40)
    _, notes = field_of(asked(spec, seen), judgement(spec))

    assert notes == ("judged 50 of 500 conditions, drawn at random, and those tried",)


def test_a_space_too_large_to_look_through_is_sampled_and_the_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loop.acquisition.general.POOL_LIMIT", 5_000)
    monkeypatch.setattr("loop.acquisition.streaming.POOL_LIMIT", 5_000)
    spec, seen = large(200, 40)
    scene, notes = field_of(asked(spec, seen), judgement(spec))

    assert notes[0].startswith("looked for conditions in a random sample of ")
    assert notes[0].endswith(" of the 8000 candidates")
    assert notes[1].startswith("judged 125 of ")
    assert scene.is_cut


def test_a_share_to_stop_at_is_a_high_one_whatever_is_wanted_of_the_target() -> None:
    text = """
campaign: times
space: {ligand: {type: category, options: [A, B]}, bromide: {type: category, options: [k, l, m]}}
objective: {time: {goal: minimize, unit: min}}
general: {over: [bromide], by: share, at_most: 90}
stop: [{target: time, at_least: 80}]
budget: {experiments: 20}
laboratory: {adapter: manual}
"""
    spec = read_spec(text, source="times.yaml", read=None)

    believed = {"label": "A", "by": "share with time at most 90 min", "unit": "%", "low": 85.0, "high": 100.0}
    checked = History(claims=(Claim("time", 90.0, 5.0, 92.0),) * 10)
    assert reason_to_stop(spec, checked, 1, believed).startswith("condition A was believed to reach what is wanted")
    assert reason_to_stop(spec, checked, 1, {**believed, "low": 75.0}) == ""


def test_a_stop_rule_is_met_by_the_whole_interval_of_the_best_condition() -> None:
    spec = spec_of(stop=[{"target": "yield", "at_least": 45}])
    judged_best = {"label": "PCy3, strong", "by": "mean yield", "value": 50.0, "low": 44.0, "high": 56.0, "unit": "%"}
    lucky = history(spec, [{"ligand": "PPh3", "bromide": "phenyl", "base": "strong", "additive": "some"}])

    checked = replace(lucky, claims=(Claim("yield", 50.0, 5.0, 52.0),) * 10)

    assert reason_to_stop(spec, checked, 1, None) == ""  # a single yield of 90 meets nothing
    assert reason_to_stop(spec, checked, 1, judged_best) == ""
    assert reason_to_stop(spec, lucky, 1, {**judged_best, "low": 45.5}) == ""  # nothing was held against results yet
    assert reason_to_stop(spec, checked, 1, {**judged_best, "low": 45.5}) == (
        "condition PCy3, strong was believed to reach what is wanted (mean yield at least 45 %, with its whole "
        "interval) when the last batch was planned"
    )
    assert reason_to_stop(spec, lucky, 40, judged_best) == "the budget of 40 experiments is spent"


def test_the_record_of_a_round_has_the_best_condition() -> None:
    spec = spec_of()
    batch = plan(spec, history(spec, everything()[:40]), seed=0, experiments=3)

    assert batch.model["condition"]["by"] == "mean yield"
    assert batch.model["condition"]["low"] < batch.model["condition"]["value"] < batch.model["condition"]["high"]
    assert str(batch.model["believed_best"]).startswith("believed best condition: ")
    assert batch == plan(spec, history(spec, everything()[:40]), seed=0, experiments=3)


def test_a_scope_is_what_the_file_says() -> None:
    over = judgement(spec_of(WEIGHTS))

    assert over.by is Judgement.MEAN
    assert over.names == ("bromide", "additive")
    assert over.substrates.shape == (8, 2)
    assert over.weights.sum() == pytest.approx(1)
    assert over.weights[0] == pytest.approx(over.weights[1] / 2)  # phenyl: without and with the additive
    assert over.substrate(7) == {"bromide": "nitrile", "additive": "some"}
    assert over.settings(np.array([1.0, 1.0])) == {"ligand": "PCy3", "base": "strong"}


def flattering(s: Mapping[str, Any]) -> float:
    """One condition is middling with every substrate, another splendid with one of them and poor with all others."""
    if (s["ligand"], s["base"]) == ("PCy3", "strong"):
        return 60.0
    return 100.0 if (s["ligand"], s["base"], s["bromide"]) == ("PPh3", "weak", "phenyl") else 5.0


def test_the_first_batch_by_sources_is_for_the_condition_and_not_for_the_best_single_result() -> None:
    spec = spec_of(planner={"batch": 5, "initial": {"experiments": 5}})
    source = Earlier("before", spec, history(spec, everything(), flattering))

    batch = plan(spec, History(), seed=0, experiments=5, earlier=[source])

    heard = [p for p in batch.proposals if p.arm is Arm.MODEL]
    assert [p.acquisition for p in heard] == ["general"] * 3
    conditions = [(p.candidate.settings["ligand"], p.candidate.settings["base"]) for p in heard]
    assert conditions[0] == ("PCy3", "strong")
    assert conditions.count(("PCy3", "strong")) > conditions.count(("PPh3", "weak"))
    assert "its condition's mean yield is believed to be 59.6" in heard[0].reason
    assert len(batch.proposals) == 5


def test_the_first_batch_by_a_ranking_is_for_the_condition_too_and_states_no_value() -> None:
    ranking = {"yield": {"ligand": ["PCy3", "PPh3", "PMe3"]}}
    unbounded = {"yield": {"goal": "maximize", "unit": "%"}}
    spec = spec_of(planner={"batch": 5, "initial": {"experiments": 5}}, prior=ranking, objective=unbounded)

    batch = plan(spec, History(), seed=0, experiments=5)

    heard = [p for p in batch.proposals if p.arm is Arm.MODEL]
    assert [p.acquisition for p in heard] == ["general"] * 3
    assert not any(p.predictions for p in batch.proposals)
    assert all("states no value" in p.reason and "believed to be" not in p.reason for p in heard)
