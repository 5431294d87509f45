"""YAML 1.1 knows numbers to the base of 60 and of 8, which nobody means: a campaign file has none."""

from __future__ import annotations

import pytest

from loop.errors import SpecError
from loop.spec import read_spec
from loop.spec.lines import load_yaml

FILE = """\
campaign: c
space:
  time: {{type: number, values: {values}, unit: h}}
  ratio: {{type: category, options: [1:10, 1:20]}}
objective: {{yield: {{goal: maximize, unit: "%"}}}}
budget: {{experiments: 012}}
laboratory: {{adapter: manual}}
"""


@pytest.mark.parametrize("text", ["1:30", "12:00", "-1:30", "1:30:15", "1:30.5"])
def test_what_a_clock_shows_is_text(text: str) -> None:
    assert load_yaml(f"a: {text}", "t")[0] == {"a": text}


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("-15", -15), ("1_000", 1000), ("1.5", 1.5), (".5", 0.5), ("1.0e-05", 1e-5)]
)
def test_a_number_is_one(text: str, number: float) -> None:
    assert load_yaml(f"a: {text}", "t")[0] == {"a": number}


def test_hours_and_minutes_are_refused_and_ratios_are_options() -> None:
    with pytest.raises(SpecError, match=r"line 3: space\.time\.values\.0: must be a number, got '1:30'"):
        read_spec(FILE.format(values="[1:30, 2:00]"), source="t", read=None)

    spec = read_spec(FILE.format(values="[010, 16]"), source="t", read=None)

    assert spec.space["ratio"].options == ["1:10", "1:20"]
    assert spec.space["time"].values == [10, 16]
    assert spec.budget.experiments == 12
