"""A laboratory of several whose ``when`` names what the campaign does not have would wait for ever: it is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: ovens
space:
  oven: {type: category, options: ["1", "2"]}
  temperature: {type: number, values: [80, 90], unit: degC}
  loading: {type: number, low: 1, high: 10}
  additive: {type: number, low: 5, high: 50, or_zero: true}
  hot: {type: derived, expression: temperature + 273.15, unit: K}
  operator: {type: context, options: [ada, bob]}
objective:
  yield: {goal: maximize, unit: "%", low: 0, high: 100}
planner: {surrogate: random, batch: 2, initial: {experiments: 2, design: random}}
budget: {experiments: 12}
laboratory:
  adapter: several
  laboratories:
    robot: {adapter: simulated, when: {oven: "1"}}
    rest: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("ovn: 1", "'when' names no parameter of the space: 'ovn' (did you mean 'oven'?); they are oven, temperature"),
        ("hot: 353", "'when' names 'hot', which follows from others; name what is set, of oven, temperature"),
        ("operator: ada", "'when' names 'operator', which is known with a result, not before; name what is set, of"),
        ("oven: 1", "'when' gives 'oven' the value 1, and its options are text; put it in quotes"),
        ("oven: ['1', '3']", "'when' gives 'oven' the value '3', which is none of its options; they are 1, 2"),
        ("oven: []", "'when' gives 'oven' no value, so that it takes nothing; name one, or leave 'oven' out"),
        ("temperature: 85", "'when' gives 'temperature' the value 85, which it never is; it is one of 80, 90"),
        ("temperature: '80'", "'when' gives 'temperature' the value '80', which is no number; write it without quotes"),
        ("loading: 12", "'when' gives 'loading' the value 12, which lies outside 1 to 10"),
        ("loading: 0", "'when' gives 'loading' the value 0, which lies outside 1 to 10"),
        ("additive: 2", "'when' gives 'additive' the value 2, which lies outside 5 to 50 and is not 0"),
        ("temperature: [[80]]", "'when' must give each parameter an option or a list, got {'temperature': [[80]]}"),
        ("oven: null", "'when' must give each parameter an option or a list, got {'oven': None}"),
    ],
)
@pytest.mark.parametrize("command", [["validate"], ["run", "--dry-run"], ["tick"]])
def test_what_it_takes_and_is_not_there_is_named_with_its_line(
    hakken: Any, command: list[str], when: str, message: str
) -> None:
    Path("ovens.yaml").write_text(CAMPAIGN.replace('oven: "1"}', f"{when}}}"))

    said = hakken(*command, "ovens.yaml")

    assert said.code == 2
    assert "ovens.yaml line 13: laboratory: laboratory 'several': laboratory 'robot': " in said.err
    assert message in said.err


@pytest.mark.parametrize("when", ["additive: 0", "additive: 5", "loading: [1, 10]"])
def test_none_of_an_amount_and_the_ends_of_a_range_are_values(hakken: Any, when: str) -> None:
    Path("ovens.yaml").write_text(CAMPAIGN.replace('oven: "1"}', f"{when}}}"))

    assert hakken("validate", "ovens.yaml").code == 0
