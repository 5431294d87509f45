"""Graph networks: what they see of a molecule, that their members train as if alone, and that they learn."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from networks import CPU, SMALL, alkanols, labels
from rdkit import Chem

from loop.errors import FitError, MoleculeError, SpaceError, TooFewPoints
from loop.molecules.graphs import ATOM_FEATURES, BOND_FEATURES, graph_of, joined, molecular_graphs
from loop.progress import watched
from loop.space import Category, Component, Continuous, Space
from loop.space.structure import Mixture, Products
from loop.surrogates.effects import effects_said
from loop.surrogates.gnn.architectures import ARCHITECTURES
from loop.surrogates.gnn.batch import GraphStore, shared
from loop.surrogates.gnn.ensemble import GraphEnsemble, _stacked
from loop.surrogates.gnn.fitted import FittedGraphEnsemble
from loop.surrogates.gnn.inputs import inputs
from loop.surrogates.gnn.layers import initialise
from loop.surrogates.gnn.segments import Directed
from loop.surrogates.gnn.training import Training
from loop.surrogates.protocol import TrainingSet
from loop.testing.surrogate import LIMIT, SurrogateContract, above, training
from loop.testing.surrogate import SPACE as CONTRACT_SPACE

TINY = replace(SMALL, epochs=2, least_steps=50, more_steps=10)  # of the laws of each architecture, so many are they


DRUGS = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C/C=C/C(N)=O",
    "C[C@H](N)C(=O)O",
    "[Na+].[O-]C(=O)c1ccccc1",
    "C",
    "[Cl-]",
)


SPACE = Space((Component("molecule", DRUGS, DRUGS, is_library=True),))


def encoded(name: str, graphs) -> torch.Tensor:
    """What two members make of each molecule: shape ``(2, n, size)``."""
    encoder = ARCHITECTURES[name](2, ATOM_FEATURES, BOND_FEATURES, 16)
    initialise(encoder, (1, 2))
    batch = GraphStore(graphs, CPU).batch(shared(np.arange(len(graphs)), 2))
    return encoder(batch)[:, :-1]


@lru_cache(maxsize=8)
def fitted_once(recipe: GraphEnsemble) -> FittedGraphEnsemble:
    return recipe.fit(CONTRACT_SPACE, training(), seed=3)


@lru_cache(maxsize=8)
def censored_once(recipe: GraphEnsemble) -> FittedGraphEnsemble:
    return recipe.fit(CONTRACT_SPACE, above(training(), LIMIT), seed=3)


class Shared(SurrogateContract):
    """The laws, of which those that only ask share what is fitted: it is frozen."""

    @pytest.fixture
    def fitted(self, recipe):
        return fitted_once(recipe)

    @pytest.fixture
    def censored(self, recipe):
        return censored_once(recipe)


class TestDirectedMessages(Shared):
    @pytest.fixture
    def recipe(self):
        return GraphEnsemble("graphs", "dmpnn", settings=SMALL)


class TestOnAProcess(Shared):
    @pytest.fixture
    def recipe(self):
        return GraphEnsemble("graphs", "dmpnn", head="matern", settings=SMALL)


@pytest.mark.parametrize("name", ["gin"])  # the ensemble is one for all; what each learns is examined below
class TestOtherArchitectures(Shared):
    @pytest.fixture
    def recipe(self, name):
        return GraphEnsemble("graphs", name, members=3, settings=TINY)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_where_all_are_limits_on_one_side_no_value_is_believed_far_beyond_them(sign):
    molecules = alkanols(12)
    space = Space((Component("molecule", molecules, molecules, is_library=True),))
    x = torch.arange(12, dtype=torch.float64)[:, None]
    limits = sign * torch.tensor([5.0, 4.0], dtype=torch.float64).repeat(6)
    beyond = torch.full_like(limits, sign * torch.inf)
    low, high = (limits, beyond) if sign > 0 else (beyond, limits)
    data = TrainingSet(x, limits, torch.full_like(limits, torch.nan), low, high)

    settings = replace(SMALL, least_steps=300)  # as usual
    mean, sd = GraphEnsemble("graphs", "dmpnn", settings=settings).fit(space, data, seed=1).moments(x)

    # limits are 0.5 about their mean, so that 3 such beyond the farther one lie 1.5 from it
    assert float((mean - sign * 4.5).abs().max()) < 3.0
    assert float(sd.max()) < 3.0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_order_of_atoms_does_not_matter(name):
    rng = np.random.default_rng(4)
    shuffled = []
    for smiles in DRUGS:
        molecule = Chem.MolFromSmiles(smiles)
        shuffled.append(graph_of(Chem.RenumberAtoms(molecule, rng.permutation(molecule.GetNumAtoms()).tolist())))

    written, renumbered = encoded(name, molecular_graphs(DRUGS)), encoded(name, joined(shuffled))

    # sums in another order: float32 differs in the sixth digit
    torch.testing.assert_close(written, renumbered, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_molecule_is_seen_the_same_whatever_stands_beside_it(name):
    beside = encoded(name, molecular_graphs(DRUGS))

    for i, smiles in enumerate(DRUGS):
        alone = encoded(name, molecular_graphs([smiles]))
        torch.testing.assert_close(beside[:, i : i + 1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_weight_gets_a_gradient(name):
    encoder = ARCHITECTURES[name](2, ATOM_FEATURES, BOND_FEATURES, 16)
    initialise(encoder, (1, 2))
    graphs = molecular_graphs(DRUGS)

    encoder(GraphStore(graphs, CPU).batch(shared(np.arange(len(graphs)), 2))).square().sum().backward()

    for path, parameter in encoder.named_parameters():
        assert bool(torch.isfinite(parameter.grad).all()), path
        assert bool((parameter.grad.flatten(1).abs().sum(1) > 0).all()), path


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_molecules_without_bonds_or_atoms_and_of_several_parts_are_encoded(name):
    found = encoded(name, molecular_graphs(["", "[Cl-]", "[Na+].[Cl-]", "C.CC"]))

    assert bool(torch.isfinite(found).all())
    assert not torch.equal(found[:, 1], found[:, 2])


def test_left_and_right_hands_and_both_sides_of_a_double_bond_are_told_apart():
    pairs = molecular_graphs(["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "C/C=C/F", "C/C=C\\F"])
    left, right, trans, cis = (pairs.take(np.array([i])) for i in range(4))

    assert not np.array_equal(left.atom_features(), right.atom_features())
    assert not np.array_equal(trans.bond_features(), cis.bond_features())


def test_an_unreadable_structure_is_named():
    with pytest.raises(MoleculeError, match="C1CC"):
        molecular_graphs(["CC", "C1CC"])


def test_a_message_does_not_go_straight_back():
    batch = GraphStore(molecular_graphs(["CCO", "CC(C)C"]), CPU).batch(shared(np.arange(2), 2))
    hidden = torch.randn(*batch.edges.shape[:2], 3, dtype=torch.float64, requires_grad=True)

    found = Directed.apply(hidden, batch.into, batch.out_of)

    flat = hidden.reshape(-1, 3)
    source, target = batch.out_of.owner, batch.into.owner
    arrives = (target[None, :] == source[:, None]).double()
    arrives[torch.arange(len(flat)), torch.arange(len(flat)) ^ 1] -= 1.0
    torch.testing.assert_close(found.reshape(-1, 3), arrives @ flat)
    assert torch.autograd.gradcheck(lambda h: Directed.apply(h, batch.into, batch.out_of), (hidden,))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_member_is_the_network_that_it_would_be_alone(name):
    smiles = alkanols(24)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    x = torch.arange(24, dtype=torch.float64)[:, None]
    y = torch.sin(x[:, 0])
    seen = [torch.arange(24)[torch.arange(24) % 3 != m] for m in range(3)]

    def values(members):
        training = Training(ARCHITECTURES[name], SMALL, inputs(space), x, labels(y), [10 + m for m in members], CPU)
        training.run([seen[m] for m in members], 1, least=12, rate=1e-3)
        return training.trained.features(x)[1]

    together, alone = values((0, 1, 2)), values((1,))

    # products of other shapes round differently, and twelve steps of Adam let that grow
    torch.testing.assert_close(together[1], alone[0], rtol=0, atol=0.01 * float(alone.std()))
    assert float((together[0] - together[1]).abs().max()) > 0.1 * float(alone.std())


def test_it_learns_how_large_a_molecule_is():
    smiles = alkanols(160)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    y = torch.tensor([Chem.MolFromSmiles(s).GetNumHeavyAtoms() for s in smiles], dtype=torch.float64)
    x = torch.arange(160, dtype=torch.float64)[:, None]
    data = TrainingSet(x[:120], y[:120], torch.full((120,), torch.nan, dtype=torch.float64))

    fitted = GraphEnsemble("graphs", "dmpnn", settings=SMALL).fit(space, data, seed=0)
    mean, sd = fitted.moments(x[120:])

    error = (mean - y[120:]).square().mean().sqrt()
    assert float(error) < 0.3 * float(y[120:].std())
    total = (sd.square() + fitted.noise_sd**2).sqrt()
    assert float(((mean - y[120:]).abs() < 1.96 * total).double().mean()) > 0.85
    blind = -0.5 * torch.log(2 * torch.pi * y[:120].var()) - 0.5  # of a normal with the values' own spread
    assert float(fitted.held_out().mean()) > float(blind)


def test_the_summary_says_where_and_how_exactly_it_was_trained():
    smiles = alkanols(12)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    x = torch.arange(12, dtype=torch.float64)[:, None]
    data = TrainingSet(x, x[:, 0], torch.full((12,), torch.nan, dtype=torch.float64))

    told = GraphEnsemble("graphs", "dmpnn", settings=replace(SMALL, least_steps=5)).fit(space, data, seed=0).summary()

    assert (told["device"], told["precision"]) == ("cpu", "float32")


def test_training_tells_how_far_it_is():
    heard = []

    with watched(heard.append):
        GraphEnsemble("graphs", "dmpnn", members=3, settings=TINY).fit(CONTRACT_SPACE, training(), seed=3)

    first = heard.index("")  # the members without their folds, then with all rows
    for part in (heard[:first], heard[first + 1 : -1]):
        shares = [int(said.removeprefix("training networks: ").removesuffix(" %")) for said in part]
        assert shares[0] == 0
        assert shares == sorted(shares)
    assert heard[-1] == ""
    assert len(heard) >= 60


def test_a_network_alone_tells_what_plates_add():
    smiles = alkanols(12)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    x = torch.arange(12, dtype=torch.float64)[:, None]
    unknown, plates = torch.full((12,), torch.nan, dtype=torch.float64), tuple(f"P{i % 2}" for i in range(12))
    y = x[:, 0] + 20.0 * (torch.arange(12) % 2)
    data = TrainingSet(x, y, unknown, effects={"plate": plates})

    fitted = GraphEnsemble("graphs", "dmpnn", settings=replace(SMALL, least_steps=5)).fit(space, data, seed=0)
    (said,) = effects_said("yield", "%", fitted)

    assert said.startswith("yield by plate: P0 -")
    assert "P1 +" in said


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_on_a_gpu_it_learns_the_same_in_mixed_precision():
    smiles = alkanols(120)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    y = torch.tensor([Chem.MolFromSmiles(s).GetNumHeavyAtoms() for s in smiles], dtype=torch.float64)
    x = torch.arange(120, dtype=torch.float64)[:, None]
    data = TrainingSet(x[:90], y[:90], torch.full((90,), torch.nan, dtype=torch.float64))

    here, there = (
        GraphEnsemble("graphs", "dmpnn", settings=SMALL, device=device).fit(space, data, seed=0)
        for device in ("cpu", "cuda")
    )

    assert there.summary()["precision"] == "bfloat16"
    errors = [float((m.moments(x[90:])[0] - y[90:]).square().mean().sqrt()) for m in (here, there)]
    assert errors[1] < 1.5 * errors[0] + 0.05 * float(y.std())  # eight bits of mantissa: another network, as good


def test_the_mean_of_members_errs_less_by_what_they_disagree_about():
    smiles = alkanols(40)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    x = torch.arange(40, dtype=torch.float64)[:, None]
    data = TrainingSet(x[:30], torch.sin(x[:30, 0]), torch.full((30,), torch.nan, dtype=torch.float64))
    fitted = GraphEnsemble("graphs", "dmpnn", settings=replace(SMALL, least_steps=20)).fit(space, data, seed=0)

    means, variances = fitted.head.moments(fitted.trained.features(x)[0])
    said = fitted.calibration.widening * variances.mean(0)  # standardised, of a member's own
    apart = means.var(0, correction=0)
    expected = torch.where(2 * apart < 0.9 * said, said - apart, 0.1 * said + apart) + 0.05**2

    torch.testing.assert_close(fitted.moments(x)[1], expected.sqrt() * fitted.scale)


def test_replicates_are_left_out_together():
    x = torch.arange(7, dtype=torch.float64).repeat(2)[:, None]
    data = TrainingSet(x, torch.arange(14.0).double(), torch.full((14,), torch.nan, dtype=torch.float64))
    rows, targets = _stacked([data])
    folds = GraphEnsemble("graphs", "dmpnn")._folds(rows, targets, seed=1)

    torch.testing.assert_close(rows[:, 0], x[:, 0].sort().values)
    assert torch.equal(folds[::2], folds[1::2])
    assert set(folds.tolist()) == {0, 1, 2, 3, 4}


def test_a_mixture_is_the_mean_of_its_parts_and_nothing_is_nothing():
    space = Space(
        (
            Component("ligand", ("none", "PPh3"), ("", "c1ccccc1P(c1ccccc1)c1ccccc1")),
            Continuous("a", 0.0, 1.0),
            Continuous("b", 0.0, 1.0),
            Category("base", ("weak", "strong")),
        ),
        mixtures=(Mixture("solvent", ("water", "ethanol"), (1, 2), ("O", "CCO")),),
    )
    rows = inputs(space).rows(torch.tensor([[0.0, 0.25, 0.75, 1.0], [1.0, 1.0, 0.0, 0.0]], dtype=torch.float64))

    assert [rows.smiles[i] for i in rows.molecules[0, 1]] == ["O", "CCO"]
    assert rows.shares.tolist() == [[[0.0, 0.0], [0.25, 0.75]], [[1.0, 0.0], [1.0, 0.0]]]
    assert rows.numbers.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_a_space_without_structures_is_refused():
    space = Space((Category("base", ("weak", "strong")),))
    data = TrainingSet(torch.zeros(6, 1), torch.arange(6.0), torch.full((6,), torch.nan))

    with pytest.raises(SpaceError, match="no parameter has a structure"):
        GraphEnsemble("graphs", "dmpnn").fit(space, data, seed=0)


def test_too_few_values_and_too_few_candidates_are_refused():
    x = torch.zeros(6, 1, dtype=torch.float64)
    data = TrainingSet(x, torch.arange(6.0).double(), torch.full((6,), torch.nan).double())

    with pytest.raises(FitError, match="as many different candidates"):
        GraphEnsemble("graphs", "dmpnn").fit(SPACE, data, seed=0)
    with pytest.raises(TooFewPoints):
        GraphEnsemble("graphs", "dmpnn").fit(SPACE, TrainingSet(x[:4], data.y[:4], data.sd[:4]), seed=0)


def test_only_the_structures_of_the_rows_asked_for_are_read():
    class Shelf(tuple):  # a library that counts what is read of it
        read = 0

        def __getitem__(self, index):
            Shelf.read += 1
            return super().__getitem__(index)

    space = Space((Component("molecule", DRUGS, Shelf(DRUGS), is_library=True),))
    before = Shelf.read

    rows = inputs(space).rows(torch.tensor([[2.0], [2.0], [5.0]], dtype=torch.float64))

    assert Shelf.read - before == 2
    assert rows.smiles == ("", DRUGS[2], DRUGS[5])
    assert rows.molecules[:, 0, 0].tolist() == [1, 1, 2]


def test_reagents_are_seen_as_what_they_become():
    amines, acids = ("CN", "CCN"), ("CC(=O)O", "O=C(O)c1ccccc1")
    amide = "[NX3;H2:1].[C:2](=[O:3])[OX2;H1]>>[N:1][C:2]=[O:3]"
    space = Space(
        (Component("p.amine", amines, amines), Component("p.acid", acids, acids)),
        products=(Products("p", amide, (0, 1)),),
    )

    rows = inputs(space).rows(torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64))

    assert rows.molecules.shape == (2, 1, 1)
    assert [rows.smiles[i] for i in rows.molecules[:, 0, 0]] == ["CNC(C)=O", "CCNC(=O)c1ccccc1"]


@pytest.mark.parametrize("name", [n for n in ARCHITECTURES if n != "dmpnn"])
def test_other_architectures_learn_too(name):
    smiles = alkanols(60)
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    molecules = [Chem.MolFromSmiles(s) for s in smiles]
    y = torch.tensor([sum(a.GetIsAromatic() for a in m.GetAtoms()) / m.GetNumAtoms() for m in molecules]).double()
    x = torch.arange(60, dtype=torch.float64)[:, None]
    data = TrainingSet(x[:45], y[:45], torch.full((45,), torch.nan, dtype=torch.float64))

    settings = replace(SMALL, width=48, least_steps=50, more_steps=10)
    mean, sd = GraphEnsemble("graphs", name, members=3, settings=settings).fit(space, data, seed=0).moments(x[45:])

    assert float((mean - y[45:]).square().mean().sqrt()) < 0.7 * float(y[45:].std())
    assert bool((sd > 0).all())
