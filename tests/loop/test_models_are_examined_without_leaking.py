"""Splits share nothing between their sides; skill, leaks, stress and verdicts are what independent sums say."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from campaigns import ALCOHOLS, SPACE, alcohol_yield, measured, mixed_spec, observe, reaction_spec
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

from loop.errors import SpaceError
from loop.examination import Split, examine, parts_of
from loop.examination.parts import splits_of
from loop.examination.signs import Leak, Signs, leak_of, signs_of
from loop.examination.skill import Ranking, Skill, skill
from loop.examination.stress import Stress, stress
from loop.examination.verdict import Standing, verdict
from loop.history import History
from loop.space import Category, Component, PointPool, ProductPool, Products, Space, molecules_at
from loop.spec import CampaignSpec, build_space
from loop.surrogates.committee import Committee
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate

RINGS = ["c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccsc1"]
TAILS = ["C", "CC", "CCC", "O", "N", "CO", "CC(C)"]
LIBRARY = tuple(Chem.CanonSmiles(tail + ring) for ring in RINGS for tail in TAILS)
MOLECULES = Space((Component("molecule", LIBRARY, LIBRARY, is_library=True),))
EVERY = np.arange(len(LIBRARY), dtype=np.float64)[:, None]


def training(x: np.ndarray, y: np.ndarray) -> TrainingSet:
    return TrainingSet(torch.from_numpy(x), torch.from_numpy(y), torch.full((len(y),), math.nan, dtype=torch.float64))


def test_every_row_is_held_out_once_and_replicates_stay_together():
    x = np.concatenate([EVERY, EVERY[:9], EVERY[:4]])

    for split in (Split.RANDOM, Split.SCAFFOLD, Split.CLUSTER):
        parts = parts_of(split, MOLECULES, x, 4, seed=3)
        assert sorted(np.concatenate([held for _, held in parts])) == list(range(len(x)))
        for train, held in parts:
            assert len(train) + len(held) == len(x)
            assert not set(x[train, 0]) & set(x[held, 0])
    assert len(parts_of(Split.RANDOM, MOLECULES, x, 4, seed=3)) == 4


def test_no_scaffold_and_no_near_neighbour_is_on_both_sides():
    def rings(rows):
        return {MurckoScaffold.MurckoScaffoldSmiles(LIBRARY[i]) for i in rows}

    for train, held in parts_of(Split.SCAFFOLD, MOLECULES, EVERY, 3, seed=0):
        assert not rings(train) & rings(held)
    random = parts_of(Split.RANDOM, MOLECULES, EVERY, 3, seed=0)
    assert all(rings(train) & rings(held) for train, held in random)

    data, apart = training(EVERY, EVERY[:, 0]), parts_of(Split.CLUSTER, MOLECULES, EVERY, 3, seed=0)
    far = leak_of(MOLECULES, data, Split.CLUSTER, apart)
    near = leak_of(MOLECULES, data, Split.RANDOM, random)
    assert far.distance > near.distance
    assert near.shared_scaffold == 1.0


def test_by_option_nobody_trains_on_what_is_held_out():
    x = ProductPool(SPACE).take(np.arange(30))

    parts = parts_of(Split.OPTION, SPACE, x, 5, seed=0)

    assert len(parts) == len(ALCOHOLS)
    for train, held in parts:
        assert not set(x[train, 0]) & set(x[held, 0])


def test_by_time_only_the_past_trains_and_what_was_seen_is_no_test():
    x = np.concatenate([EVERY[:20], EVERY[:4], EVERY[20:24]])

    parts = parts_of(Split.TIME, MOLECULES, x, 3, seed=0)

    assert [len(train) for train, _ in parts] == [7, 14, 21]
    for train, held in parts:
        assert train.max() < held.min()
        assert not set(x[train, 0]) & set(x[held, 0])
    assert [int(i) for i in parts[-1][1]] == [24, 25, 26, 27]


def test_a_split_that_a_space_does_not_allow_is_named_with_those_that_it_does():
    space = build_space(mixed_spec())

    assert splits_of(space) == (Split.RANDOM, Split.OPTION, Split.TIME)
    with pytest.raises(SpaceError, match=r"split 'scaffold' .* use one of random, option, time"):
        parts_of(Split.SCAFFOLD, space, np.zeros((4, 3)), 2, seed=0)


def test_products_of_reagents_are_split_by_the_molecules_that_they_are():
    acids = {"acetic": "CC(=O)O", "benzoic": "O=C(O)c1ccccc1", "furoic": "O=C(O)c1ccco1", "none": "CC"}
    amines = {"methyl": "CN", "ethyl": "CCN", "benzyl": "NCc1ccccc1", "cyclohexyl": "NC1CCCCC1", "propyl": "CCCN"}
    reaction = "[C:1](=[O:2])[OH].[NX3;H2:3]>>[C:1](=[O:2])[N:3]"
    names = {name: tuple(options) for name, options in (("m.acid", acids), ("m.amine", amines))}
    parameters = tuple(
        Component(name, names[name], tuple(options.values()))
        for name, options in (("m.acid", acids), ("m.amine", amines))
    )
    space = Space(parameters, products=(Products("m", reaction, (0, 1)),))
    x = ProductPool(space).take(np.arange(20))
    made = molecules_at(space, x)

    by_scaffold, by_cluster = (parts_of(s, space, x, 3, seed=0) for s in (Split.SCAFFOLD, Split.CLUSTER))

    assert splits_of(space) == (Split.RANDOM, Split.SCAFFOLD, Split.CLUSTER, Split.OPTION, Split.TIME)
    assert made[:2] == ["CNC(C)=O", "CCNC(C)=O"]
    assert made[-5:] == [""] * 5  # what does not react has no structure, and is held out all the same
    for parts in (by_scaffold, by_cluster):
        assert sorted(np.concatenate([held for _, held in parts])) == list(range(20))
    for train, held in by_scaffold:
        rings = [{MurckoScaffold.MurckoScaffoldSmiles(made[i]) for i in rows if made[i]} for rows in (train, held)]
        assert not rings[0] & rings[1]
    leak = leak_of(space, training(x, x[:, 0]), Split.SCAFFOLD, by_scaffold)
    assert leak.shared_scaffold == 0.0


def test_one_group_alone_gives_no_parts():
    assert parts_of(Split.SCAFFOLD, MOLECULES, EVERY[:7], 5, seed=0) == ()


class _Fixed:
    """A recipe that believes 3 everywhere, with a deviation of 1.6 and a noise of 1.2: together 2."""

    name, needs = "fixed", 1

    def fit(self, space, data, *, seed):
        return self

    def moments(self, x):
        return torch.full((len(x),), 3.0, dtype=x.dtype), torch.full((len(x),), 1.6, dtype=x.dtype)

    def noise_at(self, x):
        return torch.full((len(x),), 1.2, dtype=x.dtype)

    def summary(self):
        return {}


def test_skill_is_what_sums_by_hand_say():
    y = np.arange(28, dtype=np.float64) / 2
    parts = parts_of(Split.RANDOM, MOLECULES, EVERY, 4, seed=1)

    found = skill(_Fixed(), MOLECULES, training(EVERY, y), Split.RANDOM, parts, seed=0)

    z = (y - 3.0) / 2.0
    assert found.tested == 28
    assert found.model == pytest.approx(np.sqrt(np.mean((y - 3.0) ** 2)))
    assert found.mean == pytest.approx(
        np.sqrt(np.mean(np.concatenate([(y[held] - y[train].mean()) ** 2 for train, held in parts])))
    )
    assert found.density == pytest.approx(np.mean(-0.5 * z**2 - np.log(2.0) - 0.5 * np.log(2 * np.pi)))
    assert found.coverage == (np.mean(np.abs(z) <= 1.281552), np.mean(np.abs(z) <= 1.959964))


@pytest.mark.parametrize("order", [1, -1])
def test_neighbours_that_are_equally_near_count_alike_and_limits_are_no_values(order):
    space = Space((Category("a", ("1", "2", "3")), Category("b", ("4", "5", "6", "7"))))
    x = np.repeat(ProductPool(space).take(np.arange(12)), 2, axis=0)[::order].copy()  # each of 12 candidates twice
    y = np.sin(np.arange(24.0))[::order].copy()
    limits = torch.from_numpy((np.arange(24) % 5 == 0)[::order].copy())
    data = training(x, y)
    data = replace(data, low=torch.where(limits, -torch.inf, data.y), high=data.y)
    parts = parts_of(Split.RANDOM, space, x, 4, seed=1)

    found = skill(_Fixed(), space, data, Split.RANDOM, parts, seed=0)

    of_nearest, of_mean = [], []
    for train, held in parts:
        known = train[~limits.numpy()[train]]
        of_mean += [y[i] - y[known].mean() for i in held if not limits[i]]
        for i in held[~limits.numpy()[held]]:
            differ = (x[known] != x[i]).sum(axis=1)
            of_nearest.append(y[i] - y[known[differ == differ.min()]].mean())
    assert found.tested == len(of_nearest) == 19
    assert found.nearest == pytest.approx(np.sqrt(np.mean(np.square(of_nearest))))
    assert found.mean == pytest.approx(np.sqrt(np.mean(np.square(of_mean))))


@pytest.mark.parametrize("first", ["matters", "idle"])
def test_roughness_does_not_depend_on_which_parameter_stands_first(first):
    names = sorted(("matters", "idle"), key=lambda name: name != first)
    space = Space(tuple(Category(name, ("1", "2", "3", "4")) for name in names))
    x = ProductPool(space).take(np.arange(16))
    y = np.array([0.0, 1.0, 5.0, 2.0])[x[:, names.index("matters")].astype(int)]

    found = signs_of(space, training(x, y), None, seed=0)

    apart = np.abs(y[:, None] - y)
    is_near = (x[:, None] != x).sum(axis=2) == 1
    assert found.roughness == pytest.approx(apart[is_near].mean() / apart[~np.eye(16, dtype=bool)].mean())


def test_what_days_add_is_no_noise_between_replicates():
    rng = np.random.default_rng(0)
    space = Space((Category("base", ("KOAc", "DBU", "none")),))
    base, day = np.repeat([0.0, 1.0, 2.0], 20)[:, None], rng.integers(0, 4, 60)
    hour = rng.uniform(0.0, 8.0, 60)
    y = 5.0 * base[:, 0] + np.array([8.0, -2.0, -9.0, 5.0])[day] - 2.0 * hour + rng.normal(0.0, 1.0, 60)
    days = tuple(None if i == 7 else f"d{d}" for i, d in enumerate(day))
    data = replace(training(base, y), effects={"day": days, "hour": tuple(hour.tolist()), "lot": ("A",) * 60})

    found = signs_of(space, data, None, seed=0)

    known = np.arange(60) != 7  # least squares of all but the row whose day is not known
    labels = [base[:, 0] == b for b in (0, 1, 2)] + [day == d for d in (1, 2, 3)]
    columns = np.column_stack([*labels, hour])
    _, (squares,), rank, _ = np.linalg.lstsq(columns[known].astype(float), y[known], rcond=None)
    assert found.noise == pytest.approx(math.sqrt(squares / (59 - rank)))
    assert (found.beside, found.repeats) == (("day", "hour"), 59 - rank)
    says = [finding.says for finding in verdict("%", found, tuple(poor(Split.RANDOM).values()), (), ())]
    assert any("noise between replicates, less what day and hour add, is " in said for said in says)


def test_replicates_on_days_of_their_own_tell_no_noise():
    space = Space((Category("base", ("KOAc", "DBU")),))
    plain = training(np.array([[0.0], [0.0], [1.0]]), np.array([1.0, 9.0, 4.0]))
    data = replace(plain, effects={"day": ("a", "b", "b")})

    found = signs_of(space, data, None, seed=0)

    assert (found.noise, found.repeats, found.apart) == (None, 0, "")


def test_chances_stand_beside_the_nearness_to_a_known_hit():
    y = np.array([float("c1ccncc1" in s or "n" in s) for s in LIBRARY])  # hits have a pyridine
    y[:2] = 1.0
    data, parts = training(EVERY, y), parts_of(Split.RANDOM, MOLECULES, EVERY, 4, seed=1)

    found = skill(_Fixed(), MOLECULES, data, Split.RANDOM, parts, seed=0, has_classes=True)

    prints = [
        rdFingerprintGenerator.GetMorganGenerator(radius=2).GetSparseCountFingerprint(Chem.MolFromSmiles(s))
        for s in LIBRARY
    ]
    nearness = {
        int(i): max(DataStructs.TanimotoSimilarity(prints[i], prints[j]) for j in train if y[j])
        for train, held in parts
        for i in held
    }
    pairs = [(nearness[i] > nearness[j]) + 0.5 * (abs(nearness[i] - nearness[j]) < 1e-9)
             for i in range(28) if y[i] for j in range(28) if not y[j]]  # fmt: skip
    assert found.nearest_area == pytest.approx(np.mean(pairs), abs=0.01)
    assert found.ranking.area == 0.5
    assert skill(_Fixed(), MOLECULES, data, Split.RANDOM, parts, seed=0).nearest_area is None


def test_limits_train_but_are_no_test():
    y = np.arange(28, dtype=np.float64)
    data, low, high = training(EVERY, y), torch.from_numpy(y.copy()), torch.from_numpy(y.copy())
    low[:5] = -math.inf
    data = TrainingSet(data.x, data.y, data.sd, low, high)

    found = skill(_Fixed(), MOLECULES, data, Split.RANDOM, parts_of(Split.RANDOM, MOLECULES, EVERY, 4, seed=1), seed=0)

    assert found.tested == 23
    assert signs_of(MOLECULES, data, None, seed=0).n == 23


def test_limits_alone_beside_days_tell_nothing_of_noise():
    space = Space((Category("base", ("KOAc", "DBU")),))
    known = training(np.array([[0.0], [1.0]]), np.array([1.0, 9.0]))
    low = torch.full((2,), -math.inf, dtype=torch.float64)
    data = replace(known, low=low, high=known.y.clone(), effects={"day": ("a", "b")})

    found = signs_of(space, data, None, seed=0)

    assert (found.n, found.limits, found.noise, found.beside) == (0, 2, None, ())


def test_rows_keep_everything_that_is_known_of_them():
    n = torch.arange(1.0, 7.0, dtype=torch.float64)
    whole = TrainingSet(n[:, None], n, n / 10, n - 1, n + 1, {"day": tuple("abcdef")}, n)

    some = whole.rows(torch.tensor([4, 1]))

    for name in ("y", "sd", "low", "high", "repeats"):
        torch.testing.assert_close(getattr(some, name), getattr(whole, name)[[4, 1]])
    assert some.x.tolist() == [[5.0], [2.0]]
    assert some.effects == {"day": ("e", "b")}
    assert {f.name for f in fields(TrainingSet)} == {"x", "y", "sd", "low", "high", "effects", "repeats"}


def test_signs_are_what_sums_by_hand_say():
    x = np.concatenate([EVERY, EVERY[:3]])
    y = np.concatenate([np.arange(28.0), [2.0, 1.0, 6.0]])  # within replicates: differences of 2, 0 and 4

    found = signs_of(MOLECULES, training(x, y), PointPool(EVERY), seed=0)

    assert (found.n, found.candidates) == (31, 28)
    assert found.noise == pytest.approx(math.sqrt((2**2 / 2 + 4**2 / 2) / 3))
    assert (found.apart, found.ends) == (MOLECULES.label(MOLECULES.as_tried(EVERY[2])), (2.0, 6.0))
    assert found.spread == pytest.approx(y.std(ddof=1))
    assert found.covered == 1.0  # every candidate was measured
    assert found.roughness < 0.9
    rough = signs_of(
        MOLECULES, training(EVERY, np.random.default_rng(0).permutation(28.0 + np.arange(28))), None, seed=0
    )
    assert rough.roughness > found.roughness
    assert (rough.noise, rough.apart) == (None, "")
    assert rough.covered is None


def test_what_no_fingerprint_tells_apart_is_a_leak():
    pairs = ("C[C@H](O)F", "C[C@@H](O)F", "CCO", "CCN", "c1ccccc1", "CCCCCC")
    space = Space((Component("molecule", pairs, pairs, is_library=True),))
    x = np.arange(6, dtype=np.float64)[:, None]
    y = np.array([5.0, 5.0, 1.0, 2.0, 3.0, 4.0])

    found = leak_of(
        space, training(x, y), Split.RANDOM, ((np.arange(1, 6), np.array([0])), (np.arange(2), np.arange(2, 6)))
    )

    assert found.same == pytest.approx(1 / 5)
    assert found.same_value == 1.0


def test_refits_of_a_process_agree_and_trees_part():
    y = np.sin(np.arange(28.0))
    home, away = (parts_of(s, MOLECULES, EVERY, 3, seed=0) for s in (Split.RANDOM, Split.SCAFFOLD))
    both = surrogate(["tanimoto", "trees"], MOLECULES)
    assert isinstance(both, Committee)

    found = {s.model: s for s in stress(both, MOLECULES, training(EVERY, y), home, away, Split.SCAFFOLD, seed=0)}

    assert (found["tanimoto"].home, found["tanimoto"].away) == (0, 0)
    assert found["trees"].home > 1e-3
    assert found["trees"].error_away > 0


def test_refits_that_predict_no_number_are_not_said_to_agree():
    class Lost:
        """A model that predicts nothing that is a number, and its own recipe."""

        name = "lost"

        def fit(self, space, data, *, seed):
            return self

        def moments(self, x):
            return torch.full((len(x),), torch.nan, dtype=torch.float64), torch.ones(len(x), dtype=torch.float64)

    y = np.sin(np.arange(28.0))
    home, away = (parts_of(s, MOLECULES, EVERY, 3, seed=0) for s in (Split.RANDOM, Split.SCAFFOLD))

    (found,) = stress(Lost(), MOLECULES, training(EVERY, y), home, away, Split.SCAFFOLD, seed=0)

    assert math.isnan(found.home)
    assert math.isnan(found.away)


def spoken(**changes):
    """The verdict on a model that has learnt something, but for some changes."""
    skills = {
        s: Skill(s, 5, 100, 1.0, 2.0, 3.0, {}, -1.0, (0.8, 0.95)) for s in (Split.RANDOM, Split.SCAFFOLD)
    } | changes.get("skills", {})
    signs = changes.get("signs", Signs(100, 90, 3.0, 0.5, 0.4, 0.9))
    return verdict("eV", signs, tuple(skills.values()), changes.get("leaks", ()), changes.get("stresses", ()))


def poor(split, **changes):
    kept = {"model": 3.0, "nearest": 3.1, "mean": 3.0, "coverage": (0.8, 0.95)} | changes
    return {split: Skill(split, 5, 100, kept["model"], kept["nearest"], kept["mean"], {}, -1.0, kept["coverage"])}


def ranked(area, nearest_area, found=20):
    """The skill at telling two classes, in which as many hits came as were expected."""
    ranking = Ranking(area, 0.5, 3.0, float(found), found)
    return Skill(Split.RANDOM, 5, 100, 0.3, 0.4, 0.5, {}, -1.0, (0.8, 0.95), ranking, nearest_area)


@pytest.mark.parametrize(
    ("changes", "standing", "says", "helps"),
    [
        ({}, Standing.GOOD, "models have learnt something .error 1 eV, nearest neighbour 2 eV, mean 3 eV.", ""),
        ({"skills": poor(Split.RANDOM)}, Standing.BAD, "no better than the mean", "noise is known"),
        (
            {"skills": poor(Split.RANDOM), "signs": Signs(100, 90, 3.0, 2.5, 0.4, 0.9)},
            Standing.BAD,
            "no better than the mean",
            "noise between replicates: replicate",
        ),
        (
            {"skills": poor(Split.RANDOM), "signs": Signs(100, 90, 3.0, None, 0.95, 0.9)},
            Standing.BAD,
            "no better than the mean",
            "another representation",
        ),
        (
            {"skills": poor(Split.RANDOM), "signs": Signs(40, 40, 3.0, None, 0.5, 0.9)},
            Standing.BAD,
            "no better than the mean",
            "control: 0.2",
        ),
        (
            {"skills": poor(Split.RANDOM, model=2.0, nearest=2.0)},
            Standing.WARNING,
            "no better than the nearest neighbour",
            "a surrogate that sees what matters",
        ),
        (
            {"skills": poor(Split.SCAFFOLD)},
            Standing.BAD,
            "on new scaffolds models predict no better than the mean",
            "measure some of new scaffolds first",
        ),
        (
            {"skills": poor(Split.TIME)},
            Standing.BAD,
            "on what came later models predict no better than the mean",
            "trust no prediction of what comes next; go on with the campaign, and examine it again",
        ),
        (
            {"skills": poor(Split.SCAFFOLD, model=2.0)},
            Standing.WARNING,
            "on new scaffolds errors are 2.0 times as large",
            "in mind",
        ),
        (
            {"skills": poor(Split.TIME, model=1.775, nearest=1.408)},
            Standing.WARNING,
            "on what came later models predict worse than the nearest neighbour .error 1.77 eV .*neighbour 1.41 eV",
            "a surrogate that sees what matters",
        ),
        (
            {"skills": poor(Split.CLUSTER, model=1.0, nearest=1.01)},
            Standing.WARNING,
            "on new clusters models predict no better than the nearest neighbour",
            "more data",
        ),
        (
            {"skills": {Split.RANDOM: ranked(0.72, 0.81)}},
            Standing.WARNING,
            "models tell hits no better than nearness to a known hit: on the random split 20.0 hits .* area of 0.81",
            "a surrogate that sees what matters",
        ),
        ({"skills": {Split.RANDOM: ranked(0.9, 0.81)}}, Standing.GOOD, "on the random split .* area of 0.81", ""),
        (
            {"skills": {Split.RANDOM: ranked(0.72, 0.81, found=4)}},  # too few hits to compare two orders of them
            Standing.GOOD,
            "on the random split .* area of 0.81",
            "",
        ),
        (
            {"skills": poor(Split.SCAFFOLD, model=1.0, coverage=(0.5, 0.94))},
            Standing.WARNING,
            "too narrow on the scaffold split: 80% intervals hold 50%$",
            "replicates",
        ),
        (
            {"signs": Signs(100, 90, 3.0, 2.8, 0.4, 0.9, "KOAc, 90 degC", (1.5, 9.0))},
            Standing.BAD,
            "noise between replicates is 2.8 eV, 87% of the variance",
            "look first at KOAc, 90 degC, whose values go from 1.5 to 9 eV",
        ),
        (
            {"signs": Signs(22, 21, 18.5, 1.0, 0.4, 0.9)},  # a chi-squared of one degree lies between 0.0039 and 3.84
            Standing.WARNING,
            "noise between replicates is 1 eV, 0% of the variance; 1 repeat leaves it between 0.51 and 15.9 eV$",
            "a few more candidates measured twice",
        ),
        (
            {"signs": Signs(100, 90, 3.0, 0.5, 0.4, 0.2)},
            Standing.WARNING,
            "20% of the candidates",
            "results of some of the others",
        ),
        (
            {"leaks": (Leak(Split.RANDOM, 1.0, 0.2, 0.5, None),)},
            Standing.WARNING,
            "20% of what is held out cannot be told from what trains .50% of them with the same value.",
            "stereoisomers",
        ),
        (
            {"stresses": (Stress("trees", Split.SCAFFOLD, 0.1, 0.9, 1.0),)},
            Standing.WARNING,
            "refits of trees .* part by 0.9 eV on the scaffold split .0.1 eV at home.",
            "use a committee",
        ),
    ],
)
def test_a_verdict_says_what_is_wrong_and_what_helps(changes, standing, says, helps):
    import re

    found = [f for f in spoken(**changes) if re.search(says, f.says)]

    assert [f.standing for f in found] == [standing]
    assert helps in found[0].remedy
    if not changes:
        assert {f.standing for f in spoken()} == {Standing.GOOD}


@pytest.mark.parametrize(("tested", "share", "is_said"), [(34, 23 / 34, False), (27, 16 / 27, True), (200, 0.69, True)])
def test_intervals_are_called_too_narrow_where_the_values_show_it(tested, share, is_said):
    away = Skill(Split.TIME, 5, tested, 1.0, 2.0, 3.0, {}, -1.0, (share, 0.94))

    says = [f.says for f in spoken(skills={**poor(Split.RANDOM, model=1.0), Split.TIME: away})]

    assert any("too narrow on the time split" in said for said in says) == is_said


def test_of_few_values_nothing_is_said_but_that():
    (found,) = spoken(skills={Split.RANDOM: Skill(Split.RANDOM, 5, 19, 1.0, 2.0, 3.0, {}, -1.0, (0.8, 0.95))})

    assert found.standing is Standing.WARNING
    assert found.says.startswith("19 values could be held out; 20 at least")


def test_of_equal_values_it_is_said_that_they_teach_nothing_yet():
    same = {s: poor(s, model=0.02, nearest=0.0, mean=0.0)[s] for s in (Split.RANDOM, Split.SCAFFOLD, Split.TIME)}

    (found,) = spoken(signs=Signs(60, 60, 0.0, None, None, 0.9), skills=same)
    signs = signs_of(MOLECULES, training(EVERY, np.full(28, 0.1)), None, seed=0)

    assert (found.standing, found.says) == (Standing.WARNING, "all 60 values are the same: nothing to learn from yet")
    assert "positive control" in found.remedy
    assert signs.spread == 0.0


def history(values) -> History:
    spec = reaction_spec()
    pool = ProductPool(SPACE)
    settings = [SPACE.settings(x) for x in pool.take(np.random.default_rng(0).permutation(30))]
    rows = zip(settings, values(settings), strict=True)
    return History(tuple(observe(spec, s, measured(**{"yield": v}), str(i)) for i, (s, v) in enumerate(rows)))


def test_what_can_be_learnt_is_told_from_what_cannot():
    told: list[str] = []
    rng = np.random.default_rng(1)
    spec = reaction_spec(surrogate="random")  # a campaign without models can be examined too

    clear = examine(spec, SPACE, history(lambda s: [alcohol_yield(x) for x in s]), ProductPool(SPACE), seed=0,
                    tell=told.append)["yield"]  # fmt: skip
    chance = examine(spec, SPACE, history(lambda s: rng.normal(50, 5, len(s))), None, seed=0)["yield"]

    assert [s.split for s in clear.skills] == [Split.RANDOM, Split.OPTION, Split.TIME]
    assert clear.findings[0].standing is Standing.GOOD
    assert clear.skills[0].model < 0.7 * clear.skills[0].mean
    assert chance.findings[0].standing is Standing.BAD
    assert "no better than the mean" in chance.findings[0].says
    assert told[0] == "yield: random split, 5 parts of 30 values"
    assert told[-1] == "yield: refits that differ only in their seed"
    assert set(clear.skills[0].members) == {"gp", "tanimoto", "gp-mordred"}


def test_models_that_are_fitted_by_gradients_can_be_examined():
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "numbers",
            "space": {n: {"type": "number", "low": 0, "high": 5, "step": 1} for n in ("a", "b")},
            "objective": {"height": {"goal": "maximize"}},
            "planner": {"surrogate": ["gp", "ard"]},
            "budget": {"experiments": 90},
            "laboratory": {"adapter": "emulator"},
        }
    )
    space = build_space(spec)
    settings = [space.settings(x) for x in ProductPool(space).take(np.arange(21))]
    rows = [observe(spec, s, measured(height=s["a"] - s["b"]), str(i)) for i, s in enumerate(settings)]

    found = examine(spec, space, History(tuple(rows)), None, seed=0)["height"]

    assert [s.split for s in found.skills] == [Split.RANDOM, Split.TIME]
    assert "ard" in found.skills[0].members
    assert found.skills[0].members["ard"] < 0.5 * found.skills[0].mean


def test_nothing_measured_is_no_error():
    (found,) = examine(reaction_spec(), SPACE, History(), ProductPool(SPACE), seed=0).values()

    assert found.skills == ()
    assert found.findings[0].says.startswith("0 values could be held out")


def _versions(n_real: int) -> tuple[CampaignSpec, Space, History]:
    """A cheap version that a line tells, far above the real thing, which nothing tells."""
    spec = CampaignSpec.from_resolved(
        {
            "campaign": "versions",
            "space": {
                "t": {"type": "number", "low": 0, "high": 39, "step": 1},
                "method": {"type": "fidelity", "options": ["calculated", "measured"]},
            },
            "objective": {"y": {"goal": "maximize"}},
            "planner": {"surrogate": "gp"},
            "budget": {"experiments": 90},
            "laboratory": {"adapter": "manual"},
        }
    )
    real = np.random.default_rng(5).permutation(n_real)
    told = [({"t": t, "method": "calculated"}, 200.0 + 2 * t) for t in range(40)]
    told += [({"t": t, "method": "measured"}, float(y)) for t, y in enumerate(real)]
    seen = tuple(observe(spec, settings, measured(y=y), str(i)) for i, (settings, y) in enumerate(told))
    return spec, build_space(spec), History(seen)


def test_of_versions_only_the_real_thing_is_asked_for():
    spec, space, history = _versions(24)
    x = np.stack([o.x for o in history.observations])

    for split in splits_of(space):
        for train, held in parts_of(split, space, x, 5, seed=0):
            assert (x[held, 1] == 1).all()
            assert (x[train, 1] == 1).any()
    (found,) = examine(spec, space, history, ProductPool(space), seed=0).values()

    assert splits_of(space) == (Split.RANDOM, Split.TIME)  # a version is no option that nobody has seen
    assert (found.signs.n, found.signs.version) == (24, "measured")
    assert found.signs.spread == pytest.approx(np.arange(24).std(ddof=1))
    assert found.signs.covered == pytest.approx(2 * 24 / 80, abs=0.05)  # where 24 of 40 were measured
    at_random = found.skills[0]
    assert at_random.tested == 24
    assert at_random.mean < 9  # of the real thing, which goes from 0 to 23
    assert at_random.nearest < 24
    assert found.findings[0].standing is not Standing.GOOD


def test_few_values_of_the_real_thing_are_no_test_however_many_cheap_ones_there_are():
    spec, space, history = _versions(12)

    (found,) = examine(spec, space, history, ProductPool(space), seed=0).values()

    assert found.findings[0].says.startswith("12 values of measured could be held out; 20 at least")
