"""Scale: a repeated library holds the molecules and fingerprints of the one that it repeats, again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
