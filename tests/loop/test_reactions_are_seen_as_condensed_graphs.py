"""Reactions as condensed graphs: what is seen of atoms and bonds, what is refused, and that networks learn from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rdkit import Chem
from spaces import spec_of

from loop.errors import MoleculeError, SpecError
from loop.molecules.condensed import canonical_reaction, condensed_graphs, sides
from loop.molecules.fingerprints import count_fingerprints, folded_counts
from loop.molecules.graphs import ABSENT, ATOM_FEATURES, BOND_FEATURES, molecular_graphs
from loop.space import Component, Space
from loop.spec import build_space, read_spec
from loop.surrogates.gnn.ensemble import GraphEnsemble
from loop.surrogates.gnn.inputs import inputs
from loop.surrogates.gnn.training import Settings
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

SN2 = "[CH3:1][Br:2].[OH-:3]>>[CH3:1][OH:3].[Br-:2]"
DIELS_ALDER = (
    "[CH2:1]=[CH:2][CH:3]=[CH2:4].[CH2:5]=[CH2:6]>>[CH2:1]1[CH:2]=[CH:3][CH2:4][CH2:5][CH2:6]1"  # butadiene, ethene
)
SMALL = Settings(width=32, epochs=5, least_steps=120, batch=16, rate=5e-3, more_epochs=2, more_steps=20)

# columns of the features, from loop.molecules.graphs: element (by atomic number), neighbours, charge, hydrogens;
# single, double, triple, aromatic, other, conjugated, in a ring, Z, E
NEIGHBOURS, CHARGE, HYDROGENS = 38, 45, 51


def test_a_substitution_breaks_one_bond_and_makes_another():
    graph = condensed_graphs([SN2])

    # by number: C, Br, O; the bonds C-Br and C-O
    assert graph.before.atoms[:, 0].tolist() == graph.after.atoms[:, 0].tolist() == [6, 35, 8]
    assert graph.ends.tolist() == [[0, 1], [0, 2]]
    assert graph.before.bonds[:, 0].tolist() == [0, ABSENT]
    assert graph.after.bonds[:, 0].tolist() == [ABSENT, 0]
    bonds = graph.bond_features()
    single = np.eye(BOND_FEATURES)[0]
    np.testing.assert_array_equal(bonds[0], [*single, *-single])  # there, then gone
    np.testing.assert_array_equal(bonds[1], [*(0 * single), *single])  # made


def test_what_changes_of_an_atom_stands_in_the_second_half():
    atoms = condensed_graphs([SN2]).atom_features()
    before, change = atoms[:, :ATOM_FEATURES], atoms[:, ATOM_FEATURES:]

    expected = np.zeros((3, ATOM_FEATURES))  # the carbon has one neighbour and three hydrogens on both sides
    expected[1, [NEIGHBOURS + 1, NEIGHBOURS]] = -1, 1  # bromine loses its neighbour
    expected[1, [CHARGE + 2, CHARGE + 1]] = -1, 1  # and is charged
    expected[2, [NEIGHBOURS, NEIGHBOURS + 1]] = -1, 1
    expected[2, [CHARGE + 1, CHARGE + 2]] = -1, 1
    hybrids = slice(HYDROGENS + 6, HYDROGENS + 14)
    expected[:, hybrids] = change[:, hybrids]  # RDKit's to say
    np.testing.assert_array_equal(change, expected)
    np.testing.assert_array_equal(before, molecular_graphs(["CBr", "[OH-]"]).atom_features())


def test_a_cycloaddition_moves_three_double_bonds_and_makes_two_single_ones():
    graph = condensed_graphs([DIELS_ALDER])

    kinds = {
        tuple(ends): (before, after)
        for ends, before, after in zip(
            (graph.ends + 1).tolist(), graph.before.bonds[:, 0].tolist(), graph.after.bonds[:, 0].tolist(), strict=True
        )
    }
    single, double = 0, 1
    assert kinds == {
        (1, 2): (double, single), (2, 3): (single, double), (3, 4): (double, single), (5, 6): (double, single),
        (4, 5): (ABSENT, single), (1, 6): (ABSENT, single),
    }  # fmt: skip
    in_ring = graph.bond_features()[:, BOND_FEATURES + 6]
    assert in_ring.tolist() == [1.0] * 6  # each of the six bonds comes to lie in a ring


def test_a_molecule_is_a_reaction_in_which_nothing_happens():
    graph = condensed_graphs(["CCO", "", SN2])

    assert graph.n_atoms.tolist() == [3, 0, 3]
    plain = molecular_graphs(["CCO"]).atom_features()
    np.testing.assert_array_equal(graph.atom_features()[:3], np.hstack([plain, 0 * plain]))


def test_one_reaction_written_in_two_ways_is_one():
    other = "[OH-:7].[Br:4][CH3:9]>>[Br-:4].[OH:7][CH3:9]"

    assert canonical_reaction(other) == canonical_reaction(SN2)
    assert canonical_reaction(canonical_reaction(SN2)) == canonical_reaction(SN2)


def test_the_numbers_make_no_hands():
    reaction = "[CH3:1][CH:2]([CH3:3])[Br:4].[OH-:5]>>[CH3:1][CH:2]([CH3:3])[OH:5].[Br-:4]"

    assert condensed_graphs([reaction]).before.atoms[:, -1].tolist() == [0] * 5
    chain = "[CH2:3][CH3:6]"  # comes behind bromine and oxygen, before the methyl group
    turned = condensed_graphs([f"[CH3:1][C@H:2]({chain})[Br:4].[OH-:5]>>[CH3:1][C@@H:2]({chain})[OH:5].[Br-:4]"])
    hands = [int(side.atoms[1, -1]) for side in (turned.before, turned.after)]
    assert set(hands) == {1, 2}


def test_a_hydrogen_with_a_number_is_an_atom():
    transfer = "[Cl:1][H:2].[NH3:3]>>[Cl-:1].[H:2][NH3+:3]"

    graph = condensed_graphs([transfer])

    assert graph.before.atoms[:, 0].tolist() == [17, 1, 7]
    assert graph.ends.tolist() == [[0, 1], [1, 2]]


@pytest.mark.parametrize(
    ("reaction", "said"),
    [
        ("[CH3:1]Br.[OH-:3]>>[CH3:1][OH:3].[Br-:2]", r"1 of 3 atoms of its reactants have no number .the first"),
        ("CBr.[OH-]>>CO.[Br-]", r"number every atom on both sides, such as \[CH3:1\]"),
        ("[CH3:1][Br:2].[OH-:3]>>[CH3:1][OH:3]", "does not balance: Br:2 only among its reactants; write what becomes"),
        ("[CH3:1][Br:2]>>[CH3:1][OH:3].[Br-:2]", "does not balance: O:3 only among its products; write the reactants"),
        ("[CH3:1][Br:1].[OH-:3]>>[CH3:1][OH:3]", "number 1 stands twice among its reactants"),
        ("[CH3:1][Br:2].[OH-:3]>>[CH3:1][Br:3].[OH-:2]", "number 2 is Br among its reactants and O among its products"),
        ("[CH3:1][Br:2]>[Na+]>[CH3:1][Br:2]", r"agents between its arrows \(\[Na\+\]\)"),
        ("[CH3:1][Br:2]>>", "write it as reactants>>products"),
        ("CCO", "write it as reactants>>products"),
        ("[CH3:1][Br:2>>[CH3:1][Br:2]", "its reactants .* cannot be read"),
    ],
)  # fmt: skip
def test_what_is_no_balanced_mapped_reaction_is_refused_with_the_remedy(reaction, said):
    with pytest.raises(MoleculeError, match=said):
        canonical_reaction(reaction)


def test_fingerprints_see_both_sides():
    swapped = ">>".join(reversed(sides(SN2)))
    known = count_fingerprints([SN2, swapped, SN2.replace("Br", "Cl")])
    alike = known.similarity(np.arange(3), np.arange(3))

    assert alike[0, 0] == 1.0
    assert alike[0, 1] < alike[0, 2] < 1.0  # another leaving group is nearer than the way back
    assert folded_counts([SN2, swapped], 64).shape == (2, 64)


def substitutions() -> dict[str, str]:
    """Halides and nucleophiles: names and mapped reactions."""
    halides = {"Cl": "[Cl:{n}]", "Br": "[Br:{n}]", "I": "[I:{n}]"}
    nucleophiles = {"OH": ("[OH-:91]", "[OH:91]"), "SH": ("[SH-:91]", "[SH:91]"), "F": ("[F-:91]", "[F:91]")}
    found = {}
    for carbons in range(1, 6):
        chain = "".join(f"[CH2:{i}]" for i in range(2, carbons + 1))
        for halide, left in halides.items():
            for name, (free, bound) in nucleophiles.items():
                head = f"[CH3:1]{chain}"
                before = f"{head}{left.format(n=90)}.{free}"
                after = f"{head}{bound}.{left.format(n=90).replace(':', '-:')}"
                found[f"C{carbons}{halide} + {name}"] = f"{before}>>{after}"
    return found


def reaction_space() -> Space:
    few = dict(list(substitutions().items())[::4])  # which take time to describe
    options = {"reaction": {"type": "component", "options": few}}
    return build_space(spec_of(options | {"temperature": {"type": "number", "values": [20, 40]}}))


def test_networks_learn_what_a_reaction_changes():
    options = {name: canonical_reaction(r) for name, r in substitutions().items()}
    space = Space((Component("reaction", tuple(options), tuple(options.values())),))
    bonds = {"Cl": 339.0, "Br": 285.0, "I": 213.0, "OH": 358.0, "SH": 272.0, "F": 485.0}  # kJ/mol, with carbon
    y = torch.tensor([bonds[n.split(" + ")[1]] - bonds[n.split(" + ")[0][2:]] for n in options]).double()
    x = torch.arange(len(y), dtype=torch.float64)[:, None]
    seen = torch.arange(len(y)) % 5 != 1
    data = TrainingSet(x[seen], y[seen], torch.full((int(seen.sum()),), torch.nan).double())

    mean, _ = GraphEnsemble("graphs", "dmpnn", settings=SMALL).fit(space, data, seed=0).moments(x[~seen])

    assert float((mean - y[~seen]).square().mean().sqrt()) < 0.3 * float(y.std())


def test_the_default_committee_and_graph_networks_take_a_campaign_of_reactions():
    space = reaction_space()
    n = space.parameters[0].size
    x = torch.tensor([[float(i), t] for i in range(n) for t in (20.0, 40.0)], dtype=torch.float64)
    data = TrainingSet(x, x[:, 0], torch.full((2 * n,), torch.nan, dtype=torch.float64))
    few = replace(SMALL, least_steps=5)

    committee = surrogate("committee", space).fit(space, data, seed=0)
    networks = GraphEnsemble("graphs", "gin", settings=few).fit(space, data, seed=0)

    assert [m.name for m in committee.members] == ["gp", "tanimoto", "gp-mordred"]
    for fitted in (committee, surrogate("trees", space).fit(space, data, seed=0), networks):
        assert bool(torch.isfinite(fitted.moments(x)[0]).all())
    assert inputs(space).reacts


CAMPAIGN = """
campaign: reactions
space:
  reaction:
    type: {kind}
    options:
      one: "{first}"
      two: "{second}"
