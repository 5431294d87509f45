"""Scale: a repeated library holds the molecules and fingerprints of the one that it repeats, again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scale
from learning_scores import Score, beside_package
from peers import PeerMissing
from scale import repeated

from flows.libraries.opening import opened
from flows.libraries.reader import Reader
from flows.libraries.store import Store
from loop.spec.space_models import MoleculeSpec

SMILES = ["CCO", "c1ccccc1", "CC(=O)N", "C1CCCCC1O", "FC(F)F"]


def test_it_holds_the_same_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "a.smi").write_text("\n".join(SMILES) + "\n")
    store = Store(tmp_path / "store", workers=1)
    stored, _ = Reader(store, tmp_path).read(MoleculeSpec(type="molecule", file="a.smi"))
    once = store.library(stored.key)
    assert once is not None

    repeated(store.place(stored.key), tmp_path / "12", 12)

    library = opened(tmp_path / "12", "repeated", store)
    assert [library.structures[i] for i in range(12)] == [once.structures[i % 5] for i in range(12)]
    rows, base = np.arange(12), np.arange(12) % 5
    found = library.structures.counts().similarity(rows, rows)
    assert (found == once.structures.counts().similarity(base, base)).all()


def scored(method: str, error: float, cpu: float) -> Score:
    return Score("qm9_gap", "random", 1000, 0, method, error, 0.0, (0.8, 0.95), cpu)


def test_the_ensemble_stands_beside_as_many_networks_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(scale, "score", lambda *given: asked.append(given) or [scored("dmpnn", 0.30, 30.0)])
    theirs = [scored("chemprop", 0.35, 20.0), scored("chemprop x5", 0.32, 105.0)]
    monkeypatch.setattr(scale, "of_package", lambda *_: theirs)

    marks = {m.name: m for m in beside_package(scale.ensembles(Path(), 5, 0), ["dmpnn"])}

    assert asked[0][3:6] == (1000, 0, ["dmpnn"])
    assert "dmpnn" not in asked[0][-1]  # the committee and its members are known: they are not fitted
    assert {"committee", "tanimoto", "committee + dmpnn"} <= asked[0][-1]
    assert marks["dmpnn: error as a share of chemprop x5's"].value == pytest.approx(0.30 / 0.32)
    assert marks["dmpnn: times faster than chemprop x5"].value == pytest.approx(3.5)
    assert marks["dmpnn: times faster than chemprop x5"].goal == 3.0


def test_without_the_package_there_is_no_mark_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> list[Score]:
        raise PeerMissing("the environment of chemprop is not in X; create it with 'make peers'")

    monkeypatch.setattr(scale, "score", lambda *_: [scored("dmpnn", 0.30, 30.0)])
    monkeypatch.setattr(scale, "of_package", missing)

    found = scale.ensembles(Path(), 5, 0)

    assert beside_package(found, ["dmpnn"]) == []
    assert "chemprop was not run, and has no mark: the environment of chemprop is not in X" in capsys.readouterr().out
