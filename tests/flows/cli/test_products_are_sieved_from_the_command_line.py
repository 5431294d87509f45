"""Filters, standardising and twins of products, from the campaign file to the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FILE = """\
campaign: ureas
space:
  m:
    type: products
    reaction: "[NX3;H2:1].[NX3;H2:2]>>[N:1]C(=O)[N:2]"
    reagents:
      left:
        options: {methyl: CN, acid: "NCC(=O)[O-].[Na+]", benzyl: "[Cl-].[NH3+]Cc1ccccc1"}
        standardise: {salts: strip}
      right: {options: {methyl: CN, acid: "NCC(=O)[O-]", propyl: CCCN}}
    standardise: {charges: neutralise}
    filters: {properties: {MolWt: {at_most: 170}}}
objective: {y: {goal: maximize}}
planner: {batch: 2, initial: {experiments: 2}}
budget: {experiments: 20}
laboratory: {adapter: simulated}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ureas.yaml").write_text(FILE)


def test_what_filters_leave_out_is_told_and_never_proposed(hakken: Any, home: Any) -> None:
    told = "m: of 6 products properties.MolWt removed 1; 5 are left; 1 of them came twice"

    checked, ran = hakken("validate", "ureas.yaml"), hakken("run", "ureas.yaml")
    stands, shown = hakken("status", "ureas"), hakken("show", "ureas", "1", "--json")

    assert checked.code == 0, checked.err
    assert told in checked.out
    assert "standardised in m.left: option 'acid': NCC(=O)[O-].[Na+] is used as NCC(=O)[O-]" in checked.out
    assert "left out of m.left: option 'benzyl': benzyl ([NH3+]Cc1ccccc1) does not match" in checked.out
    assert ran.code == 0, ran.err
    assert told in ran.out + ran.err
    assert told in stands.out
    assert "4 of 20 experiments done" in stands.out  # five combinations, two of them one urea
    assert json.loads(shown.out)["proposals"]
    assert "What filters leave out was not looked at" in (home.home / "ureas/report.html").read_text()


def test_a_standardised_product_is_shown_with_what_the_reaction_gave(hakken: Any) -> None:
    hakken("run", "ureas.yaml")

    shown = [hakken("show", "ureas", str(number)).out for number in (1, 2)]
    again = hakken("replay", "ureas", "2")

    assert "m CNC(=O)NCC(=O)O, standardised from CNC(=O)NCC(=O)[O-]" in "".join(shown)
    assert "identical" in again.out


def test_a_pin_that_a_filter_leaves_out_is_refused(hakken: Any) -> None:
    hakken("run", "ureas.yaml")

    refused = hakken(
        "pin", "ureas", "--where", "m.left=acid", "--where", "m.right=acid", "--by", "Ann", "--why", "why not"
    )

    assert refused.code != 0
    assert "gives O=C(O)CNC(=O)NCC(=O)O, and properties.MolWt of 'm' leaves it out; choose another" in refused.err
