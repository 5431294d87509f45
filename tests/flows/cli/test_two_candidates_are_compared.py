"""``compare``: by how much the believed best is better than another, drawn together, and what to measure in doubt."""

from __future__ import annotations

from typing import Any

import pytest

from flows.cli.guard import REFUSED

SPEC = {
    "campaign": "heat",
    "space": {
        "base": {"type": "category", "options": ["weak", "strong"]},
        "temperature": {"type": "number", "low": 20, "high": 120, "step": 5, "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%", "low": 0, "high": 100}},
    "planner": {"surrogate": "ard", "initial": {"experiments": 3}},
    "budget": {"experiments": 200},
    "laboratory": {"adapter": "manual"},
}
TABLE = [
    (b, t, (60 if b == "strong" else 40) - ((t - 80) / 10) ** 2) for b in ("weak", "strong") for t in range(20, 121, 10)
]


def rows(more: str = "", value: Any = lambda _: "") -> str:
    lines = [f"base,temperature,yield{more}", *(f"{b},{t},{y:.2f}{value(t)}" for b, t, y in TABLE)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def told(tell_table: Any) -> None:
    tell_table(SPEC, rows())


@pytest.mark.usefixtures("told")
def test_the_difference_has_an_interval_about_the_truth_and_a_chance(hakken: Any) -> None:
    found = hakken("compare", "heat", "--to", "base=weak", "--by", "15", "--json").json["comparison"]

    (of_yield,) = found["targets"]
    first, second = found["settings"]
    assert (first["base"], second["base"]) == ("strong", "weak")
    assert first["temperature"] == second["temperature"] == 80  # what is not given is as there
    assert of_yield["low"] <= 20 <= of_yield["high"]
    assert of_yield["difference"] == pytest.approx(20, abs=1)
    assert of_yield["better"] > 0.99
    assert of_yield["enough"] > 0.9
    assert found["measured"] == ["once", "once"]


@pytest.mark.usefixtures("told")
def test_it_is_said_in_words_and_what_is_sure_needs_no_more(hakken: Any) -> None:
    said = hakken("compare", "heat", "--to", "base=weak", "--to", "temperature=60").out

    assert "strong, temperature 80 degC against weak, temperature 60 degC" in said
    assert "yield: 60" in said
    assert "better with a chance above 0.999" in said
    assert "next: hakken report heat draws all that is believed" in said


@pytest.mark.usefixtures("told")
def test_what_is_in_doubt_is_to_be_measured(hakken: Any) -> None:
    said = hakken("compare", "heat", "--at", "temperature=85", "--to", "temperature=75").out

    assert "better with a chance of 0." in said
    assert "hakken pin heat --where base=strong --where temperature=75 --why" in said  # neither was measured


@pytest.mark.usefixtures("told")
def test_the_other_way_round_it_is_the_other_way_round(hakken: Any) -> None:
    there = hakken("compare", "heat", "--to", "temperature=70", "--json").json["comparison"]["targets"][0]
    back = hakken("compare", "heat", "--at", "temperature=70", "--to", "temperature=80", "--json")
    back = back.json["comparison"]["targets"][0]

    assert back["difference"] == pytest.approx(-there["difference"])
    assert back["better"] == pytest.approx(1 - there["better"], abs=0.03)


def test_several_targets_thresholds_and_factors(hakken: Any, tell_table: Any) -> None:
    objective = {
        **SPEC["objective"],  # type: ignore[dict-item]
        "rate": {"goal": "minimize", "scale": "log", "unit": "mol/L"},
        "impurity": {"goal": "keep", "at_most": 3, "unit": "%"},
    }
    tell_table(
        {**SPEC, "objective": objective},
        rows(",rate,impurity", lambda t: f",{10 ** (t / 40 - 3):.6f},{1 + 2 * (t - 40) / 50:.2f}"),
    )

    found = hakken(
        "compare", "heat", "--at", "base=strong", "--at", "temperature=80", "--to", "temperature=120", "--json"
    )
    said = hakken("compare", "heat", "--to", "temperature=120").out

    targets = {one["name"]: one for one in found.json["comparison"]["targets"]}
    assert targets["rate"]["is_factor"]
    assert targets["rate"]["difference"] == pytest.approx(0.1, rel=0.2)
    assert targets["rate"]["better"] > 0.99  # less is better
    assert targets["impurity"]["better"] is None
    assert targets["impurity"]["keeps"][0] > 0.9
    assert targets["impurity"]["keeps"][1] < 0.1
    assert found.json["comparison"]["better"] > 0.9
    assert "times as much (90 % interval" in said
    assert "better in all that is wanted at once" in said
    assert "note: the believed front has" in said


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "nothing to compare with is given; write --to NAME=VALUE for what is other there"),
        (["--to", "temperature=80"], "is compared with itself; name another candidate, such as today's"),
        (["--to", "base=none"], "none"),
        (["--to", "base=weak", "--by", "much"], "'much' is no number; write how much better it has to be"),
        (["--to", "base=weak", "--by", "purity=5"], "'purity' is no target that is wanted more, less or near a value"),
        (["--to", "base=weak", "--by", "0"], "how much better yield has to be is above zero, in %, got 0"),
        (["--to", "base=weak", "--by", " yield = 0"], "how much better yield has to be is above zero, in %, got 0"),
        (["--to", "base=weak", "--by", "inf"], "how much better yield has to be is above zero, in %, got inf"),
        (["--to", "base=weak", "--by", "5", "--by", "yield=9"], "yield is given twice, as 5 and as 9; give one amount"),
    ],
)
def test_what_cannot_be_compared_is_refused(hakken: Any, given: list[str], why: str) -> None:
    refused = hakken("compare", "heat", *given)

    assert refused.code == REFUSED
    assert why in refused.err


def test_before_there_are_results_it_says_so(hakken: Any, tell_table: Any) -> None:
    tell_table(SPEC, "base,temperature,yield\nweak,20,4.0\n")

    refused = hakken("compare", "heat", "--to", "base=strong")

    assert refused.code == REFUSED
    assert "needs" in refused.err
