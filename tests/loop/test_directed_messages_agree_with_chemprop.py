"""Directed message passing beside the package chemprop: the same weights, the same molecules, the same numbers.

The package reads each structure and builds the graph itself; only the features of atoms and bonds are ours, which
differ on purpose (``loop.surrogates.gnn.dmpnn`` says what is the same and what is not).
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from rdkit import Chem
from torch import Tensor

from loop.molecules.condensed import condensed_graphs
from loop.molecules.graphs import ATOM_FEATURES, ATOM_SIZES, BOND_FEATURES, graph_of, molecular_graphs
from loop.space import Component, Space
from loop.surrogates.gnn import training
from loop.surrogates.gnn.batch import Batch, GraphStore, shared, together
from loop.surrogates.gnn.dmpnn import DirectedMessages
from loop.surrogates.gnn.inputs import inputs
from loop.surrogates.gnn.layers import initialise
from loop.surrogates.gnn.network import Network, NetworkRows
from loop.surrogates.gnn.segments import Segments

CPU = torch.device("cpu")
WIDTH, MEMBERS = 24, 3
MOLECULES = (
    "C",  # no bond
    "[Cl-]",
    "CO",
    "[Na+].[Cl-]",  # a salt of two atoms
    "[Na+].[O-]C(=O)c1ccccc1",
    "C1CC1",
    "C1CC2CCC1C2",
    "c1ccc2ccccc2c1",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C/C=C/C(N)=O",
    "C[C@H](N)C(=O)O",
    "CC(C)(C)C(F)(F)S(=O)(=O)C#N",
)
ATOMS_ALONE = ("C", "[Na+].[Cl-]", "[K+]")
REACTIONS = (
    "[CH3:1][Br:2].[OH-:3]>>[CH3:1][OH:3].[Br-:2]",
    "[OH-:3].[CH3:1][Br:2]>>[Br-:2].[CH3:1][OH:3]",  # its atoms in another order than their numbers
    "[CH2:1]=[CH:2][CH:3]=[CH2:4].[CH2:5]=[CH2:6]>>[CH2:1]1[CH:2]=[CH:3][CH2:4][CH2:5][CH2:6]1",
    "[CH3:4][C@H:1]([F:5])[Br:2].[OH-:3]>>[CH3:4][C@@H:1]([F:5])[OH:3].[Br-:2]",  # inverts
    "[CH2:1]1[O:2][CH2:3]1.[H:4][NH2:5]>>[NH2:5][CH2:1][CH2:3][O:2][H:4]",  # opens a ring; a hydrogen is seen to move
    "[CH3:1][OH:2].[Na+:9]>>[CH3:1][OH:2].[Na+:9]",  # nothing happens
)


@pytest.fixture(scope="module")
def chemprop():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages that it imports
        package = pytest.importorskip(
            "chemprop", reason="the package that networks are compared with is missing: pip install 'hakken[chemprop]'"
        )
        from chemprop import data, featurizers, models, nn, utils  # noqa: F401
    return package


class OurAtoms:
    """Our features of an atom, where the package asks for its own."""

    atomic_nums = range(ATOM_SIZES[0] - 1)  # the package counts one more column, of any other element

    def __len__(self) -> int:
        return ATOM_FEATURES

    def __call__(self, atom: Chem.Atom) -> np.ndarray:
        return our_graph(atom).atom_features()[atom.GetIdx()]

    def num_only(self, atom: Chem.Atom) -> np.ndarray:
        raise AssertionError("an atom on one side only")


class OurBonds:
    def __len__(self) -> int:
        return BOND_FEATURES

    def __call__(self, bond: Chem.Bond | None) -> np.ndarray:
        return np.zeros(BOND_FEATURES) if bond is None else our_graph(bond).bond_features()[bond.GetIdx()]


def our_graph(part: Chem.Atom | Chem.Bond):
    """The graph of the molecule that an atom or a bond is a part of, the numbers of its atoms left out."""
    molecule = Chem.Mol(part.GetOwningMol())
    for atom in molecule.GetAtoms():
        atom.SetAtomMapNum(0)
    Chem.AssignStereochemistry(molecule, cleanIt=True, force=True)
    return graph_of(molecule)


def their_graphs(chemprop, smiles):
    """Each molecule, or reaction, as the package builds its graph."""
    of_molecule = chemprop.featurizers.SimpleMoleculeMolGraphFeaturizer(OurAtoms(), OurBonds())
    of_reaction = chemprop.featurizers.CondensedGraphOfReactionFeaturizer(OurAtoms(), OurBonds(), mode_="REAC_DIFF")
    found = []
    for text in smiles:
        if ">>" not in text:
            found.append(of_molecule(chemprop.utils.make_mol(text)))
            continue
        sides = text.split(">>")
        found.append(of_reaction(tuple(chemprop.utils.make_mol(s, keep_h=True, reorder_atoms=True) for s in sides)))
    return found


def their_batch(chemprop, graphs, dtype: torch.dtype):
    batch = chemprop.data.BatchMolGraph(graphs)
    batch.V, batch.E = batch.V.to(dtype), batch.E.to(dtype)
    return batch


def network_of(graphs, *, depth: int = 3, how: str = "mean", numbers: int = 0, targets: int = 2) -> Network:
    store = GraphStore(graphs, CPU)
    encoder = DirectedMessages(MEMBERS, store.atoms.shape[1], store.edges.shape[1], WIDTH, depth, how)
    network = Network(encoder, MEMBERS, 1, numbers, WIDTH, targets)
    initialise(network, range(1, MEMBERS + 1))
    return network


def their_network(chemprop, network: Network, member: int, **otherwise):
    """A network of the package with the weights of one member of ours.

    Of a reaction it does not look at how the element of an atom changes, which it never does: those of our weights have
    no place there.
    """
    encoder = network.encoder
    dtype = encoder.begin.weight.dtype
    atoms = encoder.end.weight.shape[1] - WIDTH
    kept = [c for c in range(atoms) if not ATOM_FEATURES <= c < ATOM_FEATURES + ATOM_SIZES[0]]
    bonds = encoder.begin.weight.shape[1] - atoms
    settings = {"d_v": len(kept), "d_e": bonds, "d_h": WIDTH, "depth": encoder.depth, **otherwise}
    nn = chemprop.nn
    model = chemprop.models.MPNN(
        nn.BondMessagePassing(**settings),
        {"mean": nn.MeanAggregation, "sum": nn.SumAggregation, "norm": nn.NormAggregation}[encoder.how](),
        nn.RegressionFFN(network.out.weight.shape[2], network.hidden.weight.shape[1], WIDTH),
    ).to(dtype)
    ours = {
        "message_passing.W_i": (encoder.begin, [*kept, *range(atoms, atoms + bonds)]),
        "message_passing.W_h": (encoder.pass_on, slice(None)),
        "message_passing.W_o": (encoder.end, [*kept, *range(atoms, atoms + WIDTH)]),
        "predictor.ffn.0.0": (network.hidden, slice(None)),
        "predictor.ffn.1.2": (network.out, slice(None)),
    }
    weights = {}
    for name, (layer, rows) in ours.items():
        weights[f"{name}.weight"] = layer.weight[member, rows].T
        if layer.bias is not None:
            weights[f"{name}.bias"] = layer.bias[member, 0]
    parameters = dict(model.named_parameters())
    assert parameters.keys() == weights.keys()  # neither has a weight that the other lacks
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])
    return model


def in_precision(batch: Batch, dtype: torch.dtype) -> Batch:
    return replace(batch, atoms=batch.atoms.to(dtype), edges=batch.edges.to(dtype))


def atom_states(network: Network, batch: Batch) -> Tensor:
    """What the encoder makes of each atom, each of which it is told is a molecule: ``(members, v, width)``."""
    places = torch.arange(batch.atoms.shape[0] * batch.atoms.shape[1])
    each = Segments(places, torch.arange(len(places) + 1), places)
    encoder = copy.copy(network.encoder)
    encoder.how = "sum"
    return encoder(replace(batch, molecules=each))


def compare(chemprop, graphs, smiles, which, dtype: torch.dtype, **settings) -> None:
    """Assert that all members and the package's networks see atoms, molecules and values alike.

    Args:
        chemprop: The package.
        graphs: Ours, of ``smiles``.
        smiles: What they are of, as the package reads it.
        which: The molecules of each member's batch, shape ``(members, n)``.
        dtype: The precision of both.
        settings: Of the network.
    """
    near = {torch.float32: {"rtol": 1e-5, "atol": 1e-5}, torch.float64: {"rtol": 1e-10, "atol": 1e-10}}[dtype]
    numbers = 3
    network = network_of(graphs, numbers=numbers, **settings).to(dtype)
    batch = in_precision(GraphStore(graphs, CPU).batch(which), dtype)
    n = which.shape[1]
    beside = torch.rand(MEMBERS, n, numbers, generator=torch.Generator().manual_seed(5)).to(dtype)
    places = (torch.arange(n) + torch.arange(MEMBERS)[:, None] * (n + 1))[..., None, None]
    rows = NetworkRows(places, torch.ones(places.shape), beside)
    theirs = their_graphs(chemprop, smiles)

    with torch.no_grad():
        states, molecules, values = atom_states(network, batch), network.encoder(batch), network(batch, rows)
        hidden = network.features(batch, rows)
        for member in range(MEMBERS):
            model = their_network(chemprop, network, member)
            graph = their_batch(chemprop, [theirs[i] for i in which[member]], dtype)
            of_atoms = model.message_passing(graph)
            assert float(of_atoms.abs().max()) > 0.1
            torch.testing.assert_close(states[member, : len(of_atoms)], of_atoms, **near)
            torch.testing.assert_close(molecules[member, :n], model.fingerprint(graph), **near)
            before = model.encoding(graph, X_d=beside[member])  # of the last hidden layer, not yet rectified
            torch.testing.assert_close(hidden[member], torch.relu(before), **near)
            torch.testing.assert_close(values[member], model(graph, X_d=beside[member]), **near)


def mixed(n: int) -> np.ndarray:
    """Batches that differ between members in order and size: all, all backwards, and some of them several times."""
    return together([np.arange(n), np.arange(n)[::-1], np.repeat(np.arange(0, n, 3), 2)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("depth", "how"), [(3, "mean"), (3, "sum"), (3, "norm"), (1, "sum"), (2, "sum"), (6, "sum")])
def test_molecules_are_seen_alike(chemprop, depth, how, dtype):
    graphs = molecular_graphs(MOLECULES)

    compare(chemprop, graphs, MOLECULES, mixed(len(MOLECULES)), dtype, depth=depth, how=how)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_without_any_bond_is_seen_alike(chemprop, dtype):
    compare(chemprop, molecular_graphs(ATOMS_ALONE), ATOMS_ALONE, mixed(len(ATOMS_ALONE)), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("how", ["mean", "sum"])
def test_reactions_are_seen_alike(chemprop, how, dtype):
    compare(chemprop, condensed_graphs(REACTIONS), REACTIONS, mixed(len(REACTIONS)), dtype, how=how)


def test_a_condensed_graph_has_the_atoms_and_bonds_that_the_package_gives_it(chemprop):
    elements = slice(ATOM_FEATURES, ATOM_FEATURES + ATOM_SIZES[0])  # how they change, which the package leaves out
    for reaction, theirs in zip(REACTIONS, their_graphs(chemprop, REACTIONS), strict=True):
        ours = condensed_graphs([reaction])

        assert not ours.atom_features()[:, elements].any(), reaction
        np.testing.assert_array_equal(np.delete(ours.atom_features(), elements, axis=1), theirs.V, reaction)
        assert ours.ends.tolist() == theirs.edge_index[:, ::2].T.tolist(), reaction
        np.testing.assert_array_equal(np.repeat(ours.bond_features(), 2, axis=0), theirs.E, reaction)


def test_an_empty_molecule_is_zero_where_the_package_sees_a_bare_atom(chemprop):
    """The one molecule that they see differently: where nothing is added, ours adds nothing."""
    graphs = molecular_graphs(["", "CO"])
    network = network_of(graphs)

    ours = network.encoder(GraphStore(graphs, CPU).batch(shared(np.arange(2), MEMBERS)))

    (bare,) = their_graphs(chemprop, [""])
    assert bare.V.shape == (1, ATOM_FEATURES)
    assert not bare.V.any()
    assert not bool(ours[:, 0].any())


def test_a_change_in_any_weight_or_in_the_way_of_messages_is_noticed(chemprop):
    """The comparison can fail: by each tensor of weights, by the depth, and by messages that go straight back."""
    graphs = molecular_graphs(MOLECULES)
    network = network_of(graphs).double()
    batch = in_precision(GraphStore(graphs, CPU).batch(shared(np.arange(len(MOLECULES)), MEMBERS)), torch.float64)
    places = torch.arange(len(MOLECULES)) + torch.arange(MEMBERS)[:, None] * (len(MOLECULES) + 1)
    rows = NetworkRows(places[..., None, None], torch.ones(*places.shape, 1, 1), torch.zeros(*places.shape, 0))
    graph = their_batch(chemprop, their_graphs(chemprop, MOLECULES), torch.float64)

    with torch.no_grad():
        ours = network(batch, rows)[1]

        def off(model) -> float:
            return float((model(graph) - ours).abs().max())

        assert off(their_network(chemprop, network, 1)) < 1e-12
        assert off(their_network(chemprop, network, 0)) > 1e-3  # another member
        for otherwise in ({"undirected": True}, {"depth": 2}, {"depth": 4}, {"activation": "leakyrelu"}):
            assert off(their_network(chemprop, network, 1, **otherwise)) > 1e-5, otherwise
        for name in dict(their_network(chemprop, network, 1).named_parameters()):
            model = their_network(chemprop, network, 1)
            model.get_parameter(name).mul_(1.001)
            assert off(model) > 1e-7, name


def test_first_weights_spread_as_those_of_the_package_do(chemprop):
    network = network_of(molecular_graphs(MOLECULES), targets=WIDTH)  # of targets so many only for the sake of numbers
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = chemprop.models.MPNN(
            chemprop.nn.BondMessagePassing(ATOM_FEATURES, BOND_FEATURES, WIDTH),
            chemprop.nn.MeanAggregation(),
            chemprop.nn.RegressionFFN(WIDTH, WIDTH, WIDTH),
        )

    for name, parameter in their_network(chemprop, network, 0).named_parameters():
        theirs, ours = (p.detach().abs().max() for p in (drawn.get_parameter(name), parameter))
        assert float(ours) == pytest.approx(float(theirs), rel=0.2), name  # the largest of two dozen, or of more


def test_members_learn_as_networks_of_the_package_do(chemprop, monkeypatch):
    """The same first weights, batches, rates and optimiser: the loss of every step, and what is believed in the end."""
    tails = ("O", "C(C)O", "c1ccccc1", "N.Cl", "C#N")
    smiles = tuple(dict.fromkeys("C" * n + tail for n in range(1, 8) for tail in tails))
    space = Space((Component("molecule", smiles, smiles, is_library=True),))
    y = torch.tensor([float(Chem.MolFromSmiles(s).GetNumAtoms()) for s in smiles], dtype=torch.float64)
    y = ((y - y.mean()) / y.std())[:, None]
    x = torch.arange(len(smiles), dtype=torch.float64)[:, None]
    settings = training.Settings(width=WIDTH, batch=10, share=1)
    started = training.Training(
        DirectedMessages,
        settings,
        inputs(space),
        x,
        training.Labels(y, y, y, torch.ones_like(y)),
        range(1, MEMBERS + 1),
        CPU,
    )
    first = copy.deepcopy(started.trained.network)
    steps: list[tuple[Tensor, Tensor]] = []
    real = training._loss

    def noted(values, labels, chosen, device):
        losses = torch.stack([real(v[None], labels, c[None], device) for v, c in zip(values, chosen, strict=True)])
        steps.append((chosen, losses.detach()))
        return real(values, labels, chosen, device)

    monkeypatch.setattr(training, "_loss", noted)
    rate, epochs = 1e-2, 20
    started.run([torch.arange(len(smiles))] * MEMBERS, epochs, least=0, rate=rate)
    _, believed = started.trained.features(x)

    graphs = their_graphs(chemprop, smiles)
    assert len(steps) == epochs * len(smiles) / settings.batch
    assert bool((steps[-1][1] < 0.2 * steps[0][1]).all())  # something was learnt
    for member in range(MEMBERS):
        model = their_network(chemprop, first, member)
        optimiser = torch.optim.Adam(model.parameters())
        for step, (chosen, losses) in enumerate(steps):
            rows = chosen[member]
            for group in optimiser.param_groups:
                group["lr"] = rate * training._rate((step + 0.5) / len(steps), settings.warm)
            optimiser.zero_grad()
            values = model(their_batch(chemprop, [graphs[i] for i in rows], torch.float32))
            loss = model.criterion(values, y[rows].float())
            # rounding alone is 5e-7; once it tips a rectifier over its edge, as on some processors, 6e-4 from there on
            close = 1e-5 if step < len(steps) // 2 else 5e-3
            torch.testing.assert_close(losses[member], loss.detach(), rtol=close, atol=1e-5)
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            torch.testing.assert_close(
                believed[member].float(), model(their_batch(chemprop, graphs, torch.float32)), rtol=1e-3, atol=1e-3
            )
