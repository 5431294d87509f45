"""Models of a stored library: the same numbers as of the same molecules given as options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors

from loop.acquisition import streaming
from loop.acquisition.streaming import is_scored_whole
from loop.molecules.graphs import MolecularGraphs, molecular_graphs
from loop.molecules.packed import PackedCounts, pack
from loop.molecules.standardise import canonical_smiles
from loop.molecules.structures import Structures
from loop.molecules.texts import Texts
from loop.space import Component, Continuous, ProductPool, Space
from loop.spec import build_space, read_spec
from loop.surrogates import blocks, exact, library, metric, registry
from loop.surrogates.feasibility import learn_feasibility
from loop.surrogates.gnn import inputs
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.gnn.training import Settings
from loop.surrogates.protocol import TrainingSet, skim
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation

ENDS = ["O", "CN", "c1ccsc1", "Cl", "CCCCO", "C(=O)N", "OC", "S", "CF", "C#N", "c1ccncc1"]
STARTS = ["c1ccccc1", "C1CCCCC1", "c1ccncc1", "CCCCCCCC", "CC", "N#CC", "OC(=O)C", "c1ccc2ccccc2c1", "FC(F)(F)C"]
SMILES = tuple(dict.fromkeys(canonical_smiles(f"{a}{b}") for a in STARTS for b in ENDS))


@dataclass(frozen=True)
class Computed:
    """Features made in memory; a ``Features``."""

    smiles: tuple[str, ...]

    def counts(self, kind: str) -> PackedCounts:
        return PackedCounts.of(pack([Chem.MolFromSmiles(s) for s in self.smiles], kind))

    def descriptors(self) -> NDArray[np.float32]:
        molecules = [Chem.MolFromSmiles(s) for s in self.smiles]
        return np.array([[f(m) for _, f in Descriptors.descList] for m in molecules], dtype=np.float32)

    def graphs(self) -> MolecularGraphs:
        return molecular_graphs(self.smiles)


@pytest.fixture(scope="module")
def stored() -> Space:
    plain = Texts.of(SMILES)
    structures = Structures(
        plain.data, plain.offsets, plain.hashes, plain.order, plain.digest, features=Computed(SMILES)
    )
    return Space((Component("molecule", structures, structures, is_library=True),))


GIVEN = Space((Component("molecule", SMILES, SMILES, is_library=True),))
EVERYTHING = torch.arange(len(SMILES), dtype=torch.float64)[:, None]


def training(n: int = 40) -> TrainingSet:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.permutation(len(SMILES))[:n].astype(np.float64))[:, None]
    y = torch.tensor([SMILES[int(i)].count("c") + 0.3 * len(SMILES[int(i)]) for i in x[:, 0]], dtype=torch.float64)
    return TrainingSet(x, y, torch.full_like(y, torch.nan))


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("tanimoto", 1e-12),
        ("trees", 0.0),
        ("gp-descriptors", 1e-4),  # stored descriptors have single precision
    ],
)
def test_every_member_believes_the_same(stored: Space, name: str, off: float) -> None:
    found, wanted = (surrogate(name, s).fit(s, training(), seed=1) for s in (stored, GIVEN))

    for mine, theirs in zip(found.moments(EVERYTHING), wanted.moments(EVERYTHING), strict=True):
        assert mine.numpy() == pytest.approx(theirs.numpy(), rel=off, abs=off)
    drawn, theirs = (f.samples(EVERYTHING[:9], 16, seed=2).numpy() for f in (found, wanted))
    assert drawn == pytest.approx(theirs, rel=1e-3, abs=1e-3)


def test_graphs_are_looked_up(stored: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[7.0], [3.0], [-1.0], [7.0], [50.0]])  # one twice, and one that is nothing
    asked = inputs.inputs(GIVEN)
    wanted = asked.graphs(asked.rows(x))
    library = inputs.inputs(stored)
    stored.library.smiles.graphs()  # made once
    plain = inputs.molecular_graphs
    monkeypatch.setattr(inputs, "molecular_graphs", lambda s: plain(s) if tuple(s) == ("",) else pytest.fail(f"{s}"))

    rows = library.rows(x)
    found = library.graphs(rows)

    assert rows.smiles == asked.rows(x).smiles
    assert rows.molecules.tolist() == asked.rows(x).molecules.tolist()
    for name in ("atoms", "bonds", "ends", "first_atom", "first_bond"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist()


def test_a_network_of_a_stored_library_is_that_of_its_molecules(stored: Space) -> None:
    recipe = GraphEnsemble("dmpnn", "dmpnn", settings=Settings(width=16, epochs=1, least_steps=2, more_steps=1))

    found, wanted = (recipe.fit(s, training(), seed=1).moments(EVERYTHING) for s in (stored, GIVEN))

    torch.testing.assert_close(found, wanted)


def test_the_chance_of_failure_is_the_same(stored: Space) -> None:
    ran = np.array([i % 3 != 0 for i in range(30)])
    x = training(30).x.numpy()

    found, wanted = (learn_feasibility(s, x, ran, seed=0).chance(EVERYTHING) for s in (stored, GIVEN))

    assert found.numpy() == pytest.approx(wanted.numpy(), abs=1e-9)


def test_skimming_ranks_as_moments_do(stored: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "SKIMMED", 10)
    monkeypatch.setattr(exact, "AT_ONCE", 7)
    fitted = surrogate("tanimoto", stored).fit(stored, training(), seed=1)
    assert isinstance(fitted, exact.ExactPosterior)

    quick, sound = fitted.skimmed(EVERYTHING), fitted.moments(EVERYTHING)

    untried = ~torch.isin(EVERYTHING[:, 0], training().x[:, 0])
    assert quick[0].numpy() == pytest.approx(sound[0].numpy(), rel=1e-3, abs=1e-3)
    assert quick[1][untried].numpy() == pytest.approx(sound[1][untried].numpy(), rel=1e-3)


def test_few_descriptors_are_told_from_some_molecules(stored: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "STANDARDISED", 30)
    structures = stored.parameters[0].smiles  # type: ignore[union-attr]
    assert isinstance(structures, Structures)

    features = library.described(structures)(np.arange(len(SMILES)))

    assert np.isfinite(features).all()
    assert len(features) == len(SMILES)


def test_every_molecule_of_a_stored_library_is_scored(stored: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "POOL_LIMIT", 10)

    assert is_scored_whole(ProductPool(stored))
    assert not is_scored_whole(ProductPool(GIVEN))


@pytest.fixture
def many_options(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As of a library with more molecules: distances are computed, not looked up, and pools are skimmed."""
    monkeypatch.setattr(blocks, "SAMPLE", 50)
    monkeypatch.setattr(exact, "SKIMMED", 10)
    monkeypatch.setattr(registry, "LOOKED_OVER", 50)
    metric._metric.cache_clear()
    yield
    metric._metric.cache_clear()