objective:
  barrier: {{goal: minimize, unit: kJ/mol}}
budget: {{experiments: 8}}
laboratory: {{adapter: manual}}
"""


def read(first: str = SN2, second: str = DIELS_ALDER, kind: str = "component"):
    text = CAMPAIGN.format(first=first, second=second, kind=kind)
    return read_spec(text, source="campaign.yaml", read=lambda _: "")


def test_a_campaign_file_may_name_reactions():
    spec = read()

    assert build_space(spec).parameters[0].smiles == (canonical_reaction(SN2), canonical_reaction(DIELS_ALDER))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"second": "CC(=O)O"}, "option 'two': reaction 'CC\\(=O\\)O' cannot be read; write it as reactants>>products"),
        ({"second": "CBr.[OH-]>>CO.[Br-]"}, "option 'two': .* have no number"),
        ({"second": SN2}, "'one' and 'two' are the same reaction"),
        ({"kind": "molecule"}, "it is a reaction, and only options of a parameter of type component may be reactions"),
    ],
)
def test_what_a_campaign_file_says_wrongly_of_reactions_is_refused(given, said):
    with pytest.raises(SpecError, match=said):
        read(**given)


def test_the_two_halves_of_the_features_are_those_of_rdkit_on_either_side():
    graph = condensed_graphs([DIELS_ALDER])
    before, after = (Chem.MolFromSmiles(s) for s in sides(DIELS_ALDER))
    numbers = {a.GetAtomMapNum(): a for a in after.GetAtoms()}

    for a in before.GetAtoms():
        n = a.GetAtomMapNum() - 1
        assert graph.before.atoms[n, 3] == a.GetTotalNumHs()
        assert graph.after.atoms[n, 3] == numbers[n + 1].GetTotalNumHs()
        assert graph.after.atoms[n, 1] == numbers[n + 1].GetDegree()
