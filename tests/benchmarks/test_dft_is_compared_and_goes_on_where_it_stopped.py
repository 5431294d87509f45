"""The comparison with QM9: what it compares in which unit, what its marks say, and that nothing is computed twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dft_qm9
import pytest

WATER = {
    "mol_id": "gdb_3", "smiles": "O", "A": "799.58812", "B": "437.90386", "C": "282.94545", "mu": "1.8511",
    "alpha": "6.31", "homo": "-0.2928", "lumo": "0.0687", "r2": "19.0002", "zpve": "0.021375", "u0": "-76.404702",
    "u298": "-76.401867", "h298": "-76.400922", "g298": "-76.422349", "cv": "6.002", "u0_atom": "-213.087623693",
    "g298_atom": "-201.407171167", "gap": "0.3615", "u298_atom": "-213.974294178", "h298_atom": "-215.159658249",
}  # fmt: skip


def test_deviations_are_in_the_units_of_the_marks() -> None:
    found = dft_qm9.deviations(
        {"u0": -76.404701, "homo": -0.2928 * 27.211386245988 + 0.001, "zpve": 0.021385, "atomisation_u0": 213.187624},
        WATER,
    )

    assert found == pytest.approx({"u0": 1e-6, "homo": 1e-3, "zpve": 6.275e-3, "u0_atom": -0.1}, abs=1e-6)


def test_what_follows_from_kept_values_is_compared_without_computing() -> None:
    kept = json.loads((Path(dft_qm9.__file__).parent / "kept/dft_qm9.json").read_text(encoding="utf-8"))["gdb_3"]
    asked_for = {"gap", "atomisation_u", "atomisation_h"}
    less = {**kept, "values": {name: value for name, value in kept["values"].items() if name not in asked_for}}

    assert {name: dft_qm9.completed(kept)[name] for name in asked_for} == {n: kept["values"][n] for n in asked_for}
    assert dft_qm9.completed(less) == pytest.approx(kept["values"], abs=1e-5)  # kcal/mol, by the digits of constants
    found = dft_qm9.deviations(dft_qm9.completed(less), WATER)
    # half a digit of the table, which has the gap in hartree
    assert found["gap"] == pytest.approx(0, abs=1.4e-3 + 0.002)
    assert (found["u298_atom"], found["h298_atom"]) == pytest.approx((0, 0), abs=0.01)


def test_what_is_not_there_is_shown_as_such_and_nothing_else_is_lost() -> None:
    kept = {"gdb_3": {"values": {"gap": 9.84}, "cpu": {}, "seconds": {}, "details": {}}}
    lines = dft_qm9.table_of({"gdb_3": dft_qm9.completed(kept["gdb_3"])}, {"gdb_3": WATER}, kept)

    heads = [word for line in lines if "SMILES" in line for word in line.split()[1:]]
    cells = [cell for line in lines if line.startswith("gdb_3      O ") for cell in line.split()[2:]]
    assert heads == list(dft_qm9.COMPARED)
    assert set(WATER) - {"mol_id", "smiles"} <= set(heads)
    assert dict(zip(heads, cells, strict=True)) == {**dict.fromkeys(heads, "-"), "gap": "3.1e-03"}


def test_without_second_derivatives_the_zero_point_energy_is_that_of_qm9() -> None:
    assert dft_qm9.deviations({"energy": -76.426077}, WATER) == pytest.approx({"u0": 0.0}, abs=1e-9)


def test_marks_name_what_is_missing_and_what_is_too_far() -> None:
    made = {m.name: m for m in dft_qm9.marks({"gdb_3": {"u0": -76.4046, "dipole": 1.852}}, {"gdb_3": WATER})}

    assert not made["molecules computed"].holds
    assert not made["largest deviation of u0, hartree"].holds
    assert made["largest deviation of mu, debye"].holds
    assert "largest deviation of alpha, bohr^3" not in made


def test_a_stage_that_is_on_file_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "kept/state.json"
    asked: list[str] = []

    def conformer(row: dict[str, str], _: int) -> str:
        asked.append(row["smiles"])
        if len(asked) > 1:
            raise KeyboardInterrupt
        return "3\n\nO 0 0 0"

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dft_qm9, "nearest_conformer", conformer)
    monkeypatch.setattr("adapters.compute.dft.evaluate.evaluate", stopped)
    for _ in range(2):
        kept = json.loads(state.read_text()) if state.exists() else {}
        with pytest.raises(KeyboardInterrupt):
            dft_qm9.compute("gdb_3", WATER, kept, state, 0, 1000)

    assert asked == ["O"]
    assert json.loads(state.read_text())["gdb_3"]["conformer"] == "3\n\nO 0 0 0"


def test_a_folder_without_the_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no micro_qm9.csv in .*; point --data there"):
        dft_qm9.read_table(tmp_path)
