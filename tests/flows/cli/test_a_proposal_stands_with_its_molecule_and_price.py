"""Beside each molecule that is proposed stand its structure and its price: in a dry run, in show and on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.candidates import price_of

MOLECULES = {"ethanol": "CCO", "pyridine": "c1ccncc1", "CC=O": "CC=O"}
PRICES = {"ethanol": 12, "pyridine": 30.5}
SPEC: dict[str, Any] = {
    "campaign": "bought",
    "space": {"molecule": {"type": "molecule", "options": MOLECULES}},
    "objective": {"pIC50": {"goal": "maximize"}},
    "costs": {"unit": "EUR", "experiment": 40, "hours": 0.5, "hour": 4, "options": {"molecule": PRICES}},
    "planner": {"surrogate": "random", "batch": 3, "initial": {"design": "random", "experiments": 3}},
    "budget": {"experiments": 3},
    "laboratory": {"adapter": "manual", "approval": "person"},
}


@pytest.fixture
def bought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bought.yaml").write_text(yaml.safe_dump(SPEC))


@pytest.mark.usefixtures("bought")
def test_before_it_is_approved_a_molecule_is_seen_and_its_price_known(hakken: Any, home: Any) -> None:
    foreseen = hakken("run", "--dry-run", "bought.yaml").out
    hakken("run", "bought.yaml")
    shown = hakken("show", "bought").out
    hakken("report", "bought")
    page = (home.home / "bought/report.html").read_text("utf-8")

    for said in (foreseen, shown):
        below = {line.split(". ", 1)[1]: said.splitlines()[i + 1] for i, line in enumerate(said.splitlines())
                 if line[3:5] == ". "}  # fmt: skip
        assert below["ethanol"] == "     CCO; costs 54 EUR"
        assert below["pyridine"] == "     c1ccncc1; costs 72.5 EUR"
        assert below["CC=O"] == "     costs 42 EUR"  # it is called by its structure
    batch = page.split('id="batch"')[1].split('id="chance"')[0]
    assert 'aria-label="structure of molecule: c1ccncc1"' in batch
    assert "costs 72.5 EUR" in batch


def test_no_price_is_told_that_the_campaign_file_does_not_know() -> None:
    same_for_all = {**SPEC, "costs": {"unit": "EUR", "experiment": 40}}
    hours_are_learnt = {**SPEC, "costs": {"hour": 4, "options": {"molecule": PRICES}}}

    assert price_of(same_for_all, {"molecule": "ethanol"}) == ""
    assert price_of(hours_are_learnt, {"molecule": "ethanol"}) == ""
    assert price_of(SPEC, {"molecule": "ethanol"}) == "54 EUR"


def test_the_price_of_a_candidate_is_that_of_its_version_too() -> None:
    def spec(**version: Any) -> dict[str, Any]:
        method = {"type": "fidelity", "options": ["xtb", "dft"], **version}
        return {**SPEC, "space": {**SPEC["space"], "method": method}}

    stated, learnt = spec(costs={"xtb": 1, "dft": 20}), spec()
    apart = {**learnt, "costs": {**SPEC["costs"], "options": {"molecule": PRICES, "method": {"xtb": 1, "dft": 20}}}}

    for told in (stated, apart):
        assert price_of(told, {"molecule": "ethanol", "method": "xtb"}) == "55 EUR"
        assert price_of(told, {"molecule": "ethanol", "method": "dft"}) == "74 EUR"
    assert price_of(learnt, {"molecule": "ethanol", "method": "dft"}) == ""
