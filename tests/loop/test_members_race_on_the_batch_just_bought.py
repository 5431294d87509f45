"""The race of a committee's members: on what they said of the last batch before they learnt it, and on nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from campaigns import SPACE, alcohol_yield, measured, reaction_spec, run_rounds, training

from loop.history import Claim
from loop.insight.race import races_of
from loop.planner import plan
from loop.surrogates.classes import for_classes
from loop.surrogates.committee import FittedCommittee
from loop.surrogates.registry import surrogate

MEMBERS = tuple(surrogate(name, SPACE).fit(SPACE, training(), seed=0) for name in ("gp", "tanimoto"))
COMMITTEE = FittedCommittee("committee", MEMBERS, (0.3, 0.7))


def claim(value: float, gp: tuple[float, float], tanimoto: tuple[float, float], number: int = 2) -> Claim:
    return Claim("yield", 50.0, 10.0, value, number, {"gp": gp, "tanimoto": tanimoto})


def test_the_score_is_the_mean_log_density_of_what_was_said_before():
    claims = [claim(50.0, (40.0, 10.0), (50.0, 5.0)), claim(60.0, (60.0, 10.0), (50.0, 5.0))]

    [race] = races_of(claims, {"yield": COMMITTEE})

    usual = -0.5 * math.log(2 * math.pi)
    assert race.scores["gp"] == pytest.approx(usual - math.log(10.0) - 0.25)  # one deviation off, and none
    assert race.scores["tanimoto"] == pytest.approx(usual - math.log(5.0) - 1.0)  # none, and two
    assert race.won == "gp"  # half as narrow gains log 2 a value, and loses 0.75
    assert json.loads(json.dumps(race.told()))["weights"] == {"gp": 0.3, "tanimoto": 0.7}


def test_of_classes_the_score_is_the_log_chance_of_each_label():
    labels = replace(training(), y=(training().y > training().y.median()).to(training().y.dtype))
    recipe = for_classes(surrogate(["gp", "tanimoto"], SPACE))
    fitted = recipe.fit(SPACE, labels, seed=0)
    said = [(0.1, 0.4), (0.1, 0.4), (0.1, 0.4), (0.1, 0.4), (0.1, 0.4)]  # one of them is a hit
    claims = [
        claim(float(i == 0), (gp, (gp * (1 - gp)) ** 0.5), (other, (other * (1 - other)) ** 0.5))
        for i, (gp, other) in enumerate(said)
    ]

    [race] = races_of(claims, {"yield": fitted})

    assert race.scores["gp"] == pytest.approx((math.log(0.1) + 4 * math.log(0.9)) / 5)
    assert race.scores["tanimoto"] == pytest.approx((math.log(0.4) + 4 * math.log(0.6)) / 5)
    assert race.won == "gp"  # by normal densities the other one would: of 0.1 a hit is three deviations off


def test_only_the_last_round_counts():
    old = claim(0.0, (0.0, 1.0), (90.0, 1.0), number=1)

    [race] = races_of([old, claim(50.0, (40.0, 10.0), (50.0, 10.0), number=3)], {"yield": COMMITTEE})

    assert (race.round, race.values, race.won) == (3, 1, "tanimoto")
    assert "yield: on the 1 value of round 3, before it was learnt, tanimoto is ahead" in race.said()
    assert "gp e^-0.50; weights by all left-out values: gp 0.30, tanimoto 0.70" in race.said()


def test_members_that_say_the_same_are_not_ranked():
    [race] = races_of([claim(50.0, (50.0, 10.0), (50.0, 10.1))], {"yield": COMMITTEE})

    assert "no member is ahead" in race.said()


def test_without_a_committee_or_anything_said_before_there_is_no_race():
    alone = COMMITTEE.members[0]
    said = [claim(50.0, (40.0, 10.0), (50.0, 5.0))]

    assert races_of(said, {"yield": alone}) == ()
    assert races_of([Claim("yield", 50.0, 10.0, 50.0)], {"yield": COMMITTEE}) == ()
    assert races_of([replace(said[0], voices={"gp": (1.0, 1.0)})], {"yield": COMMITTEE}) == ()
    assert races_of(said, {"purity": COMMITTEE}) == ()


def test_a_round_says_in_its_model_and_its_notes_who_won():
    spec = reaction_spec(surrogate=["gp", "tanimoto"])
    history, _ = run_rounds(spec, lambda s: measured(**{"yield": alcohol_yield(s)}), 1)
    claims = (claim(50.0, (40.0, 10.0), (50.0, 5.0)),)

    planned = plan(spec, replace(history, claims=claims), seed=0, experiments=3)
    without = plan(spec, history, seed=0, experiments=3)

    assert planned.model["race"]["yield"]["won"] == "tanimoto"
    assert any(note.startswith("yield: on the 1 value of round 2") for note in planned.notes)
    assert "race" not in without.model
    assert [p.candidate for p in planned.proposals] == [p.candidate for p in without.proposals]
