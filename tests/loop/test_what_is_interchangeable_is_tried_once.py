"""Slots: a choice is one candidate in whichever order it is given, and models learn of it wherever it stands."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from loop.errors import SpaceError
from loop.history import History, Observation
from loop.insight.influence import influences
from loop.outcome import Measured, Measurement
from loop.space import ProductPool, sample_space
from loop.spec import build_space
from loop.surrogates.encoding import one_hot
from loop.surrogates.metric import metric
from loop.surrogates.protocol import TrainingSet
from loop.surrogates.registry import surrogate
from loop.surrogates.representation import Representation
from loop.surrogates.trees import tree_features
from tests.loop.spaces import spec_of

ALCOHOLS = {"MeOH": "CO", "EtOH": "CCO", "iPrOH": "CC(C)O", "tBuOH": "CC(C)(C)O", "none": None}


def additives(n: int, *, distinct: bool = False, rules: list | None = None, with_amounts: bool = False):
    """``n`` slots of alcohols, perhaps with amounts."""
    space, slots = {"base": {"type": "category", "options": ["K", "Na"]}}, []
    for i in range(1, n + 1):
        space[f"a{i}"] = {"type": "component", "options": ALCOHOLS}
        slots.append([f"a{i}"])
        if with_amounts:
            space[f"x{i}"] = {"type": "number", "values": [1, 2, 3], "unless": {f"a{i}": "none"}}
            slots[-1].append(f"x{i}")
    rule = {"interchangeable": slots, "distinct": distinct}
    return build_space(spec_of(space, [rule, *(rules or [])]))


def held(settings: dict, n: int) -> list:
    """What the slots of a candidate hold, in no order."""
    return sorted((settings[f"a{i}"], settings.get(f"x{i}")) for i in range(1, n + 1))


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("distinct", [True, False])
def test_every_choice_is_there_once(n: int, distinct: bool) -> None:
    space = additives(n, distinct=distinct)
    pool = ProductPool(space)

    found = [(s["base"], *held(s, n)) for s in map(space.settings, pool.take(np.arange(len(pool))))]

    sets = [sorted(some) for some in itertools.combinations_with_replacement(ALCOHOLS, n)]
    if distinct:  # but for nothing
        sets = [some for some in sets if all(some.count(name) == 1 or name == "none" for name in some)]
    assert len(found) == len(set(map(str, found))) == 2 * len(sets)
    assert {str([name for name, _ in its]) for _, *its in found} == set(map(str, sets))


def test_numbers_stay_with_the_option_that_they_belong_to() -> None:
    space = additives(2, with_amounts=True)

    given = {"a1": "tBuOH", "x1": 3, "a2": "EtOH", "x2": 1, "base": "K"}

    assert space.arranged(given) == {"a1": "EtOH", "x1": 1, "a2": "tBuOH", "x2": 3, "base": "K"}
    assert (space.coordinates(given) == space.coordinates(space.arranged(given))).all()
    assert space.contains(given)


def test_what_adds_nothing_comes_last_and_has_no_number() -> None:
    space = additives(3, with_amounts=True)

    given = {"a1": "none", "a2": "tBuOH", "x2": 2, "a3": "tBuOH", "x3": 3, "base": "Na"}

    assert space.arranged(given) == {"a1": "tBuOH", "x1": 3, "a2": "tBuOH", "x2": 2, "a3": "none", "base": "Na"}
    with pytest.raises(SpaceError, match="'x3' does not apply with these settings"):
        space.arranged({**given, "a3": "none"})


def test_every_order_of_one_choice_has_the_same_place() -> None:
    space = additives(3)
    places = {
        space.coordinates({"base": "K", "a1": a, "a2": b, "a3": c}).tobytes()
        for a, b, c in itertools.permutations(["EtOH", "none", "iPrOH"])
    }

    assert len(places) == 1


def test_numbers_alone_are_interchangeable_too_the_largest_first() -> None:
    lamp = {"type": "number", "low": 0, "high": 10}
    space = build_space(spec_of({"lamp1": lamp, "lamp2": lamp}, [{"interchangeable": ["lamp1", "lamp2"]}]))

    x = sample_space(space, 64, 0)

    assert (x[:, 0] >= x[:, 1]).all()
    assert space.arranged({"lamp1": 2.0, "lamp2": 7.0}) == {"lamp1": 7.0, "lamp2": 2.0}


@pytest.mark.parametrize(
    ("rule", "without"),
    [
        ({"exclude": {"a1": "EtOH"}}, lambda names, _: "EtOH" not in names),
        ({"exclude": {"a1": "EtOH", "a3": "MeOH"}}, lambda names, _: not {"EtOH", "MeOH"} <= {*names}),
        ({"when": {"a2": "EtOH"}, "require": {"base": "K"}}, lambda names, base: "EtOH" not in names or base == "K"),
        ({"count": ["a1", "a2"], "at_least": 2}, lambda names, _: list(names).count("none") == 0),
    ],
)
def test_what_is_forbidden_of_one_slot_is_forbidden_of_each(rule: dict, without) -> None:
    space, free = additives(3, rules=[rule]), additives(3)
    pool, every = ProductPool(space), ProductPool(free)

    found = {space.label(space.settings(x)) for x in pool.take(np.arange(len(pool)))}

    all_settings = [free.settings(x) for x in every.take(np.arange(len(every)))]
    left = [s for s in all_settings if without((s["a1"], s["a2"], s["a3"]), s["base"])]
    assert found == {free.label(s) for s in left}


def test_neighbours_are_arranged() -> None:
    space = additives(2)
    pool = ProductPool(space)
    x = space.coordinates({"a1": "EtOH", "a2": "iPrOH", "base": "K"})

    near = [held(space.settings(y), 2) for y in pool.neighbours(x, np.random.default_rng(0))]

    changed = [pair for pair in near if [name for name, _ in pair] != ["EtOH", "iPrOH"]]
    assert [("MeOH", None), ("iPrOH", None)] in changed  # the first exchanged: it comes to stand last
    assert len(changed) == 2 * 4  # either of them for any of the four others


def test_options_may_be_listed_in_any_order() -> None:
    first = {"EtOH": {"size": 2.0}, "MeOH": {"size": 1.0}, "iPrOH": {"size": 3.0}}
    other = dict(reversed(first.items()))
    slots = {
        name: {"type": "component", "options": {o: ALCOHOLS[o] for o in of}, "descriptors": of}
        for name, of in (("one", first), ("two", other))
    }
    space = build_space(spec_of(slots, [{"interchangeable": ["one", "two"]}]))

    one, two = space.parameters

    assert one.options == two.options
    assert one.smiles == two.smiles == tuple(ALCOHOLS[o] for o in one.options)
    assert (one.descriptors.values == two.descriptors.values).all()
    assert space.settings(space.coordinates({"one": "iPrOH", "two": "EtOH"})) == {"one": "EtOH", "two": "iPrOH"}


@pytest.mark.parametrize("representation", [Representation.ONE_HOT, Representation.COUNTS, Representation.MORDRED])
@pytest.mark.parametrize("with_amounts", [True, False])
def test_distances_do_not_know_which_slot_holds_what(representation: Representation, with_amounts: bool) -> None:
    space = additives(2, with_amounts=with_amounts)
    x = torch.from_numpy(sample_space(space, 40, 0))
    columns = {name: i for i, name in enumerate(space.names)}
    order = [columns[name.translate(str.maketrans("12", "21"))] for name in space.names]
    found = metric(space, representation)

    squared = found.squared(x, x)

    assert torch.allclose(squared, found.squared(x[:, order], x))  # of the same in the other order
    assert torch.allclose(squared, torch.cat([found.by_rows(x, x)(slice(0, 9)), found.by_rows(x, x)(slice(9, None))]))
    assert torch.allclose(squared.diagonal(), torch.zeros(len(x), dtype=x.dtype), atol=1e-12)
    assert torch.linalg.eigvalsh(torch.exp(-squared / 4)).min() > -1e-9
    apart = squared + 10 * torch.eye(len(x), dtype=x.dtype)
    assert apart.min() > 1e-6  # and no two candidates are one


def test_half_a_choice_in_common_counts_wherever_it_stands() -> None:
    space = additives(2)
    at = {
        pair: torch.from_numpy(space.coordinates({"a1": pair[0], "a2": pair[1], "base": "K"}))[None]
        for pair in (("EtOH", "MeOH"), ("EtOH", "iPrOH"), ("MeOH", "tBuOH"))
    }
    found = metric(space, Representation.ONE_HOT)

    one, other, swapped = at.values()

    assert found.squared(one, other).item() == pytest.approx(2.0)
    assert found.squared(one, swapped).item() == pytest.approx(2.0)  # MeOH is the second here, and the first there
    assert found.squared(other, swapped).item() == pytest.approx(4.0)


@pytest.mark.parametrize("with_amounts", [True, False])
def test_trees_and_inputs_see_what_is_held_together(with_amounts: bool) -> None:
    space = additives(2, with_amounts=with_amounts)
    x = torch.from_numpy(sample_space(space, 40, 0))
    columns = {name: i for i, name in enumerate(space.names)}
    other = x[:, [columns[name.translate(str.maketrans("12", "21"))] for name in space.names]]

    assert (tree_features(space, x) == tree_features(space, other)).all()
    assert torch.equal(one_hot(space.frame, x), one_hot(space.frame, other))
    assert len(np.unique(one_hot(space.frame, x).numpy().round(9), axis=0)) == len(x)


@pytest.mark.parametrize(("name", "more"), [("gp", 0.5), ("tanimoto", 0.5), ("ard", 0.01), ("trees", 0.5)])
def test_what_is_learnt_of_one_slot_is_known_of_the_other(name: str, more: float) -> None:
    options = [f"o{i}" for i in range(9)]
    slot = {"type": "category", "options": options}
    space = build_space(spec_of({"one": slot, "two": slot}, [{"interchangeable": ["one", "two"], "distinct": True}]))
    at = lambda a, b: space.coordinates({"one": options[a], "two": options[b]})  # noqa: E731
    # what has o4 in the second place is good, and nothing was seen with it in the first
    x = np.array([at(0, 4), at(1, 4), at(2, 4), at(0, 1), at(0, 2), at(1, 2), at(5, 6), at(6, 7), at(5, 7), at(0, 5)])
    y = torch.tensor([1.0, 1.0, 1.0, *[0.0] * 7], dtype=torch.float64)

    fitted = surrogate(name, space).fit(space, TrainingSet(torch.from_numpy(x), y, torch.full_like(y, 0.01)), seed=0)
    mean = fitted.moments(torch.from_numpy(np.array([at(4, 8), at(7, 8)])))[0]

    assert mean[0] > mean[1] + more


def test_influence_is_told_of_what_slots_hold_together() -> None:
    slot = {"type": "category", "options": list("abcd")}
    spec = spec_of(
        {"s1": slot, "s2": slot, "t": {"type": "number", "values": [1, 2]}},
        [{"interchangeable": ["s1", "s2"], "distinct": True}],
    )
    space = build_space(spec)
    pool = ProductPool(space)
    x = pool.take(np.arange(len(pool)))
    values = [50.0 * ("c" in space.settings(row).values()) + i % 3 for i, row in enumerate(x)]
    results = tuple(
        Observation(str(i), row, Measured((Measurement("y", value, "", value),)))
        for i, (row, value) in enumerate(zip(x, values, strict=True))
    )

    (found,) = influences(spec, History(results), seed=0)

    slots, other = found.parameters
    assert (slots.parameter, other.parameter) == ("s1 or s2", "t")
    assert slots.share > 0.9 > 0.1 > other.share
    assert slots.adds[0].label == "c"
    assert {one.label: one.tried for one in slots.adds} == dict.fromkeys("abcd", 6)
