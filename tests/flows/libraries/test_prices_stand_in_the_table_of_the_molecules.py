"""A library's price list is a column of its own table: read for what is in the space, and refused where it has gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.libraries import reader
from flows.libraries.reader import Reader
from flows.libraries.store import Store
from loop.errors import SpecError
from loop.spec import CampaignSpec, build_costs, build_space, read_spec

TABLE = """\
smiles;id;EUR
CCO;ethanol;12,5
c1ccncc1;pyridine;30
CCCCCCCCCCCCCCCC;wax;
OCC;spirit;99
C1CC;broken;7
"""
FILE = """\
campaign: bought
space:
  molecule: {type: molecule, file: stock.csv, name: id, filters: {properties: {MolLogP: {at_most: 5}}}}
objective: {pIC50: {goal: maximize}}
costs: {unit: EUR, experiment: 40, prices: {molecule: EUR}}
budget: {cost: 500}
laboratory: {adapter: manual}
"""


def read(tmp_path: Path, text: str = FILE, table: str = TABLE) -> CampaignSpec:
    (tmp_path / "stock.csv").write_text(table)
    libraries = Reader(Store(tmp_path / "libraries"), tmp_path)
    return read_spec(text, source="bought.yaml", read=lambda n: (tmp_path / n).read_text(), libraries=libraries)


def test_each_molecule_costs_what_its_row_says(tmp_path: Path) -> None:
    spec = read(tmp_path)

    space = build_space(spec)
    costs = build_costs(spec, space)
    assert spec.costs is not None
    assert costs is not None
    assert spec.costs.options == {"molecule": {"ethanol": 12.5, "pyridine": 30.0}}  # neither wax nor the second ethanol
    x = space.coordinates({"molecule": "ethanol"})
    assert costs.own(x[None]).tolist() == [52.5]
    assert CampaignSpec.from_resolved(spec.resolved()) == spec


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"{molecule: EUR}": "{molecule: USD}"}, "line 5: costs.prices.molecule: stock.csv has no column 'USD'"),
        ({"{molecule: EUR}": "{mol: EUR}"}, "line 5: costs.prices.mol: the space has no parameter 'mol'"),
        ({"{molecule: EUR}": "3"}, "costs.prices: must be entries KEY: VALUE, such as {ligand: EUR}, by parameter"),
        ({"{molecule: EUR}": "{molecule: EUR}, options: {molecule: {ethanol: 1}}"}, "keep one of them"),
        ({"prices: {molecule: EUR}": "options: {molecule: EUR}"}, "or the column of their table under costs.prices"),
        ({"prices: {molecule: EUR}": "options: {molecule: {wax: 3}}"}, "a filter may have left it out"),
    ],
)  # fmt: skip
def test_what_names_no_prices_is_refused_with_the_way_out(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    text = FILE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)

    with pytest.raises(SpecError) as refused:
        read(tmp_path, text)

    assert message in str(refused.value)


def test_more_molecules_than_a_record_holds_are_not_priced_by_a_column(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "FEW", 1)
    with pytest.raises(SpecError) as refused:
        read(tmp_path)

    assert "line 5: costs.prices.molecule: 'molecule' has too many molecules" in str(refused.value)
    assert "or write under costs.options.molecule what those cost that are not free" in str(refused.value)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "1 of 2 options have no price in the column 'EUR', the first pyridine; fill it in"),
        ("on request", "stock.csv line 3: a price is a number of zero or above, got 'on request'"),
        ("-3", "stock.csv line 3: a price is a number of zero or above, got '-3'"),
    ],
)
def test_a_gap_in_the_list_is_no_gift(tmp_path: Path, cell: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        read(tmp_path, table=TABLE.replace("pyridine;30", f"pyridine;{cell}"))

    assert message in str(refused.value)


def test_every_line_without_a_price_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as refused:
        read(tmp_path, table=TABLE.replace("pyridine;30", "pyridine;on request").replace("ethanol;", "ethanol;EUR "))

    assert "stock.csv lines 2, 3: prices are numbers of zero or above, got 'EUR " in str(refused.value)
    assert "leave what cannot be had out of the table" in str(refused.value)


MADE = """\
campaign: made
space:
  amide:
    type: products
    reaction: "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
    reagents:
      acid: {file: acids.csv, name: name}
      amine: {options: {methyl: CN, ethyl: CCN}}
objective: {pIC50: {goal: maximize}}
costs: {unit: EUR, experiment: 40, prices: {amide.acid: EUR}, options: {amide.amine: {ethyl: 4}}}
budget: {cost: 500}
laboratory: {adapter: manual}
"""
ACIDS = "name,smiles,EUR\nacetic,CC(=O)O,3\nbenzoic,OC(=O)c1ccccc1,5\nno acid,CCO,\n"


def made(tmp_path: Path, text: str = MADE) -> CampaignSpec:
    (tmp_path / "acids.csv").write_text(ACIDS)
    return read_spec(text, source="made.yaml", read=lambda n: (tmp_path / n).read_text())


def test_a_product_costs_what_its_reagents_do(tmp_path: Path) -> None:
    spec = made(tmp_path)

    space = build_space(spec)
    costs = build_costs(spec, space)
    assert spec.costs is not None
    assert costs is not None
    assert spec.costs.options == {"amide.acid": {"acetic": 3.0, "benzoic": 5.0}, "amide.amine": {"ethyl": 4.0}}
    x = [space.coordinates({"amide.acid": "benzoic", "amide.amine": amine}) for amine in ("methyl", "ethyl")]
    assert costs.own(np.array(x)).tolist() == [45.0, 49.0]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("{amide: EUR}", "line 10: costs.prices.amide: the products of 'amide' are too many to be priced one by one; "
                         "price their reagents: amide.acid, amide.amine"),
        ("{amide.acd: EUR}", "line 10: costs.prices.amide.acd: the space has no parameter 'amide.acd'"),
        ("{amide.amine: EUR}", "'amide.amine' comes from no table of its own; write the prices under"),
    ],
)  # fmt: skip
def test_reagents_are_priced_by_their_list(tmp_path: Path, new: str, message: str) -> None:
    text = MADE.replace("{amide.acid: EUR}", new).replace(", options: {amide.amine: {ethyl: 4}}", "")

    with pytest.raises(SpecError) as refused:
        made(tmp_path, text)

    assert message in str(refused.value)
