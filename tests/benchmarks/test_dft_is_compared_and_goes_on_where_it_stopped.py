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
    "g298_atom": "-201.407171167",
}  # fmt: skip


def test_deviations_are_in_the_units_of_the_marks() -> None:
    found = dft_qm9.deviations(
        {"u0": -76.404701, "homo": -0.2928 * 27.211386245988 + 0.001, "zpve": 0.021385, "atomisation_u0": 213.187624},
        WATER,
    )

    assert found == pytest.approx({"u0": 1e-6, "homo": 1e-3, "zpve": 6.275e-3, "u0_atom": -0.1}, abs=1e-6)


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