@pytest.mark.usefixtures("many_options")
@pytest.mark.parametrize("representation", [Representation.COUNTS, Representation.SEVERAL])
def test_what_computes_on_a_device_has_the_same_distances(stored: Space, representation: Representation) -> None:
    distance = metric.metric(stored, representation)
    rows = EVERYTHING[torch.randperm(len(EVERYTHING), generator=torch.Generator().manual_seed(0))[:40]]

    here, there = distance.squared(EVERYTHING, rows), distance.on(torch.device("cpu"), rows)

    assert there(EVERYTHING).dtype == torch.float32
    assert float((there(EVERYTHING) - here).abs().max()) < 1e-5
    assert float(here.std()) > 0.1
    assert there(EVERYTHING[:0]).shape == (0, 40)


@pytest.mark.usefixtures("many_options")
def test_other_parts_of_the_distance_are_sent_over(stored: Space) -> None:
    space = Space((*stored.parameters, Continuous("temperature", 20.0, 100.0, "C")))
    x = torch.cat([EVERYTHING, torch.linspace(20, 100, len(EVERYTHING), dtype=torch.float64)[:, None]], dim=1)
    distance = metric.metric(space, Representation.COUNTS)

    assert float((distance.on(torch.device("cpu"), x[:9])(x) - distance.squared(x, x[:9])).abs().max()) < 1e-5


@pytest.mark.usefixtures("many_options")
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
@pytest.mark.parametrize("name", ["tanimoto", "fingerprints"])
def test_on_a_gpu_a_library_is_looked_over_with_the_same_beliefs(stored: Space, name: str) -> None:
    here, there = (surrogate(name, stored, device=d).fit(stored, training(), seed=0) for d in ("cpu", "cuda"))

    assert there.summary()["device"] == "cuda"
    for a, b in zip(skim(here, EVERYTHING), skim(there, EVERYTHING), strict=True):
        assert float((a - b).abs().max()) < 1e-3 * float(a.std())


def test_molecules_that_are_written_in_the_file_keep_their_names():
    text = """
    campaign: few
    space: {molecule: {type: molecule, options: {water: O, alcohol: OCC, toluene: Cc1ccccc1}}}
    objective: {gap: {goal: minimize, unit: eV}}
    planner: {initial: {experiments: 2}}
    budget: {experiments: 3}
    laboratory: {adapter: manual}
    """

    (molecule,) = build_space(read_spec(text, source="few.yaml", read=None)).parameters

    assert dict(zip(molecule.options, molecule.smiles, strict=True)) == {
        "water": "O", "alcohol": "CCO", "toluene": "Cc1ccccc1"
    }  # fmt: skip
