"""A target with ``scale: log``: told and said in its unit, on the command line and on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

CAMPAIGN = """\
campaign: impurity
space:
  catalyst: {type: category, options: [A, B, C, D]}
  temperature: {type: number, values: [20, 40, 60, 80], unit: degC}
objective:
  impurity: {goal: minimize, unit: "%", low: 0, high: 100, scale: log}
planner: {batch: 2, initial: {experiments: 4}}
stop: [{target: impurity, regret: 1.2}]
budget: {experiments: 20}
laboratory: {adapter: manual}
"""


def impurity(catalyst: str, temperature: float) -> float:
    return float(10.0 ** (1.0 - 0.9 * "ABCD".index(catalyst) - 0.02 * (temperature - 20)))


ROWS = [f"{c},{t},{impurity(c, t):.3g}" for c, t in (("A", 20), ("A", 80), ("B", 40), ("C", 60), ("D", 20), ("B", 80))]


@pytest.fixture
def told(hakken: Any, tmp_path: Path, monkeypatch: Any) -> Any:
    """A campaign with six results, of which one is a limit, and a batch that waits."""
    monkeypatch.chdir(tmp_path)
    Path("impurity.yaml").write_text(CAMPAIGN)
    Path("results.csv").write_text("\n".join(["catalyst,temperature,impurity", *ROWS, "D,60,< 0.01", ""]))
    assert "7 results accepted" in hakken("tell", "impurity.yaml", "results.csv").out
    assert hakken("run", "impurity.yaml").code == 0
    return hakken


def test_predictions_are_medians_within_a_factor(told: Any) -> None:
    shown, best = told("show", "impurity"), told("best", "impurity")

    expected = r"impurity [\d.e-]+ % \(within a factor of [\d.]+\) expected, [\d.]+ times below the best"
    assert re.search(expected, shown.out)
    assert re.search(r"by more than a factor of [\d.]+", shown.out)
    assert re.search(r"impurity [\d.]+ \[90%: [\d.]+ to [\d.]+\] %", best.out)
    assert "log10" not in best.out
    assert "minimize impurity [%] by factors" in told("validate", "impurity.yaml").out


def test_charts_have_powers_of_ten_as_ticks(told: Any) -> None:
    said = told("report", "impurity").out

    page = Path(said.splitlines()[0].removeprefix("wrote "))
    ticks = re.findall(r'class="tick"[^>]*>([^<]+)<', page.read_text())
    assert {"0.01", "0.1", "1", "10"} <= set(ticks)


def test_a_zero_is_kept_named_and_not_learnt(told: Any) -> None:
    Path("more.csv").write_text("catalyst,temperature,impurity\nC,80,0\n")

    said = told("tell", "impurity.yaml", "more.csv")

    assert "1 result accepted" in said.out
    assert "no place on its logarithmic scale" in said.out + said.err
    assert "as the limit that it was found below" in said.out + said.err


def test_the_scale_may_be_changed_while_a_campaign_runs(told: Any) -> None:
    Path("impurity.yaml").write_text(
        CAMPAIGN.replace(", scale: log", "").replace("regret: 1.2", "regret: 0.01").replace("batch: 2", "batch: 3")
    )

    assert told("run", "impurity.yaml").code == 0
    assert "log10" not in told("best", "impurity").out
    Path("impurity.yaml").write_text(CAMPAIGN)
    assert told("run", "impurity.yaml").code == 0
    assert told("replay", "impurity", "1").code == 0
