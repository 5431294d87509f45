"""One substance under several names in a table makes several options, which is said where it is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loop.perhaps_one import perhaps_one

TABLE = """\
Ligand,Solvent,Yield (%)
PPh3,MeCN,45
603-35-0,acetonitrile,41
c1ccc(cc1)P(c1ccccc1)c1ccccc1,CH3CN,46
InChI=1S/C18H15P/c1-4-10-16(11-5-1)19(17-12-6-2-7-13-17)18-14-8-3-9-15-18/h1-15H,DMF,47
XPhos,dioxane,80
X-Phos,"1,4-dioxane",82
PPh3,DMF,50
"""


def test_init_and_validate_ask_whether_options_are_one_substance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hakken: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE)

    begun, checked = hakken("init", "t.csv", "--target", "Yield"), hakken("validate", "campaign.yaml")

    for said in (" ".join((begun.out + begun.err).split()), " ".join(checked.out.split())):
        assert "'MeCN', 'acetonitrile' and 'CH3CN' are names of one solvent" in said
        assert "'dioxane' and '1,4-dioxane' are names of one solvent" in said
        assert "'XPhos' and 'X-Phos' differ in signs within the name only" in said
        assert "'603-35-0' is a CAS number among names" in said
        assert "'c1ccc(cc1)P(c1ccccc1)c1ccccc1' is a SMILES among names" in said
        assert "'InChI=1S/C18H15P/c1-4-10-16(11...' is an InChI among names" in said


@pytest.mark.parametrize(
    "options",
    [
        ["Pd(OAc)2", "Pd2(dba)3", "Pd(PPh3)4"],
        ["K2CO3", "KHCO3", "K3PO4"],
        ["1-2", "12", "1-21"],
        ["603-35-0", "2622-14-2"],  # CAS numbers alone are names of one kind
        ["603-35-1", "PPh3"],  # no CAS number, by its check digit
        ["DMAc", "dmac"],  # asked about as capitals
        ["DMF", "DMSO", "none"],
        [],
    ],
)
def test_of_other_names_nothing_is_asked(options: list[str]) -> None:
    assert perhaps_one(options) == []
