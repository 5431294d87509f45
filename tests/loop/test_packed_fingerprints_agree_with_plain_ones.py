"""Packed counts: the similarity and the folded counts of plain fingerprints, exactly, whatever is common or rare."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from loop.errors import UnknownName
from loop.molecules import packed
from loop.molecules.fingerprints import count_fingerprints, folded_counts
from loop.molecules.on_device import ComparedOnDevice
from loop.molecules.packed import PackedCounts, pack
from loop.molecules.texts import Texts

CORES = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "CCCCCCCC", "C", "N#CC", "OC(=O)C", "c1ccc2ccccc2c1", "FC(F)(F)C"]
SMILES = [f"{a}{b}" for a in CORES for b in ("O", "CN", "c1ccsc1", "Cl", "CCCCO", "C(=O)N", "OC", "S", "CF")]


@pytest.mark.parametrize("few", [1, 64, 1_000])
def test_similarity_is_the_same_number(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(packed, "FEW", few)
    counts, plain = PackedCounts.of(pack([Chem.MolFromSmiles(s) for s in SMILES])), count_fingerprints(SMILES)
    everything, some = np.arange(len(SMILES)), np.arange(len(SMILES))[::-1][:70]

    assert (counts.similarity(everything, some) == plain.similarity(everything, some)).all()
    assert (counts.similarity(some, some[:3]) == plain.similarity(some, some[:3])).all()


def test_molecules_without_a_feature_are_like_each_other_and_nothing_else() -> None:
    smiles = ["C", "CCO", "O", "CCN"]  # one atom has no pair of atoms
    plain = count_fingerprints(smiles, "atom-pair")
    counts = PackedCounts.of(pack([Chem.MolFromSmiles(s) for s in smiles], "atom-pair"))
    everything = np.arange(4)
    sent = ComparedOnDevice.of(counts, everything, torch.device("cpu"))

    expected = np.eye(4)
    expected[0, 2] = expected[2, 0] = 1.0
    expected[1, 3] = expected[3, 1] = 1 / 5  # one of five pairs

    for found in (plain.similarity(everything, everything), counts.similarity(everything, everything)):
        assert found == pytest.approx(expected)
    assert sent.similarity(everything).numpy() == pytest.approx(expected)


def test_folded_counts_are_the_same_numbers() -> None:
    counts = PackedCounts.of(pack([Chem.MolFromSmiles(s) for s in SMILES]))
    some = np.array([5, 0, 77, 5])

    assert (counts.folded(some, 1024) == folded_counts([SMILES[i] for i in some])).all()


def test_each_molecule_is_let_go_before_the_next_is_read() -> None:
    read: list[weakref.ref[Chem.Mol]] = []
    kept = []

    def molecules() -> Iterator[Chem.Mol]:
        for smiles in SMILES:
            kept.append(sum(molecule() is not None for molecule in read))
            yield _read(smiles, read)

    packed_one_by_one, packed_at_once = pack(molecules()), pack([Chem.MolFromSmiles(s) for s in SMILES])

    assert kept == [0] * len(SMILES)
    assert all((a == b).all() for a, b in zip(packed_one_by_one, packed_at_once, strict=True))


def _read(smiles: str, read: list[weakref.ref[Chem.Mol]]) -> Chem.Mol:
    molecule = Chem.MolFromSmiles(smiles)
    read.append(weakref.ref(molecule))
    return molecule


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown fingerprint 'morgen'"):
        pack([Chem.MolFromSmiles("C")], "morgen")


@settings(max_examples=50)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), unique=True, max_size=30))
def test_texts_are_a_sequence(texts: list[str]) -> None:
    stored = Texts.of(texts)

    assert list(stored) == texts
    assert stored[1:3] == tuple(texts[1:3])
    assert [stored.index(text) for text in texts] == list(range(len(texts)))
    assert ("not there at all" in stored) == ("not there at all" in texts)
    assert stored == Texts.of(texts)
    assert stored != Texts.of([*texts, "one more than before"])
