"""Of several laboratories one that has nothing may be changed, added or taken out while another has experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: ovens
space:
  oven: {type: category, options: [left, right]}
  temperature: {type: number, values: [80, 90, 100], unit: degC}
objective: {yield: {goal: maximize, unit: "%", low: 0, high: 100}}
planner: {surrogate: random, batch: 6, initial: {experiments: 6, design: random}}
budget: {experiments: 6}
laboratory:
  adapter: several
  patience: 900
  laboratories:
    robot: {adapter: simulated, seed: 1, when: {oven: left}}
    bench: {adapter: manual, when: {oven: right}}
"""


@pytest.fixture
def change(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a pass says of the file with ``old`` for ``new``; three experiments are with the bench by then."""
    monkeypatch.chdir(tmp_path)
    file = Path("ovens.yaml")
    file.write_text(CAMPAIGN)
    hakken("run", file)

    def changed(old: str, new: str) -> Any:
        file.write_text(CAMPAIGN.replace(old, new))
        return hakken("tick", file)

    return changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed: 1", "seed: 2"),
        ("    robot: {adapter: simulated, seed: 1, when: {oven: left}}\n", ""),
        ("    bench:", "    other: {adapter: simulated}\n    bench:"),
        ("patience: 900", "patience: 60"),
    ],
    ids=["options", "taken out", "added", "patience"],
)
def test_what_has_nothing_may_change(change: Any, old: str, new: str) -> None:
    assert change(old, new).code == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [("{adapter: manual, ", "{adapter: simulated, "), ("    bench: {adapter: manual, when: {oven: right}}\n", "")],
    ids=["another", "taken out"],
)
def test_what_has_experiments_may_not(change: Any, old: str, new: str) -> None:
    said = change(old, new)

    assert said.code == 2
    assert (
        "the laboratory's options (laboratories.bench) cannot be changed while 3 attempts are with 'bench'"
    ) in said.err


def test_only_what_is_with_the_laboratory_that_changes_stands_against_it(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = CAMPAIGN.replace("{adapter: simulated, seed: 1, ", "{adapter: ask_tell, ")
    Path("ovens.yaml").write_text(text)
    hakken("tick", "ovens.yaml")
    Path("ovens.yaml").write_text(text.replace("    robot:", "    other:"))

    said = hakken("tick", "ovens.yaml").err

    key = said.partition("such as ")[2].partition(" ")[0]
    at_work = {one["key"]: one["settings"]["oven"] for one in hakken("status", "ovens", "--json").json[0]["at_work"]}
    assert "options (laboratories.robot) cannot be changed while 3 attempts are with 'robot'" in said
    assert (len(at_work), at_work[key]) == (6, "left")
