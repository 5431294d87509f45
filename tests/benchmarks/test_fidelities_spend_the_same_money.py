"""The benchmark of two versions of one quantity: both ways spend the same money, and only measured values count."""

from __future__ import annotations

from pathlib import Path

import fidelities
import numpy as np
import pytest

ALKANOLS = [f"{'C' * n}O" for n in range(1, 13)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "freesolv"
    folder.mkdir()
    rows = [f"x{i},{smiles},{-i},{-10 * i}" for i, smiles in enumerate(ALKANOLS)]
    (folder / "freesolv.csv").write_text("\n".join(["iupac,smiles,expt,calc", *rows]) + "\n")
    return tmp_path


@pytest.mark.parametrize("way", fidelities.WAYS)
def test_a_run_spends_no_more_than_it_has_and_calculated_values_never_count(
    data: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(fidelities, "MONEY", 72)
    done = fidelities.campaign(way, 0, data)
    spent = fidelities.CHEAP * done["counts"]["calc"] + fidelities.DEAR * done["counts"]["expt"]
    best = np.array(done["best"])

    assert 72 - fidelities.DEAR <= spent <= 72
    assert (done["counts"]["calc"] > 0) == (way == "both")
    assert len(best) == 73
    assert (np.diff(best[np.isfinite(best)]) <= 0).all()
    assert best.min() >= -(len(ALKANOLS) - 1)  # calculated values go down to ten times that
