"""A substance that the changed file calls otherwise is known by its structure: what is on record of it counts on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from db.ledger import open_ledger
from flows.engine import View, ban, best, preview_file, status, tell, tick
from flows.engine.looking.forbidden import forbidden
from flows.engine.looking.histories import history_of
from flows.settings import Settings
from flows.wiring import campaign_file
from loop.errors import SpecError
from tests.flows.engine.bench import add, cheap_planner, write

OLD = {"water": "O", "ethanol": "CCO", "DMF": "CN(C)C=O"}
NEW = {"water": "O", "EtOH": "CCO", "DMF": "CN(C)C=O"}


def space(options: dict[str, str], kind: str = "component") -> dict[str, Any]:
    how = {"name": "name"} if kind == "molecule" else {}
    return {"solvent": {"type": kind, "options": options, **how}}


def library(folder: Path, options: dict[str, str]) -> dict[str, Any]:
    write(folder, "name,smiles\n" + "".join(f"{n},{s}\n" for n, s in options.items()), "library.csv")
    return {"solvent": {"type": "molecule", "file": "library.csv", "name": "name"}}


@pytest.mark.parametrize("kind", ["component", "molecule", "file"])
def test_results_count_under_the_new_name(settings: Settings, tmp_path: Path, kind: str) -> None:
    def named(options: dict[str, str]) -> dict[str, Any]:
        return library(tmp_path, options) if kind == "file" else space(options, kind)

    add(settings, tmp_path, space=named(OLD))
    tell(settings, "small", write(tmp_path, "solvent,yield\nethanol,60\nwater,20\n"), by="tester")

    add(settings, tmp_path, space=named(NEW))

    assert status(settings, "small")[0].version == 2
    shown = preview_file(settings, campaign_file(settings, "small"), planner=cheap_planner)
    assert [p.candidate.settings["solvent"] for p in shown.proposals] == ["DMF"]
    found = best(settings, "small")
    assert [c.settings["solvent"] for c in found.candidates] == ["EtOH", "water"]
    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
        history, _ = history_of(view.spec, view.space, view.counted, ())
        assert [o.settings["solvent"] for o in view.counted] == ["ethanol", "water"]  # the record says what was told
    assert [n.partition(": ")[2] for n in history.notes] == [
        "'ethanol' of 'solvent' is called 'EtOH' by now, whose structure it has, and counts as it"
    ]


def test_what_is_at_the_laboratory_is_not_proposed_again_by_the_new_name(settings: Settings, tmp_path: Path) -> None:
    common: dict[str, Any] = {
        "laboratory": {"adapter": "manual"},
        "planner": {"surrogate": "random", "batch": 2, "mode": "rolling", "initial": {"experiments": 2}},
    }
    add(settings, tmp_path, space=space(OLD), **common)
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        names = {a.settings["solvent"] for a in View(ledger, "small").pending}
    assert len(names) == 2

    add(settings, tmp_path, space=space({f"pure {name}": smiles for name, smiles in OLD.items()}), **common)

    with open_ledger(settings.database) as ledger:
        view = View(ledger, "small")
        assert forbidden(view) == ()
        history, notes = history_of(view.spec, view.space, view.counted, view.pending)
        assert {view.space.settings(p.x)["solvent"] for p in history.pending} == {f"pure {name}" for name in names}
        assert notes == ()
    tick(settings, "small", planner=cheap_planner)
    with open_ledger(settings.database) as ledger:
        assert len(View(ledger, "small").pending) == 2  # both stay, and nothing is withdrawn


def test_a_ban_of_a_region_is_not_lost_by_another_name(settings: Settings, tmp_path: Path) -> None:
    base = {"base": {"type": "category", "options": ["DBU", "TEA"]}}
    add(settings, tmp_path, space=space(OLD) | base)
    ban(settings, "small", ["solvent=ethanol"], by="ada", why="explodes")

    with pytest.raises(SpecError, match=r"ban 1 is about 'ethanol' of 'solvent', which the changed file calls 'EtOH'"):
        add(settings, tmp_path, space=space(NEW) | base)


def test_a_ban_is_not_lost_by_another_name(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=space(OLD))
    tell(settings, "small", write(tmp_path, "solvent,yield\nwater,20\n"), by="tester")
    ban(settings, "small", ["solvent=ethanol"], by="ada", why="explodes")

    with pytest.raises(
        SpecError,
        match=r"ban 1 is about 'ethanol' of 'solvent', which the changed file calls 'EtOH'; .*hakken lift small 1",
    ):
        add(settings, tmp_path, space=space(NEW))
    add(settings, tmp_path, space=space({name: s for name, s in OLD.items() if name != "ethanol"}))

    assert status(settings, "small")[0].version == 2


def test_a_part_of_a_mixture_keeps_its_name_while_anything_has_it(settings: Settings, tmp_path: Path) -> None:
    def blend(ethanol: str, water: str = "water") -> dict[str, Any]:
        return {"solvent": {"type": "mixture", "parts": {ethanol: "CCO", water: "O"}, "step": 0.5}}

    add(settings, tmp_path, space=blend("ethanol"), laboratory={"adapter": "manual"})
    ban(settings, "small", ["solvent.ethanol>=0.9"], by="ada", why="explodes")
    with pytest.raises(SpecError, match=r"'ethanol' of 'solvent' is called 'EtOH' .*ban 1 \(which hakken lift small 1"):
        add(settings, tmp_path, space=blend("EtOH"), laboratory={"adapter": "manual"})
    tell(settings, "small", write(tmp_path, "solvent.ethanol,solvent.water,yield\n1,0,60\n"), by="tester")
    with pytest.raises(SpecError, match=r"and 1 result has it by the name 'ethanol', .*: keep the name"):
        add(settings, tmp_path, space=blend("EtOH"), laboratory={"adapter": "manual"})
    add(settings, tmp_path, space=blend("ethanol", "H2O"), laboratory={"adapter": "manual"})
    tick(settings, "small", planner=cheap_planner)
    with pytest.raises(SpecError, match=r"'H2O' of 'solvent' is called 'water' .*experiments? under way ha.* it by"):
        add(settings, tmp_path, space=blend("ethanol"), laboratory={"adapter": "manual"})


def test_another_structure_under_a_new_name_is_another_substance(settings: Settings, tmp_path: Path) -> None:
    add(settings, tmp_path, space=space(OLD))
    tell(settings, "small", write(tmp_path, "solvent,yield\nethanol,60\n"), by="tester")

    with pytest.raises(SpecError, match="no option 'ethanol'"):
        add(settings, tmp_path, space=space(NEW | {"EtOH": "CCOC"}))
