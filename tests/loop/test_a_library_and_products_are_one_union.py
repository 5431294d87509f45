"""A union of a library and products is one list of candidates, numbered by arithmetic and never written out."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rdkit import Chem, DataStructs
from rdkit.Chem import Descriptors, rdFingerprintGenerator

from loop.acquisition import joined, screening, streaming
from loop.acquisition.apart import similarities
from loop.errors import PoolExhausted, SpaceError, SpecError
from loop.examination.parts import Split, parts_of, splits_of
from loop.explain import origin_of
from loop.history import History, Observation
from loop.insight.contributions import explain_molecules
from loop.memory.overlap import overlap
from loop.molecules.fingerprints import folded_counts
from loop.molecules.graphs import molecular_graphs
from loop.molecules.packed import KINDS, generator_of
from loop.molecules.standardise import canonical_smiles
from loop.molecules.united import United, united
from loop.outcome import Measured, Measurement
from loop.planner import plan
from loop.policy.initial import initial_design
from loop.space import Component, ProductPool, Space, molecules_at
from loop.space.counting import said_count
from loop.space.sifting import Twins
from loop.space.united import Listed, Made, UnionNames
from loop.spec import CampaignSpec, build_space, read_spec
from loop.spec.sieving import told_of_products
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import default_members, is_looked_over, surrogate

AMIDE = "[C:1](=[O:2])[OH].[NX3;H2;!$(NC=O):3]>>[C:1](=[O:2])[N:3]"
ESTER = "[C:1](=[O:2])[OH].[OX2;H1;!$(OC=O):3]>>[C:1](=[O:2])[O:3]"
STOCK = {
    "acetanilide": "CC(=O)Nc1ccccc1",
    "phenol": "Oc1ccccc1",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "anisole": "COc1ccccc1",
    "ethyl benzoate": "CCOC(=O)c1ccccc1",
}
ACIDS = {"acetic": "CC(=O)O", "benzoic": "O=C(O)c1ccccc1", "picolinic": "O=C(O)c1ccccn1"}
AMINES = {"methyl": "CN", "aniline": "Nc1ccccc1", "benzyl": "NCc1ccccc1", "ethyl": "CCN"}
ALCOHOLS = {"methanol": "CO", "ethanol": "CCO"}

FILE = """\
campaign: amides
space:
  molecule:
    type: union
    of:
      stock: {type: molecule, file: stock.csv, name: name}
      amides:
        type: products
        reaction: "%s"
        reagents: {acid: {file: acids.smi}, amine: {options: {methyl: CN, aniline: Nc1ccccc1}}}
