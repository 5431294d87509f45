"""Scopes and spaces too large to be looked through: what stands for them, and that it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scopes import asked, history, judgement, spec_of

from loop.acquisition.general import field_of
from loop.acquisition.judging import Field
from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.spec import CampaignSpec, build_space


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
