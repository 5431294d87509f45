"""The guide's own surrogate and acquisition function: in Python, in a committee, and from the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import GUIDE, blocks

from loop.errors import FitError, PlanError, SpecError
from loop.own import check_own, own_acquisition, own_surrogate
from loop.testing.acquisition import question
from loop.testing.surrogate import LIMIT, SPACE, above, training

CAMPAIGN = """
campaign: own
space:
  ligand: {type: category, options: [XPhos, SPhos, PPh3, dppf]}
  temperature: {type: number, values: [60, 80, 100, 120], unit: degC}
objective: {yield: {goal: maximize, unit: "%"}}
planner: {surrogate: SURROGATE, acquisition: "mine:Optimist", batch: 3, initial: {experiments: 4}}
budget: {experiments: 7}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the page, in the folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("linear", "mine", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for block in blocks(GUIDE / "models.md"):
        if block.file:
            with (tmp_path / block.file).open("a") as file:
                file.write(block.code)
    return tmp_path


def test_the_session_of_the_page_runs(folder: Path) -> None:
    env, session = {"PYTHONPATH": str(GUIDE.parents[1])}, str(folder / "session.py")

    done = subprocess.run([sys.executable, session], capture_output=True, text=True, timeout=300, env=env)

    assert done.returncode == 0, done.stderr


def test_it_is_weighed_in_a_committee_and_replayed(hakken: Callable[..., Any]) -> None:
    Path("own.yaml").write_text(CAMPAIGN.replace("SURROGATE", '[gp, "linear:Linear"]'))

    checked, ran = hakken("validate", "own.yaml"), hakken("run", "own.yaml")
    shown, replayed = hakken("show", "own"), hakken("replay", "own", "2")

    assert checked.code == ran.code == 0, checked.err + ran.err
    assert "linear, weight 0." in " ".join(shown.out.split())
    assert "acquisition optimist" in shown.out or "optimist" in shown.out
    assert replayed.code == 0, replayed.out


def test_a_record_can_be_looked_at_where_the_code_is_not_and_nothing_is_planned_there(
    hakken: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("own.yaml").write_text(CAMPAIGN.replace("SURROGATE", '"linear:Linear"').replace('"mine:Optimist"', "auto"))
    hakken("run", "own.yaml")
    (folder / "linear.py").rename(folder / "elsewhere.py")
    monkeypatch.delitem(sys.modules, "linear")

    best, drawn, replayed = hakken("best", "own"), hakken("report", "own"), hakken("replay", "own", "2")

    why = "surrogate 'linear:Linear': no module 'linear' beside the campaign file"
    assert why in " ".join(best.out.split())
    assert (best.code, drawn.code, replayed.code) == (0, 0, 2), drawn.err
    assert why in " ".join(replayed.err.split())


def test_what_is_not_there_is_said_before_anything_is_recorded(hakken: Callable[..., Any]) -> None:
    for named, why in {
        "liner:Linear": "surrogate 'liner:Linear': no module 'liner' beside the campaign file",
        "linear:Linaer": "module 'linear' has no 'Linaer' to be called (did you mean 'Linear'?)",
        "linear:features": "called without arguments, failed: TypeError",
        "linear:torch": "module 'linear' has no 'torch' to be called",
        "linear:": "one of your own is named MODULE:NAME, such as mine:Mine",
    }.items():
        Path("own.yaml").write_text(CAMPAIGN.replace("SURROGATE", f'"{named}"'))

        checked, ran = hakken("validate", "own.yaml"), hakken("tick", "own.yaml")

        assert (checked.code, ran.code) == (2, 2)
        assert why in " ".join(checked.err.split())
        assert why in " ".join(ran.err.split())
    assert "no campaign" in " ".join((hakken("status").out + hakken("status").err).split())


BROKEN = """
from dataclasses import dataclass
import torch
from linear import Linear
from loop.acquisition.protocol import Choice, Chosen

@dataclass(frozen=True)
class Raises(Linear):
    def fit(self, space, data, *, seed):
        return 1 / 0

@dataclass(frozen=True)
class Returns(Linear):
    def fit(self, space, data, *, seed):
        return 5

class Narrow(Linear):
    def fit(self, space, data, *, seed):
        fitted = super().fit(space, data, seed=seed)
        object.__setattr__(fitted, "samples", lambda x, n, *, seed: torch.zeros(n))
        return fitted

class NoModel:
    name = "none"

class Elsewhere:
    name = "elsewhere"
    def choose(self, question, q):
        return Choice((Chosen(question.pool.take([0])[0] + 0.5, 1.0, "worth"),))

class Nothing:
    name = "nothing"
    def choose(self, question, q):
        return [1]
"""


def test_code_that_fails_is_told_with_file_and_line(folder: Path) -> None:
    (folder / "broken.py").write_text(BROKEN)

    with pytest.raises(FitError, match=r"'broken:Raises' could not be fitted: ZeroDivisionError: .*broken.py line 10"):
        own_surrogate("broken:Raises").fit(SPACE, training(), seed=1)
    with pytest.raises(FitError, match=r"what its fit returns \(a int\) lacks name, noise_sd"):
        own_surrogate("broken:Returns").fit(SPACE, training(), seed=1)
    with pytest.raises(FitError, match=r"has a draw of shape \(3,\), and \(3, 2\) is wanted \(16 training values\)"):
        own_surrogate("broken:Narrow").fit(SPACE, training(), seed=1)
    with pytest.raises(SpecError, match=r"what it makes \(a NoModel\) lacks needs, fit"):
        check_own("broken:NoModel", "auto")
    with pytest.raises(PlanError, match=r"'broken:Elsewhere' chose .* which is no candidate"):
        own_acquisition("broken:Elsewhere").choose(question(), 1)
    with pytest.raises(PlanError, match="returned a list and no Choice"):
        own_acquisition("broken:Nothing").choose(question(), 1)
    with pytest.raises(FitError, match="'linear' could not be fitted: it cannot learn from limits"):
        own_surrogate("linear:Linear").fit(SPACE, above(training(), LIMIT), seed=1)