objective: {gap: {goal: minimize}}
budget: {experiments: 6}
laboratory: {adapter: xtb}
"""


def products(reaction: str, **lists: dict[str, str]) -> dict[str, object]:
    reagents = {name: {"options": options} for name, options in lists.items()}
    return {"type": "products", "reaction": reaction, "reagents": reagents, "order": list(lists)}


LIBRARY = {"type": "molecule", "options": STOCK}
AMIDES = products(AMIDE, acid=ACIDS, amine=AMINES)
ESTERS = products(ESTER, acid=ACIDS, alcohol=ALCOHOLS)


def campaign(of: dict[str, object], also: dict[str, object] | None = None, **planner: object) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "amides",
            "space": {"molecule": {"type": "union", "of": of}, **(also or {})},
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"batch": 4, "initial": {"experiments": 8}, **planner},
            "budget": {"experiments": 60},
            "laboratory": {"adapter": "emulator"},
        }
    )


BOTH = campaign({"stock": LIBRARY, "amides": AMIDES, "esters": ESTERS})
SPACE = build_space(BOTH)
EVERY = np.arange(5 + 12 + 6)


def branches(number: int) -> str:
    """A different chain for each number below 10,000: a branch for each of its digits."""
    return "".join(f"C({'C' * int(digit)}O)" for digit in f"{number:04d}")


def united_of(space: Space) -> United:
    library = space.library
    assert library is not None
    assert isinstance(library.smiles, United)
    return library.smiles


def names() -> UnionNames:
    assert SPACE.union is not None
    return SPACE.union[1]


def fingerprint(smiles: str, kind: str = "morgan") -> DataStructs.ULongSparseIntVect:
    return generator_of(kind).GetSparseCountFingerprint(Chem.MolFromSmiles(smiles))


def observed(x: np.ndarray, y: list[float]) -> History:
    return History(
        tuple(
            Observation(str(i), row, Measured((Measurement("y", v, "", v),)))
            for i, (row, v) in enumerate(zip(x, y, strict=True))
        )
    )


class TestNamesAndNumbers:
    def test_the_library_comes_first_and_products_follow_reaction_by_reaction(self) -> None:
        p = SPACE.library
        assert p is not None

        assert SPACE.size == 23
        assert len(ProductPool(SPACE)) == 21  # two of the products are in the library
        assert p.value(0) == "stock: acetanilide"
        assert p.value(5) == "amides: acetic + methyl"
        assert p.value(22) == "esters: picolinic + ethanol"
        assert [p.index(p.value(i)) for i in EVERY] == EVERY.tolist()
        assert SPACE.smiles({"molecule": "amides: benzoic + benzyl"}) == {
            "molecule": Chem.CanonSmiles("O=C(NCc1ccccc1)c1ccccc1")
        }

    @given(st.integers(0, 3), st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=3))
    @settings(max_examples=60)
    def test_every_number_has_a_name_of_its_own_that_leads_back(self, listed: int, shapes: list[list[int]]) -> None:
        sources = []
        for i, shape in enumerate(shapes):
            lists = tuple(tuple(f"r{k}" for k in range(n)) for n in shape)
            sources.append(Made(f"s{i}", "", tuple(f"l{k}" for k in range(len(shape))), lists, lists))
        library = Listed("own", tuple(f"r{k} + r{k}" for k in range(listed))) if listed else None
        found = UnionNames(library, tuple(sources))

        every = list(found)

        assert len(set(every)) == len(every) == listed + sum(int(np.prod(shape)) for shape in shapes)
        assert [found.index(name) for name in every] == list(range(len(every)))

    def test_a_hundred_million_products_are_named_without_being_made(self) -> None:
        acids = {f"a{i}": f"OC(=O){branches(i)}" for i in range(10_000)}
        amines = {f"n{i}": f"N{branches(i)}" for i in range(10_000)}
        space = build_space(campaign({"stock": LIBRARY, "amides": products(AMIDE, acid=acids, amine=amines)}))
        p = space.library
        assert p is not None

        x = ProductPool(space).take(np.array([3, 10**8 - 1]))

        assert space.size == 10**8 + 5
        assert p.value(x[1, 0]) == "amides: a9999 + n9994"
        assert p.index("amides: a9999 + n9994") == 10**8 - 1
        assert not united_of(space)._made

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("amides: benzoic + anilin", "the list amine of amides has no 'anilin' (did you mean 'aniline'?)"),
            ("stock: cafeine", "no molecule of stock is called 'cafeine' (did you mean 'caffeine'?)"),
            ("amides: benzoic", "a product of amides is called amides: ACID + AMINE"),
            ("caffeine", "a candidate is called by its source and name, such as 'stock: acetanilide' or 'esters: pi"),
        ],
    )
    def test_a_name_that_means_none_is_told_how_one_is_named(self, name: str, why: str) -> None:
        with pytest.raises(SpaceError, match="parameter 'molecule' has no option") as caught:
            SPACE.coordinates({"molecule": name})

        assert why in str(caught.value)

    def test_a_name_without_its_source_is_understood_where_it_means_one(self) -> None:
        assert names().meant("caffeine") == "stock: caffeine"
        assert names().meant("benzoic + ethanol") == "esters: benzoic + ethanol"
        assert names().meant("benzoic + water") is None

    def test_where_a_candidate_is_from_is_said(self) -> None:
        assert origin_of(SPACE, np.array([2.0])) == "; from stock"
        assert origin_of(SPACE, np.array([6.0])) == "; from amides, of acid acetic and amine aniline"
        assert said_count(SPACE) == 21
        assert names().said_count == (
            "23 at the most: 5 molecules of stock, 12 products of amides, 6 products of esters"
        )

    def test_two_unions_are_one_where_their_content_is(self) -> None:
        again = build_space(BOTH)
        other = build_space(campaign({"stock": LIBRARY, "amides": AMIDES}))

        assert again == SPACE
        assert hash(again.library) == hash(SPACE.library)
        assert other != SPACE
        assert overlap(SPACE, again).share == 1.0
        assert overlap(SPACE, other).missing == ("molecule",)


class TestWhatIsACandidate:
    def test_a_product_that_is_in_the_library_counts_there(self) -> None:
        twice = {"amides: acetic + aniline": "acetanilide", "esters: benzoic + ethanol": "ethyl benzoate"}

        refused = [SPACE.library.value(i) for i in EVERY[~SPACE.holds(EVERY[:, None].astype(float))]]

        assert refused == list(twice)
        assert not SPACE.contains({"molecule": "amides: acetic + aniline"})
        assert SPACE.contains({"molecule": "stock: acetanilide"})

    def test_reagents_that_do_not_react_are_no_candidate_and_like_nothing_else(self) -> None:
        space = build_space(campaign({"stock": LIBRARY, "amides": products(AMIDE, acid=ACIDS, amine={"none": "CC"})}))
        counts = united_of(space).counts()

        alike = counts.similarity(np.arange(8), np.arange(8))

        assert space.holds(np.arange(8.0)[:, None]).tolist() == [True] * 5 + [False] * 3
        assert alike[5:, 5:].tolist() == np.eye(3).tolist()
        assert not alike[:5, 5:].any()

    def test_a_union_of_products_alone_has_no_library(self) -> None:
        space = build_space(campaign({"amides": AMIDES, "esters": ESTERS}))

        batch = plan(campaign({"amides": AMIDES, "esters": ESTERS}), History(()), seed=0, experiments=8)

        assert space.size == 18
        assert len(batch.proposals) == 8
        assert all(space.contains(p.candidate.settings) for p in batch.proposals)
        assert {p.candidate.settings["molecule"].split(":")[0] for p in batch.proposals} == {"amides", "esters"}

    def test_the_spec_tells_which_products_are_left_out(self) -> None:
        files = {"stock.csv": "name,smiles\nacetanilide,CC(=O)Nc1ccccc1\nphenol,Oc1ccccc1\n",
                 "acids.smi": "CC(=O)O acetic\nOC(=O)CC(=O)O malonic\n"}  # fmt: skip

        spec = read_spec(FILE % AMIDE, source="c.yaml", read=files.__getitem__)

        union = spec.space["molecule"]
        assert union.left_out == [
            "amides: acetic + aniline gives CC(=O)Nc1ccccc1, which is stock: acetanilide and counts there"
        ]
        assert "malonic" in union.of["amides"].left_out[0]
        kept = CampaignSpec.from_resolved(json.loads(json.dumps(spec.resolved(), sort_keys=True)))
        assert build_space(kept).smiles({"molecule": "amides: acetic + methyl"}) == {"molecule": "CNC(C)=O"}

    def test_a_name_that_could_be_taken_for_two_reagents_is_refused(self) -> None:
        files = {"stock.csv": "name,smiles\nphenol,Oc1ccccc1\n", "acids.smi": "CC(=O)O acetic + water\n"}

        with pytest.raises(SpecError, match=r"of\.amides\.reagents\.acid: 'acetic \+ water' holds ' \+ '.*rename it"):
            read_spec(FILE % AMIDE, source="c.yaml", read=files.__getitem__)


class TestFiltersAndTwins:
    CHLORIDES = products(
        "[C:1](=[O:2])Cl.[NX3;H2:3]>>[C:1](=[O:2])[N:3]", chloride={"acetyl": "CC(=O)Cl"}, amine=AMINES
    )

    def test_filters_of_a_source_hold_for_its_products(self) -> None:
        light = {**AMIDES, "filters": {"properties": {"MolWt": {"at_most": 140}}}}
        files = {
            "stock.csv": "name,smiles\nphenol,Oc1ccccc1\n",
            "acids.smi": "CC(=O)O acetic\nOC(=O)c1ccccc1 benzoic\n",
        }
        text = FILE.replace(
            "        reagents:", "        filters: {properties: {MolWt: {at_most: 140}}}\n        reagents:"
        )

        space = build_space(campaign({"stock": LIBRARY, "amides": light}))
        spec = read_spec(text % AMIDE, source="c.yaml", read=files.__getitem__)

        kept = {space.settings(x)["molecule"] for x in ProductPool(space).take(np.arange(len(ProductPool(space))))}
        assert kept >= {f"stock: {name}" for name in STOCK}
        assert {"amides: acetic + methyl", "amides: benzoic + methyl"} <= kept
        assert "amides: benzoic + benzyl" not in kept
        assert space.refusal({"molecule": "amides: benzoic + aniline"}) == (
            "gives O=C(Nc1ccccc1)c1ccccc1, and properties.MolWt of 'amides' leaves it out"
        )
        assert "which is stock: acetanilide and counts there" in str(
            space.refusal({"molecule": "amides: acetic + aniline"})
        )
        assert told_of_products(spec) == ("molecule.amides: of 4 products properties.MolWt removed 1; 3 are left",)

    @pytest.mark.parametrize("limit", [5, 300_000])
    def test_one_product_of_two_reactions_is_proposed_once(self, monkeypatch, limit: int) -> None:
        monkeypatch.setattr(streaming, "POOL_LIMIT", limit)
        monkeypatch.setattr("loop.space.pool.FEW", limit)  # the smaller: nothing is settled beforehand
        spec = campaign({"amides": AMIDES, "others": self.CHLORIDES}, surrogate="tanimoto")
        space, x = build_space(spec), np.empty((0, 1))
        for turn in range(4):
            history = observed(x, [float(s.count("c")) for s in molecules_at(space, x)])
            try:
                batch = plan(spec, history, ProductPool(space), seed=turn, experiments=40)
            except PoolExhausted:
                break
            x = np.vstack([x, [space.coordinates(p.candidate.settings) for p in batch.proposals]])

        found = molecules_at(space, x)
        assert len(set(found)) == len(found) == 12  # of 16 combinations

    def test_where_duplicates_are_kept_each_is_a_candidate(self) -> None:
        each = {"duplicates": "keep"}
        spec = campaign({"amides": {**AMIDES, **each}, "others": {**self.CHLORIDES, **each}}, batch=16)

        batch = plan(spec, History(()), seed=0, experiments=16)

        assert len(batch.proposals) == 8
        assert Twins.of(build_space(spec), np.empty((0, 1))) is None

    def test_what_a_reaction_gave_is_kept_where_standardising_changed_it(self) -> None:
        acids = {"succinate": "O=C([O-])CCC(=O)O", "acetic": "CC(=O)O"}
        source = {**products(AMIDE, acid=acids, amine={"methyl": "CN"}), "standardise": {"charges": "neutralise"}}
        space = build_space(campaign({"stock": LIBRARY, "amides": source}))

        changed = space.candidate({"molecule": "amides: succinate + methyl"})

        assert changed.smiles == {"molecule": "CNC(=O)CCC(=O)O"}
        assert changed.as_made == {"molecule": "CNC(=O)CCC(=O)[O-]"}
        assert space.candidate({"molecule": "amides: acetic + methyl"}).as_made == {}
        assert space.candidate({"molecule": "stock: phenol"}).as_made == {}


class TestFeatures:
    @pytest.mark.parametrize("kind", KINDS)
    def test_similarities_are_those_of_the_molecules(self, kind: str) -> None:
        structures = United(names(), united_of(SPACE).library)  # nothing is remembered
        smiles = [fingerprint(s, kind) for s in structures]
        rng = np.random.default_rng(0)
        counts = structures.counts(kind)

        for n in (3, 9, 23):  # the vocabulary grows
            a, b = rng.permutation(EVERY)[:n], rng.permutation(EVERY)[: n - 1]
            expected = [[DataStructs.TanimotoSimilarity(smiles[i], smiles[j]) for j in b] for i in a]
            assert np.allclose(counts.similarity(a, b), expected, atol=1e-12)
        before = counts.similarity(EVERY, EVERY[:4])
        assert (counts.similarity(EVERY, EVERY[:4]) == before).all()

    def test_folded_counts_descriptors_and_graphs_are_those_of_the_molecules(self) -> None:
        order = np.random.default_rng(1).permutation(EVERY)
        smiles = [united_of(SPACE)[i] for i in order]

        graphs, expected = united_of(SPACE).graphs().take(order), molecular_graphs(smiles)

        assert (united_of(SPACE).counts().folded(order, 64) == folded_counts(smiles, 64)).all()
        assert (graphs.atoms == expected.atoms).all()
        assert (graphs.first_bond == expected.first_bond).all()
        column = [name for name, _ in Descriptors.descList].index("MolWt")
        weights = united_of(SPACE).descriptors()[order][:, column]
        assert np.allclose(weights, [Descriptors.MolWt(Chem.MolFromSmiles(s)) for s in smiles], rtol=1e-6)

    @pytest.mark.parametrize("which", [EVERY[:5], EVERY[5:], EVERY[:0]], ids=["of the library", "products", "none"])
    def test_features_are_there_of_a_part_of_one_source(self, which: NDArray[np.int64]) -> None:
        smiles = [united_of(SPACE)[i] for i in which]

        found, graphs = united_of(SPACE).descriptors()[which], united_of(SPACE).graphs().take(which)

        expected = [[function(Chem.MolFromSmiles(s)) for _, function in Descriptors.descList] for s in smiles]
        assert found.shape == (len(which), len(Descriptors.descList))
        assert np.allclose(found, np.array(expected).reshape(found.shape), rtol=1e-5, equal_nan=True)
        assert len(graphs) == len(which)
        assert (graphs.atoms == molecular_graphs(smiles).atoms).all()
        assert united_of(SPACE).counts().folded(which, 64).shape == (len(which), 64)

    @pytest.mark.parametrize("name", ["tanimoto", "fingerprints"])
    def test_processes_learn_what_they_learn_of_the_molecules_as_options(self, name: str) -> None:
        smiles = tuple(united_of(SPACE))
        kept = np.flatnonzero(SPACE.keeps(EVERY[:, None].astype(float)))
        plain = Space((Component("molecule", tuple(smiles[i] for i in kept), tuple(smiles[i] for i in kept), True),))
        lonely = build_space(campaign({"stock": LIBRARY, "amides": AMIDES, "esters": ESTERS}))
        y = torch.tensor([smiles[i].count("c") + 0.1 * len(smiles[i]) for i in kept], dtype=torch.float64)
        at = [torch.from_numpy(rows.astype(np.float64))[:, None] for rows in (kept, np.arange(len(kept)))]
        data = [TrainingSet(x[::2], y[::2], torch.full_like(y[::2], torch.nan)) for x in at]

        mine, theirs = (
            surrogate(name, space).fit(space, some, seed=0).moments(x)
            for space, some, x in zip((lonely, plain), data, at, strict=True)
        )

        # distances are scaled by the mean over all numbers, to which two products count that are in the library too
        assert torch.allclose(mine[0], theirs[0], atol=0.1)
        assert torch.corrcoef(torch.stack([mine[1], theirs[1]]))[0, 1] > 0.99

    @pytest.mark.parametrize("name", ["trees", "gp-descriptors", "committee", "gp"])
    def test_other_surrogates_learn_too(self, name: str) -> None:
        x = torch.from_numpy(EVERY.astype(np.float64))[:, None]
        y = torch.tensor([float(s.count("c")) for s in united_of(SPACE)], dtype=torch.float64)

        mean, sd = (
            surrogate(name, SPACE).fit(SPACE, TrainingSet(x, y, torch.full_like(y, torch.nan)), seed=0).moments(x)
        )

        assert bool((sd > 0).all())
        assert name == "gp" or float(torch.corrcoef(torch.stack([mean, y]))[0, 1]) > 0.9

    def test_descriptors_of_millions_are_not_what_a_committee_begins_with(self) -> None:
        many = {f"a{i}": f"OC(=O)C{'C' * (i % 90)}O{'C' * (i // 90 + 1)}" for i in range(1_500)}
        large = build_space(campaign({"stock": LIBRARY, "amides": products(AMIDE, acid=many, amine=AMINES)}))

        assert default_members(SPACE) == ("tanimoto", "gp-descriptors", "trees")
        assert default_members(large) == ("tanimoto", "trees")
        assert not is_looked_over(large)

    def test_a_batch_is_set_apart_by_the_molecules(self) -> None:
        x = EVERY[[0, 6, 7, 13]][:, None].astype(float)
        row = similarities(SPACE, x)
        assert row is not None

        smiles = [fingerprint(united_of(SPACE)[int(i)]) for i in x[:, 0]]
        assert np.allclose(row(2), [DataStructs.TanimotoSimilarity(smiles[2], s) for s in smiles], atol=1e-12)


class TestChoosing:
    @pytest.mark.parametrize("design", ["spread", "medoid", "random", "sobol", "lhs"])
    @pytest.mark.parametrize("is_large", [False, True])
    def test_designs_lie_in_the_space(self, monkeypatch, design: str, is_large: bool) -> None:
        from loop.policy import initial

        if is_large:
            monkeypatch.setattr(initial, "CANDIDATES", 4)
            monkeypatch.setattr(initial, "POOL_LIMIT", 10)
        for seed in range(3):
            x = initial_design(design, SPACE, ProductPool(SPACE), np.empty((0, 1)), 4, seed=seed)

            assert 1 <= len(x) <= 4
            assert len(np.unique(x)) == len(x)
            assert SPACE.holds(x).all()

    def test_a_spread_sees_the_library_beside_a_hundred_million_products(self) -> None:
        acids = {f"a{i}": f"OC(=O){branches(i)}" for i in range(10_000)}
        amines = {f"n{i}": f"N{branches(i)}" for i in range(10_000)}
        space = build_space(campaign({"stock": LIBRARY, "amides": products(AMIDE, acid=acids, amine=amines)}))

        x = initial_design("spread", space, ProductPool(space), np.empty((0, 1)), 8, seed=0)

        assert 1 <= (x < 5).sum() <= 5
        assert len(united_of(space)._made) < 3_000

    @pytest.mark.parametrize("acquisition", ["improvement", "top", "thompson", "exploration", "ucb"])
    @pytest.mark.parametrize("limit", [10, 300_000])
    def test_batches_lie_in_the_space_and_repeat_nothing(self, monkeypatch, acquisition: str, limit: int) -> None:
        monkeypatch.setattr(streaming, "POOL_LIMIT", limit)
        spec = campaign({"stock": LIBRARY, "amides": AMIDES, "esters": ESTERS}, acquisition=acquisition, control=0.3)
        pool = ProductPool(SPACE)
        x = EVERY[[0, 1, 8, 9, 15, 18, 19, 21]][:, None].astype(float)
        history = observed(x, [float(s.count("c")) for s in molecules_at(SPACE, x)])

        batch = plan(spec, history, pool, seed=1, experiments=20)
        united.cache_clear()
        again = plan(spec, history, ProductPool(build_space(spec)), seed=1, experiments=20)

        found = [p.candidate.settings["molecule"] for p in batch.proposals]
        assert len(set(found)) == 4
        assert all(SPACE.contains(p.candidate.settings) for p in batch.proposals)
        assert not {float(SPACE.coordinates({"molecule": name})[0]) for name in found} & set(x[:, 0].tolist())
        assert [p.candidate for p in again.proposals] == [p.candidate for p in batch.proposals]
        assert all("; from " in p.reason for p in batch.proposals)

    @pytest.mark.parametrize("limit", [10, 300_000])
    def test_beside_other_parameters_too(self, monkeypatch, limit: int) -> None:
        monkeypatch.setattr(streaming, "POOL_LIMIT", limit)
        also = {"t": {"type": "number", "values": [20, 40, 60]}, "base": {"type": "category", "options": ["a", "b"]}}
        spec = campaign({"stock": LIBRARY, "amides": AMIDES}, also)
        space = build_space(spec)
        pool = ProductPool(space)
        x = pool.take(np.arange(0, len(pool), 9))
        x = x[space.holds(x)]

        batch = plan(spec, observed(x, (x[:, 0] + x[:, 1]).tolist()), pool, seed=1, experiments=20)

        assert len(pool) == 16 * 6
        assert len(batch.proposals) == 4
        assert all(space.contains(p.candidate.settings) for p in batch.proposals)

    def test_every_candidate_is_proposed_in_the_end_and_no_other(self) -> None:
        spec = campaign({"stock": LIBRARY, "amides": AMIDES, "esters": ESTERS}, surrogate="tanimoto")
        pool, x = ProductPool(SPACE), np.empty((0, 1))
        for turn in range(7):
            history = observed(x, [float(s.count("c")) for s in molecules_at(SPACE, x)])
            batch = plan(spec, history, pool, seed=turn, experiments=40)
            x = np.vstack([x, [SPACE.coordinates(p.candidate.settings) for p in batch.proposals]])
            if len(x) >= 21:
                break

        assert sorted(x[:, 0]) == EVERY[SPACE.keeps(EVERY[:, None].astype(float))].tolist()

    def test_of_many_products_those_that_reagents_promise_are_made_and_the_library_is_looked_at_whole(
        self, monkeypatch
    ) -> None:
        monkeypatch.setattr(streaming, "POOL_LIMIT", 50)
        for module in (screening, joined):
            monkeypatch.setattr(module, "KEPT", 48)
            monkeypatch.setattr(module, "AT_RANDOM", 16)
        acids = {f"a{i}": f"{'C' * (i % 4 + 1)}{'OCNF'[i // 4]}CCC(=O)O" for i in range(12)}
        amines = {f"n{i}": f"N{'C' * (i % 5 + 1)}{'c1ccccc1' if i > 4 else 'C(F)F'}" for i in range(10)}
        of = {"stock": LIBRARY, "amides": products(AMIDE, acid=acids, amine=amines)}
        spec = campaign(of, surrogate="tanimoto", acquisition="top", most_similar=1.0)
        space = build_space(spec)
        pool = ProductPool(space)
        wanted = int(space.coordinates({"molecule": "amides: a7 + n3"})[0])
        counts, every = united_of(space).counts(), np.arange(125)
        value = counts.similarity(every, np.array([wanted]))[:, 0]
        tried = list(np.random.default_rng(0).choice(125, 12, replace=False))

        for turn in range(6):
            history = observed(np.array(tried)[:, None].astype(float), value[tried].tolist())
            batch = plan(spec, history, pool, seed=turn, experiments=4)
            tried += [int(space.coordinates(p.candidate.settings)[0]) for p in batch.proposals]

        assert "scored all 5 of stock" in batch.notes
        assert any(
            re.match(r"made and judged 4\d of the 120 products of amides, chosen by their reagents", note)
            for note in batch.notes
        )
        assert sum(i in tried for i in np.argsort(-value)[:10]) >= 8  # of 24 choices; at random two

    def test_a_library_alone_tells_which_reagents_promise(self, monkeypatch) -> None:
        monkeypatch.setattr(streaming, "POOL_LIMIT", 50)
        monkeypatch.setattr(streaming, "CLIMBS", 0)  # nothing but what was screened
        for module in (screening, joined):
            monkeypatch.setattr(module, "KEPT", 30)
            monkeypatch.setattr(module, "AT_RANDOM", 10)
        acids = {f"a{i}": f"{'C' * (i % 10 + 1)}{'c1ccccc1' if i >= 10 else 'OC'}CC(=O)O" for i in range(20)}
        amines = {f"n{i}": f"N{'C' * (i + 2)}" for i in range(10)}
        stock = {f"s{i}": canonical_smiles(f"{'C' * (i % 8 + 1)}{'c1ccccc1' if i >= 8 else 'OC'}CC(=O)NC")
                 for i in range(16)}  # fmt: skip
        of = {"stock": {"type": "molecule", "options": stock}, "amides": products(AMIDE, acid=acids, amine=amines)}
        spec = campaign(of, surrogate="tanimoto", acquisition="top", most_similar=1.0)
        space = build_space(spec)
        history = observed(np.arange(16.0)[:, None], [float(i >= 8) for i in range(16)])  # aromatic ones

        batch = plan(spec, history, ProductPool(space), seed=0, experiments=4)

        assert len(batch.proposals) == 4
        assert all("c1ccccc1" in p.candidate.smiles["molecule"] for p in batch.proposals)


class TestLookingBack:
    def test_it_is_held_out_and_explained_as_any_molecules_are(self) -> None:
        kept = EVERY[SPACE.keeps(EVERY[:, None].astype(float))][:, None].astype(float)
        y = torch.tensor([float(s.count("c")) for s in molecules_at(SPACE, kept)], dtype=torch.float64)
        data = TrainingSet(torch.from_numpy(kept), y, torch.full_like(y, torch.nan))

        told = explain_molecules(surrogate("tanimoto", SPACE), SPACE, data, ["COc1ccccc1"], seed=0)

        assert splits_of(SPACE) == (Split.RANDOM, Split.SCAFFOLD, Split.CLUSTER, Split.TIME)
        assert all(len(parts_of(split, SPACE, kept, 3, seed=0)) > 1 for split in splits_of(SPACE))
        assert len(told[0].atoms) == 8


def test_morgan_counts_are_the_generators_own() -> None:
    """The judge of similarities above shares no code with what it judges but the generator, which this looks at."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    assert fingerprint("Oc1ccccc1") == generator.GetSparseCountFingerprint(Chem.MolFromSmiles("Oc1ccccc1"))
