"""Where some options have a price, validate names those that have none, since they count as free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SPEC: dict[str, Any] = {
    "campaign": "priced",
    "space": {
        "solvent": {"type": "category", "options": ["DMSO", "THF", "water"]},
        "additive": {"type": "component", "options": {"LiCl": "[Li+].[Cl-]", "no": None, "NaI": "[Na+].[I-]"}},
        "heat": {"type": "number", "values": [20, 40], "unit": "degC"},
    },
    "objective": {"yield": {"goal": "maximize", "unit": "%"}},
    "budget": {"experiments": 9},
    "laboratory": {"adapter": "manual"},
}
FREE = "1 of 3 options of solvent has no price under costs.options and costs nothing: THF; state 0 where that is meant"


@pytest.mark.parametrize(
    ("prices", "note"),
    [
        pytest.param({"solvent": {"DMSO": 3, "water": 0}}, FREE, id="one is left out"),
        pytest.param({"solvent": {"DMSO": 3, "THF": 2, "water": 0}}, "", id="all are stated"),
        pytest.param({"additive": {"LiCl": 3, "NaI": 2}}, "", id="what adds nothing needs no price"),
    ],
)
def test_options_without_a_price_are_named_once(
    hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prices: dict[str, Any], note: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("priced.yaml").write_text(yaml.safe_dump(SPEC | {"costs": {"unit": "EUR", "options": prices}}))

    told = hakken("validate", "priced.yaml")

    assert told.code == 0
    assert told.out.count("note: ") == told.out.count(f"note: {note}\n") == (1 if note else 0)


def test_what_is_bought_once_costs_something(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    costs = {"unit": "EUR", "options": {"solvent": {"DMSO": 3}}, "once": {"solvent": {"THF": 40}}}
    Path("priced.yaml").write_text(yaml.safe_dump(SPEC | {"costs": costs}))

    told = hakken("validate", "priced.yaml")

    assert "note: 1 of 3 options of solvent has no price under costs.options and costs nothing: water;" in told.out


def test_many_are_counted(hakken: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = {"solvent": {"type": "category", "options": [f"s{i}" for i in range(9)]}}
    costs = {"unit": "EUR", "options": {"solvent": {"s0": 1}}}
    Path("priced.yaml").write_text(yaml.safe_dump(SPEC | {"space": space, "costs": costs}))

    told = hakken("validate", "priced.yaml")

    assert "8 of 9 options of solvent have no price" in told.out
    assert "cost nothing: s1, s2, s3, s4, s5 and 3 more; state 0" in told.out
