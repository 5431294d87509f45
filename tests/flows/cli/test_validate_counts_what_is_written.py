"""``hakken validate`` says of a campaign file what the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SPEC = """\
campaign: counted
space:
  gas: {type: category, options: [N2, air]}
  t: {type: number, low: 0, high: 10}
  solvent: {type: mixture, parts: [water, ethanol, DMSO], at_most: 2}
constraints:
  - {exclude: {gas: air}, where: {t: {above: 5}}}
  - {sum: {t: 1, solvent.water: 2}, at_most: 9}
objective: {yield: {goal: maximize}}
budget: {experiments: 10}
laboratory: {adapter: manual}
"""


def test_the_sum_of_a_mixture_is_no_constraint_that_was_written(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counted.yaml").write_text(SPEC, encoding="utf-8")

    assert hakken("validate", "counted.yaml", "--json").json["constraints"] == 2
