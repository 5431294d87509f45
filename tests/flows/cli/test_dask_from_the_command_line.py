"""A scheduler of Dask under a wrong address, and the file that is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from adapters.executors.dask_scheduler import Scheduler
from loop.errors import AdapterUnavailable

CAMPAIGN = """
campaign: gaps
space:
  molecule: {type: molecule, file: two.csv, smiles: smiles, name: name}
objective: {gap: {goal: maximize, unit: eV}}
budget: {experiments: 2}
planner: {surrogate: random, batch: 2, initial: {experiments: 2}}
laboratory:
  adapter: xtb
  method: GFN2-xTB
  run_on: {dask: {address: "tcp://127.0.0.1:1"}}
"""


def test_a_mended_address_is_taken_and_another_method_is_not(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(*_: object) -> NoReturn:
        raise AdapterUnavailable("the Dask scheduler gives no answer")

    monkeypatch.setattr(Scheduler, "ask", unanswered)
    (tmp_path / "two.csv").write_text("name,smiles\nwater,O\nammonia,N\n")
    path = tmp_path / "gaps.yaml"
    path.write_text(CAMPAIGN)
    hakken("tick", path)
    (standing,) = hakken("status", "gaps", "--json").json

    path.write_text(CAMPAIGN.replace("GFN2", "GFN1").replace(':1"', ':2"'))
    other = hakken("tick", path)
    path.write_text(CAMPAIGN.replace(':1"', ':2"'))
    mended = hakken("tick", path)

    assert standing["pending"]["sending"] >= 1
    assert other.code == 2
    assert "the laboratory's options (method, run_on) cannot be changed while" in other.err
    assert mended.code == 0, mended.err
