"""``window``: how far each setting of the believed best may be off before thresholds, or its value, are in doubt."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
import pytest

from flows.cli.guard import REFUSED

SPACE = {
    "base": {"type": "category", "options": ["weak", "strong"]},
    "temperature": {"type": "number", "low": 20, "high": 120, "step": 5, "unit": "degC"},
    "time": {"type": "number", "low": 1, "high": 9, "unit": "h"},
}
YIELD = {"goal": "maximize", "unit": "%", "low": 0, "high": 100}


def spec(**changes: Any) -> dict[str, Any]:
    return {
        "campaign": "heat",
        "space": SPACE,
        "objective": {"yield": YIELD, "impurity": {"goal": "keep", "unit": "%", "at_most": 3}},
        "planner": {"surrogate": "ard", "initial": {"experiments": 3}},
        "budget": {"experiments": 200},
        "laboratory": {"adapter": "manual"},
        **changes,
    }


def rows(*, impurity: bool = True) -> str:
    """A yield that is highest at 80 degC and 6 h, and an impurity that passes 3 % at 90 degC."""
    lines = ["base,temperature,time,yield" + (",impurity" if impurity else "")]
    for base, t, h in [(b, t, h) for b in ("weak", "strong") for t in range(20, 121, 10) for h in (1, 3, 6, 9)]:
        y = (80 if base == "strong" else 40) * np.exp(-(((t - 80) / 60) ** 2) - ((h - 6) / 8) ** 2)
        lines.append(f"{base},{t},{h},{y:.3f}" + (f",{1 + 2 * (t - 40) / 50:.3f}" if impurity else ""))
    return "\n".join(lines) + "\n"


@pytest.fixture
def told(tell_table: Any) -> None:
    tell_table(spec(), rows())


@pytest.mark.usefixtures("told")
def test_each_setting_has_its_range_and_what_breaks_beyond_it(hakken: Any) -> None:
    found = hakken("window", "heat", "--loses", "10", "--json").json["window"]

    assert found["settings"]["base"] == "strong"
    assert found["here"] >= 0.9
    assert found["asked"] == ["impurity at most 3 %", "yield worse by 10 % at most"]
    heat, time = found["ranges"]
    assert (heat["name"], heat["unit"], heat["at"]) == ("temperature", "degC", 80)
    # 10 % of the yield is lost at 58.1 degC; the impurity passes 3 % at 90 degC
    assert 57 <= heat["low"] <= 64
    assert 86 <= heat["high"] <= 90
    assert (heat["low_breaks"], heat["high_breaks"]) == ("yield", "impurity")
    assert (time["at"], time["high_breaks"]) == (6, "yield")
    assert 8.3 <= time["high"] <= 9  # 10 % are lost at 8.9 h
    assert 0 < found["together"] <= 1
    low, high = found["boxed"]["temperature"]
    assert heat["low"] <= low < 80 < high <= heat["high"]
    assert found["instead"] == {"base": []}
    assert found["strayed"] is None


@pytest.mark.usefixtures("told")
def test_it_is_said_and_its_next_step_works(hakken: Any) -> None:
    said = hakken("window", "heat", "--loses", "10").out
    plain = " ".join(said.split())

    assert "about strong, temperature 80 degC, time 6 h" in said
    assert "asked: impurity at most 3 %; yield worse by 10 % at most; with a chance of at least 0.9" in said
    assert "yield below, impurity above" in plain
    assert "all of them at once: by" in said
    assert "base: no other would do" in said
    step = said.splitlines()[-1]
    assert step.startswith("next: measure where it is most in doubt: hakken pin heat --where base=strong")
    assert hakken(*shlex.split(step.partition("hakken ")[2])).code == 0


@pytest.mark.usefixtures("told")
def test_best_points_to_it_where_there_are_thresholds(hakken: Any) -> None:
    step = hakken("best", "heat").out.splitlines()[-1]

    assert "; hakken window heat says how far its settings may be off; " in step


@pytest.mark.usefixtures("told")
def test_another_candidate_is_asked_about_by_what_differs(hakken: Any) -> None:
    found = hakken("window", "heat", "--at", "temperature=40", "--at", "base=weak", "--json").json["window"]

    assert found["settings"] == {"base": "weak", "temperature": 40, "time": 6}
    heat = found["ranges"][0]
    assert (heat["low"], heat["low_breaks"]) == (20, "")  # only the impurity is asked about
    assert heat["high_breaks"] == "impurity"
    assert found["instead"] == {"base": ["strong"]}


def test_what_strays_by_the_file_is_held_against_it(hakken: Any, tell_table: Any) -> None:
    heat = {**SPACE["temperature"], "tolerance": 15}
    tell_table(spec(space={**SPACE, "temperature": heat}), rows())

    found = hakken("window", "heat", "--at", "temperature=80", "--json").json["window"]
    said = hakken("window", "heat", "--at", "temperature=80").out

    assert found["strayed"] < 0.1  # 95 degC is beyond the limit
    assert "where settings stray (temperature ± 15 degC by the campaign file), it is 0.00 or more" in said
    assert "tolerances temperature ± 15 degC" in " ".join(hakken("validate", "campaign.yaml").out.split())
    best = hakken("best", "heat").out
    assert "believed best: strong, temperature 70 degC" in best
    counts = "what counts is the mean of yield and the worst of impurity"
    assert f"note: where settings stray (temperature ± 15 degC), {counts}" in best


def test_without_thresholds_it_has_to_be_said_what_may_be_lost(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(objective={"yield": YIELD}), rows(impurity=False))

    said = hakken("window", "heat")

    assert said.code == REFUSED
    assert "no target has a threshold, so nothing says what is still good enough; give --loses, such as" in said.err
    assert hakken("window", "heat", "--loses", "5").code == 0


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--loses", "much"), "'much' is no number; write what may be lost, such as yield=5"),
        (("--loses", "impurity=1"), "'impurity' is no target that is wanted; losses are stated of yield"),
        (("--loses", "-3"), "what yield may lose must be a number above zero, got -3"),
        (("--at", "temperature=81"), "temperature = 81 is none of its values"),
        (("--chance", "1.5"), "should be less than or equal to 0.999"),
    ],
)
def test_what_cannot_be_asked_is_refused(hakken: Any, words: tuple[str, ...], message: str) -> None:
    said = hakken("window", "heat", *words)

    assert said.code == REFUSED
    assert message in " ".join(said.err.split())


@pytest.mark.usefixtures("told")
def test_where_it_is_set_may_be_too_much_in_doubt_already(hakken: Any) -> None:
    said = hakken("window", "heat", "--at", "temperature=90").out

    assert "so no setting may be off at all: where it is set, impurity is too much in doubt already" in said
    assert said.splitlines()[-1].startswith("next: hakken window heat --at NAME=VALUE looks elsewhere")


def test_whether_it_runs_is_asked_too_and_known_of_what_ran(hakken: Any, tell_table: Any) -> None:
    lines = ["temperature,yield,outcome"]
    lines += [f"{t},{t if t <= 90 else ''},{'' if t <= 90 else 'convergence_error'}" for t in range(30, 121, 10)]
    tell_table(spec(space={"temperature": SPACE["temperature"]}, objective={"yield": YIELD}), "\n".join(lines) + "\n")

    found = hakken("window", "heat", "--at", "temperature=90", "--loses", "20", "--json").json["window"]
    hot = hakken("window", "heat", "--at", "temperature=100", "--loses", "20").out

    assert found["asked"] == ["yield worse by 20 % at most", "running as intended"]
    assert found["here"] == 1.0
    (heat,) = found["ranges"]
    assert (heat["high"], heat["high_breaks"]) == (90, "running as intended")
    assert "so no setting may be off at all: where it is set, running as intended is more likely missed than not" in hot


def test_of_names_alone_there_is_none(hakken: Any, tell_table: Any) -> None:
    tell_table(spec(space={"base": SPACE["base"]}, objective={"yield": YIELD}), "base,yield\nweak,40\nstrong,80\n")

    said = hakken("window", "heat", "--loses", "5")

    assert said.code == REFUSED
    assert "campaign 'heat' varies no number, so nothing can be a little off; hakken compare heat --to" in said.err


def test_several_targets_are_named_each(hakken: Any, tell_table: Any) -> None:
    two = {"yield": YIELD, "impurity": {"goal": "minimize", "unit": "%"}}
    tell_table(spec(objective=two), rows())

    said = hakken("window", "heat", "--loses", "5")

    assert said.code == REFUSED
    assert "'5': several targets are wanted; write impurity=5, for each that counts" in said.err
    asked = hakken("window", "heat", "--at", "temperature=70", "--loses", "yield=9", "--loses", "impurity=1", "--json")
    assert asked.json["window"]["asked"] == ["impurity worse by 1 % at most", "yield worse by 9 % at most"]


def test_the_next_step_asks_for_less_than_was_asked(hakken: Any, tell_table: Any) -> None:
    few = {"type": "number", "values": [20, 80, 120], "unit": "degC"}
    table = "temperature,yield\n20,10\n80,80\n120,30\n"
    tell_table(spec(space={"temperature": few}, objective={"yield": YIELD}), table)

    said = hakken("window", "heat", "--loses", "2", "--chance", "0.3").out

    assert said.splitlines()[-1].startswith("next: hakken window heat --chance 0.15 asks for less")


def test_what_is_no_number_of_its_own_is_said_to_be_left_out(hakken: Any, tell_table: Any) -> None:
    amount = {"type": "number", "low": 1, "high": 9, "step": 1, "unit": "mol%", "or_zero": True}
    lines = ["amount,yield", "0,80", "1,60", "3,40", "5,20", "9,10"]
    tell_table(spec(space={"amount": amount}, objective={"yield": {**YIELD, "at_least": 50}}), "\n".join(lines) + "\n")

    said = hakken("window", "heat", "--at", "amount=0", "--chance", "0.5").out

    assert "none of its numbers can be a little off" in said
    assert "too much in doubt" not in said


def test_numbers_with_a_fixed_sum_are_not_off_by_themselves(hakken: Any, tell_table: Any) -> None:
    volume = {"type": "number", "low": 0, "high": 100, "unit": "uL"}
    space = {"water": volume, "stock": volume, "temperature": SPACE["temperature"]}
    lines = ["water,stock,temperature,yield"]
    lines += [f"{100 - s},{s},{t},{s / 2 + t / 10}" for s in (0, 25, 50, 75, 100) for t in (20, 60, 120)]
    own = spec(space=space, objective={"yield": YIELD}, constraints=[{"sum": {"water": 1, "stock": 1}, "equals": 100}])
    tell_table(own, "\n".join(lines) + "\n")

    found = hakken("window", "heat", "--loses", "5", "--json").json["window"]

    assert [one["name"] for one in found["ranges"]] == ["temperature"]


def test_a_threshold_of_levels_is_said_in_its_word(hakken: Any, tell_table: Any) -> None:
    form = {"goal": "keep", "levels": ["none", "some", "good"], "at_least": "some"}
    table = "".join(f"{t},{t},{'none' if t > 90 else 'good'}\n" for t in range(20, 121, 10))
    heat = {"temperature": SPACE["temperature"]}
    tell_table(spec(space=heat, objective={"yield": YIELD, "form": form}), f"temperature,yield,form\n{table}")

    assert hakken("window", "heat", "--chance", "0.5", "--json").json["window"]["asked"] == ["form at least some"]


def test_numbers_that_are_large_are_said_in_full(hakken: Any, tell_table: Any) -> None:
    speed = {"type": "number", "low": 98000, "high": 102000, "unit": "Pa"}
    table = "".join(f"{p},{80 - ((p - 100000) / 300) ** 2:.3f}\n" for p in range(98000, 102001, 250))
    tell_table(spec(space={"pressure": speed}, objective={"yield": YIELD}), f"pressure,yield\n{table}")

    found = hakken("window", "heat", "--at", "pressure=100000", "--loses", "5", "--json").json["window"]
    said = hakken("window", "heat", "--at", "pressure=100000", "--loses", "5").out

    (one,) = found["ranges"]
    assert "e+" not in said
    assert f"{one['high']:.0f} Pa" in said
    corner = found["worst"]["pressure"]
    assert one["low"] <= corner <= one["high"]
    nearest = min(abs(corner - end) for end in found["boxed"]["pressure"])
    assert nearest < 0.1 * abs(corner - 100000)


def test_its_next_step_works_where_the_corner_was_measured_already(hakken: Any, tell_table: Any) -> None:
    heat = {"temperature": {**SPACE["temperature"], "step": 10}}
    table = "".join(f"{t},{80 - ((t - 70) / 10) ** 2:.3f}\n" for t in range(20, 121, 10))
    tell_table(spec(space=heat, objective={"yield": YIELD}), f"temperature,yield\n{table}")

    step = hakken("window", "heat", "--loses", "5").out.splitlines()[-1]

    assert "--again" in step
    assert hakken(*shlex.split(step.partition("hakken ")[2])).code == 0


@pytest.mark.usefixtures("told")
def test_the_page_draws_how_far_settings_may_be_off(hakken: Any, home: Any) -> None:
    assert hakken("report", "heat").code == 0
    said = hakken("window", "heat").out

    page = (home.home / "heat/report.html").read_text(encoding="utf-8")

    section = page.split('<section id="window">')[1].split("</section>")[0]
    assert "How far settings may be off" in section
    assert "Asked: impurity at most 3 %; with a chance of at least 0.9" in section
    (line,) = [line for line in said.splitlines() if line.startswith("all of them at once")]
    assert line.removeprefix("all") in section
    heat = section.split("temperature from ")[1].split("</svg>")[0]
    first, last, dot = (
        float(heat.split(f'{mark}="')[n].split('"')[0]) for mark, n in (("x1", 2), ("x2", 2), ("cx", 1))
    )
    assert first == 0  # no limit is broken below
    assert dot == pytest.approx(120 * (80 - 20) / 100)
    assert 120 * (84 - 20) / 100 <= last <= 120 * (90 - 20) / 100


def test_the_page_says_nothing_of_it_where_no_threshold_asks(hakken: Any, home: Any, tell_table: Any) -> None:
    tell_table(spec(objective={"yield": YIELD}), rows(impurity=False))

    assert hakken("report", "heat").code == 0

    assert '<section id="window">' not in (home.home / "heat/report.html").read_text(encoding="utf-8")
