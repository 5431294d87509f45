"""A result of an experiment that ran by another option than was asked for is a result of what really ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from campaigns import alcohol_yield, measured, observe, reaction_spec

from loop.circumstances import is_another
from loop.history import History, Observation
from loop.insight.best import honest_best
from loop.outcome import Measured
from loop.policy.stopping import reason_to_stop
from loop.spec import CampaignSpec, build_space

SPEC = reaction_spec(surrogate="gp")
ASKED = {"alcohol": "phenol", "base": "weak", "temperature": 60}


def value(settings: Mapping[str, Any]) -> Measured:
    return measured(**{"yield": alcohol_yield(settings)})


def swapped(spec: CampaignSpec, **used: Any) -> Observation:
    """An experiment that was asked for with phenol and weak base, and ran otherwise."""
    really = {**ASKED, **used}
    asked, actual = observe(spec, ASKED, measured(**{"yield": 95.0}), "swapped"), build_space(spec).coordinates(really)
    return replace(asked, actual=actual, is_another=is_another(build_space(spec), asked.x, actual))


def history(spec: CampaignSpec, last: Observation) -> History:
    others = [{"alcohol": a, "base": "weak", "temperature": t} for a in ("methanol", "ethanol") for t in (20, 40, 60)]
    return History((*(observe(spec, s, value(s), f"o{i}") for i, s in enumerate(others)), last))


@pytest.mark.parametrize("surrogate", ["gp", "random"])
def test_the_best_is_what_was_really_made(surrogate: str) -> None:
    spec = reaction_spec(surrogate=surrogate)

    (first, *rest) = honest_best(spec, history(spec, swapped(spec, alcohol="butanol")), seed=0).candidates

    assert first.settings == {"alcohol": "butanol", "base": "weak", "temperature": 60}
    assert first.targets[0].values == (95.0,)
    assert not [one for one in rest if one.settings["alcohol"] == "phenol"]  # which nobody measured


def test_a_number_that_strays_is_the_candidate_that_was_asked_for() -> None:
    space, strayed = build_space(SPEC), swapped(SPEC, temperature=57.0)

    (first, *_) = honest_best(SPEC, history(SPEC, strayed), seed=0).candidates

    assert (first.settings, first.targets[0].values) == (ASKED, (95.0,))
    assert not is_another(space, strayed.x, strayed.at)


def test_neither_what_was_asked_for_nor_what_ran_comes_again() -> None:
    seen = swapped(SPEC, base="strong")

    tried = History((seen,)).tried(3).tolist()

    assert tried == [seen.x.tolist(), seen.at.tolist()]


def test_what_ran_by_nobody_knows_what_is_no_candidates_value() -> None:
    unread = replace(observe(SPEC, ASKED, measured(**{"yield": 95.0}), "unread"), is_off=True)

    found = honest_best(SPEC, history(SPEC, unread), seed=0)

    assert ASKED not in [one.settings for one in found.candidates]


def test_a_goal_is_reached_by_what_the_file_has_of_what_really_ran() -> None:
    rules = {"stop": [{"target": "yield", "at_least": 90}], "constraints": [{"exclude": {"alcohol": ["butanol"]}}]}
    spec = SPEC.from_resolved({**SPEC.resolved(), **rules})

    assert "yield reached 95" in reason_to_stop(spec, history(spec, swapped(spec, alcohol="propanol")), 7)
    assert not reason_to_stop(spec, history(spec, swapped(spec, alcohol="butanol")), 7)


def test_a_part_that_was_not_asked_for_makes_another_blend() -> None:
    mixture = {"solvent": {"type": "mixture", "parts": ["water", "DMF", "MeCN"]}}
    space = build_space(SPEC.from_resolved({**SPEC.resolved(), "space": mixture}))
    asked, strayed, other = (
        space.coordinates(dict(zip(space.names, fractions, strict=True)))
        for fractions in ((0.5, 0.5, 0.0), (0.4, 0.6, 0.0), (0.4, 0.5, 0.1))
    )

    assert not is_another(space, asked, strayed)
    assert is_another(space, asked, other)
