"""Where all results are alike nothing tells how much better others may be, so that no regret ends a campaign."""

from __future__ import annotations

from typing import Any

import pytest
from campaigns import measured, observe, reaction_spec

from loop.history import Claim, History
from loop.insight.saying import regret_sentence
from loop.outcome import Measured, Measurement, Qualifier
from loop.planner import plan
from loop.policy.stopping import regret_settled
from loop.record import Json
from loop.spec import CampaignSpec

TRIED = [
    {"alcohol": alcohol, "base": base, "temperature": 40}
    for alcohol in ("methanol", "ethanol", "propanol")
    for base in ("weak", "strong")
]
CLAIMS = tuple(Claim("yield", 0.0, 1.0, 0.0) for _ in range(30))


def limit(sign: str, value: float) -> Measured:
    return Measured((Measurement("yield", value, "%", value, qualifier=Qualifier(sign)),))


def stated(*outcomes: Measured, goal: dict[str, Any] | None = None) -> tuple[CampaignSpec, Json]:
    """The campaign, and what is stated on regret where tried candidates came out so, each answer in turn."""
    spec = CampaignSpec.from_resolved(
        {
            **reaction_spec(
                {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100, **(goal or {})}}
            ).resolved(),
            "stop": [{"target": "yield", "regret": 5, "confirm": False}],
        }
    )
    seen = [observe(spec, s, outcomes[i % len(outcomes)], str(i)) for i, s in enumerate(TRIED)]
    return spec, plan(spec, History(tuple(seen), claims=CLAIMS), seed=0, experiments=3).model["regret"]


@pytest.mark.parametrize(
    "outcomes",
    [
        [measured(**{"yield": 0.0})],
        [measured(**{"yield": 50.0})],
        [limit("<", 1.0)],
        [limit("<", 1.0), limit("<", 3.0), measured(**{"yield": 0.5})],
    ],
    ids=["nothing-everywhere", "half-everywhere", "all-below", "within-the-limits"],
)
def test_results_that_are_all_alike_end_no_campaign(outcomes: list[Measured]) -> None:
    spec, told = stated(*outcomes)

    assert told["epsilon"] is None
    assert told["rules"] == [{"regret": 5, "delta": 0.05, "chance": 1.0}]
    assert regret_settled(spec, told) == ""
    assert regret_sentence(told) == (
        "no two results of yield are known to differ, so nothing is said of how much better others may be than "
        f"{told['incumbent']}"
    )


@pytest.mark.parametrize(
    "outcomes",
    [[measured(**{"yield": 0.0}), measured(**{"yield": 2.0})], [limit("<", 1.0), measured(**{"yield": 2.0})]],
    ids=["values", "a-value-beyond-a-limit"],
)
def test_two_results_that_differ_are_enough(outcomes: list[Measured]) -> None:
    _, told = stated(*outcomes)

    assert "alike" not in told
    assert told["epsilon"] is not None


@pytest.mark.parametrize(
    ("outcome", "goal"),
    [
        (measured(**{"yield": 100.0}), {}),
        (measured(**{"yield": 0.0}), {"goal": "minimize"}),
        (measured(**{"yield": 40.0}), {"goal": "match", "value": 40.0, "within": 5.0}),
    ],
    ids=["the-highest", "the-lowest", "the-one-wanted"],
)
def test_nothing_is_better_than_what_is_as_good_as_can_be(outcome: Measured, goal: dict[str, Any]) -> None:
    _, told = stated(outcome, goal=goal)

    assert "alike" not in told
    assert told["epsilon"] is not None
