"""How much of what is believed follows each parameter, and what its values add: associations, with their doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.errors import PlanError, SpaceError, TooFewPoints
from loop.history import History, Observation
from loop.insight.changing import swapped, ways
from loop.insight.influence import influences
from loop.insight.saying import reliance_notes
from loop.insight.statements import Influence, Reliance
from loop.outcome import Measured, Measurement
from loop.space import Space
from loop.space.leaving_out import still_has
from loop.space.pool import sample_space
from loop.spec import CampaignSpec, build_space, read_spec
from tests.loop.spaces import spaces

TEXT = """
campaign: sums
space:
SPACE
objective: {y: {goal: maximize}}
planner: {surrogate: SURROGATE}
budget: {experiments: 90}
laboratory: {adapter: manual}
"""
PLAIN = """
  a: {type: number, low: 0, high: 10, step: 1}
  b: {type: number, low: 0, high: 10, step: 1}
  c: {type: category, options: [red, green, blue]}
"""
HUES = {"red": 0.0, "green": 6.0, "blue": 0.0}


def spec_of(space: str = PLAIN, surrogate: str = "gp") -> CampaignSpec:
    text = TEXT.replace("\nSPACE\n", space).replace("SURROGATE", surrogate)
    return read_spec(text, source="sums.yaml", read=None)


def seen(spec: CampaignSpec, n: int, truth: Callable[[Mapping[str, Any]], float]) -> History:
    space = build_space(spec)
    rows = sample_space(space, n, seed=3, method="random")
    values = [truth(space.settings(x)) for x in rows]
    return History(
        tuple(
            Observation(str(i), x, Measured((Measurement("y", y, "", y),)))
            for i, (x, y) in enumerate(zip(rows, values, strict=True))
        )
    )


def by_name(found: Reliance) -> dict[str, Influence]:
    return {one.parameter: one for one in found.parameters}


@pytest.fixture(scope="module")
def told() -> tuple[History, Reliance]:
    """Results of a sum, and what they are found to follow."""
    spec = spec_of()
    history = seen(spec, 90, lambda s: 2 * s["a"] + HUES[s["c"]])
    (found,) = influences(spec, history, seed=0)
    return history, found


def test_shares_are_those_of_a_sum_that_is_known(told: tuple[History, Reliance]) -> None:
    _, found = told

    # variances over the space: of 2a 40, of c 8; nothing follows b
    shares = {name: one.share for name, one in by_name(found).items()}
    assert shares == pytest.approx({"a": 40 / 48, "c": 8 / 48, "b": 0.0}, abs=0.06)
    assert {name: one.alone for name, one in by_name(found).items()} == pytest.approx(shares, abs=0.02)
    assert [one.parameter for one in found.parameters] == ["a", "c", "b"]
    assert all(one.low <= one.share <= one.high for one in found.parameters)


def test_what_values_add_is_told_with_what_was_measured(told: tuple[History, Reliance]) -> None:
    history, found = told
    a, c = by_name(found)["a"].adds, by_name(found)["c"].adds

    assert c[0].label == "green"  # the one that adds most comes first
    assert c[0].mean == pytest.approx(4.0, abs=0.5)
    assert all(one.low <= one.mean <= one.high for one in (*a, *c))
    assert [one.value for one in a] == sorted(one.value for one in a)
    assert a[-1].mean - a[0].mean == pytest.approx(20, abs=1.5)
    assert sum(one.tried for one in c) == sum(one.tried for one in a) == 90
    green = [o.outcome.measurements[0].value for o in history.observations if o.x[2] == 1]  # type: ignore[union-attr]
    assert c[0].measured == pytest.approx(np.mean(green))


def test_few_results_leave_open_what_they_follow() -> None:
    spec = spec_of()
    few, many = (influences(spec, seen(spec, n, lambda s: 2 * s["a"] + HUES[s["c"]]), seed=0)[0] for n in (6, 30))

    assert by_name(few)["a"].high - by_name(few)["a"].low > by_name(many)["a"].high - by_name(many)["a"].low


def test_interactions_count_for_both() -> None:
    spec = spec_of()
    (found,) = influences(spec, seen(spec, 90, lambda s: (s["a"] - 5.0) * (s["b"] - 5.0)), seed=0)
    shares = {name: one.share for name, one in by_name(found).items()}

    assert shares["a"] > 0.7  # neither adds anything by itself
    assert shares["b"] > 0.7
    assert shares["c"] < 0.1
    assert all(one.alone is not None and one.alone < 0.05 for one in found.parameters)


def test_what_follows_a_parameter_by_itself_is_told_apart_from_what_it_does_with_others() -> None:
    spec = spec_of()
    (found,) = influences(spec, seen(spec, 60, lambda s: s["a"] * s["b"]), seed=0)
    told = by_name(found)

    # of a and b from 0 to 10 in steps of 1: variances 600 of the product, 250 of each by itself
    assert [told[name].alone for name in "ab"] == pytest.approx([250 / 600] * 2, abs=0.06)
    assert [told[name].share for name in "ab"] == pytest.approx([350 / 600] * 2, abs=0.06)


def test_nothing_is_said_to_follow_by_itself_where_not_all_options_are_looked_at() -> None:
    options = ", ".join(f"L{i:02d}" for i in range(30))
    spec = spec_of(f"\n  a: {{type: number, low: 0, high: 10}}\n  c: {{type: category, options: [{options}]}}\n")
    (found,) = influences(spec, seen(spec, 30, lambda s: s["a"] + int(s["c"][1:])), seed=0)

    assert by_name(found)["c"].alone is None
    assert by_name(found)["a"].alone is not None


def test_the_same_arguments_give_the_same_answer_and_units_change_nothing() -> None:
    spec = spec_of()
    history = seen(spec, 20, lambda s: 2 * s["a"] + HUES[s["c"]])
    thousands = seen(spec, 20, lambda s: 1e3 * (2 * s["a"] + HUES[s["c"]]))

    (plain,), (again,), (large,) = (influences(spec, h, seed=1) for h in (history, history, thousands))

    assert again == plain
    assert [p.share for p in large.parameters] == pytest.approx([p.share for p in plain.parameters], rel=1e-3)


def test_mixtures_are_one_with_parts_in_proportion_and_constraints_are_kept() -> None:
    text = """
  solvent: {type: mixture, parts: [water, DMF, MeCN]}
  t: {type: number, low: 0, high: 10, step: 1}
constraints: [{name: hot, exclude: {t: [10]}}]
"""
    spec = spec_of(text)
    (found,) = influences(spec, seen(spec, 40, lambda s: 10 * s["solvent.water"] + s["t"]), seed=0)

    space = build_space(spec)
    parts = ["solvent.water", "solvent.DMF", "solvent.MeCN"]
    assert [way.name for way in ways(space)] == ["solvent", *parts, "t"]
    assert set(by_name(found)) == {"solvent", *parts, "t"}
    assert by_name(found)["solvent"].adds == ()
    assert by_name(found)["solvent"].alone is None
    shares = {name: one.share for name, one in by_name(found).items()}
    assert shares["solvent.water"] == pytest.approx(shares["solvent"], abs=0.05)
    assert shares["solvent.DMF"] < 0.6 * shares["solvent.water"]  # more of it is less water
    water = by_name(found)["solvent.water"].adds
    assert (water[0].value, water[-1].value) == (0.0, 1.0)
    assert all(float(one.value) == round(float(one.value), 3) for one in water)
    assert water[-1].mean - water[0].mean == pytest.approx(10, abs=1)
    assert "10" not in [one.label for one in by_name(found)["t"].adds]  # which is no candidate
    x = sample_space(space, 64, seed=0)
    made, kept = swapped(space, x, x[::-1], (0, 1, 2))
    assert kept.all()
    assert space.allows(made).all()


def test_what_was_tried_at_the_end_of_what_constraints_leave_is_counted() -> None:
    text = """
  a: {type: mixture, parts: [p, q, r], least: 0.01}
constraints:
  - {sum: {a.p: 1}, at_least: 0.02, at_most: 0.1}
  - {sum: {a.q: 1}, at_least: 0.4, at_most: 0.5}
"""
    spec = spec_of(text)
    space = build_space(spec)
    blends = [(p, q, 1 - p - q) for p in (0.02, 0.1) for q in (0.4, 0.43, 0.47, 0.5)]
    rows = [space.coordinates({f"a.{part}": v for part, v in zip("pqr", one, strict=True)}) for one in blends]
    values = [Measured((Measurement("y", 50 * p + q, "", 50 * p + q),)) for p, q, _ in blends]
    history = History(tuple(Observation(str(i), x, y) for i, (x, y) in enumerate(zip(rows, values, strict=True))))

    (found,) = influences(spec, history, seed=0)

    assert [sum(a.tried for a in by_name(found)[f"a.{part}"].adds) for part in "pq"] == [8, 8]
    assert not [note for note in reliance_notes(found) if "one value was tried" in note]


def test_parts_in_fine_steps_do_what_parts_without_steps_do() -> None:
    text = """
  lipids: {type: mixture, parts: [ionizable, helper, cholesterol, PEG], step: 0.005}
constraints:
  - {sum: {lipids.ionizable: 1}, at_least: 0.3, at_most: 0.6}
  - {sum: {lipids.helper: 1}, at_least: 0.05, at_most: 0.3}
  - {sum: {lipids.PEG: 1}, at_least: 0.005, at_most: 0.05}
"""
    found = []
    for fine in (text, text.replace(", step: 0.005", "")):
        spec = spec_of(fine)
        found += influences(
            spec, seen(spec, 40, lambda s: 20 * s["lipids.ionizable"] - 10 * s["lipids.helper"]), seed=0
        )
    stepped, free = (by_name(one) for one in found)

    assert set(stepped) == set(free)
    for name, one in stepped.items():
        assert one.share == pytest.approx(free[name].share, abs=0.1)
    ionizable = {one.value: one.mean for one in stepped["lipids.ionizable"].adds}
    assert min(ionizable) <= 0.35
    assert max(ionizable) >= 0.55
    assert ionizable[max(ionizable)] - ionizable[min(ionizable)] > 4  # 20 for each part of it, and less helper


def test_a_part_alone_does_not_become_less_with_nothing_in_its_place() -> None:
    space = build_space(spec_of("\n  solvent: {type: mixture, parts: [water, DMF, MeCN], step: 0.5}\n"))
    x = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    part = next(way for way in ways(space) if way.name == space.names[0])

    made, kept = part.changed(space, x, np.array([[0.5, 0.0, 0.0], [0.25, 0.5, 0.0]]))

    assert kept.tolist() == [False, True]
    assert made[1].tolist() == [0.25, 0.75, 0.0]


def test_what_does_not_always_apply_changes_where_it_does() -> None:
    text = """
  ligand: {type: category, options: [none at all, L1, L2]}
  loading: {type: number, low: 1, high: 5, step: 1, when: {ligand: [L1, L2]}}
"""
    spec = spec_of(text)
    history = seen(spec, 11, lambda s: 0.0 if s["ligand"] == "none at all" else 5.0 + s["loading"])
    (found,) = influences(spec, history, seed=0)

    assert set(by_name(found)) == {"ligand", "loading"}
    space = build_space(spec)
    x = sample_space(space, 11, seed=0)
    made, kept = swapped(space, x, x[::-1], (0,))
    assert kept.any()
    for row in made[kept]:
        assert space.contains(space.settings(row))


def test_what_begins_to_apply_may_let_others_apply() -> None:
    text = """
  ligand: {type: category, options: [none at all, L1]}
  loading: {type: number, values: [1, 2], when: {ligand: [L1]}}
  ageing: {type: number, values: [3, 4], when: {loading: [2]}}
"""
    space = build_space(spec_of(text))
    bare, short, aged = (
        space.coordinates(told)[None]
        for told in (
            {"ligand": "none at all"},
            {"ligand": "L1", "loading": 1},
            {"ligand": "L1", "loading": 2, "ageing": 4},
        )
    )

    made, kept = swapped(space, bare, aged, (0,))
    assert kept.all()
    assert made.tolist() == aged.tolist()
    for told, other in ((bare, short), (aged, bare)):
        made, kept = swapped(space, told, other, (0,))
        assert (made.tolist(), kept.tolist()) == (other.tolist(), [True])
    made, kept = swapped(space, short, aged, (1,))
    assert (made.tolist(), kept.tolist()) == (aged.tolist(), [True])
    made, kept = swapped(space, aged, short, (2,))  # ageing does not apply there, so there is no value to take
    assert not kept.any()


def test_values_that_are_looked_at_are_values_that_it_can_have() -> None:
    text = """
  acid: {type: number, low: 0.5, high: 3, or_zero: true}
  load: {type: number, low: 0.001, high: 10, scale: log, when: {c: [L1]}}
  c: {type: category, options: [none at all, L1]}
"""
    spec = spec_of(text)
    history = seen(spec, 30, lambda s: 2 * s["acid"] + s.get("load", 0.0))
    acid, load = (by_name(influences(spec, history, seed=0)[0])[name].adds for name in ("acid", "load"))

    assert acid[0].value == 0.0
    assert {0.5 <= float(one.value) <= 3.0 for one in acid[1:]} == {True}
    assert {0.001 <= float(one.value) <= 10.0 for one in load} == {True}
    assert all(float(one.value) == round(float(one.value), 3) for one in acid)  # with the digits that proposals have
    assert all(float(one.value) == float(f"{one.value:.3g}") for one in load)
    space = build_space(spec)
    used = [o.x[0] for o in history.observations if o.x[0]]
    assert acid[0].tried == 30 - len(used)
    loads = np.log([float(v) for o in history.observations if (v := space.settings(o.x).get("load"))])
    places = np.log([float(one.value) for one in load])
    nearest = np.bincount(np.abs(loads[:, None] - places).argmin(axis=1), minlength=len(load))
    assert [one.tried for one in load] == nearest.tolist()  # by orders of magnitude, as the scale has it


def test_numbers_with_a_fixed_sum_are_told_with_the_others_in_proportion() -> None:
    text = """
  a: {type: number, low: 0, high: 10, step: 1}
  w: {type: number, low: 0, high: 10, step: 1}
  c: {type: category, options: [red, green]}
constraints: [{sum: {a: 1, w: 1}, equals: 10}]
"""
    spec = spec_of(text)
    (found,) = influences(spec, seen(spec, 16, lambda s: 2 * s["a"] + HUES[s["c"]]), seed=0)

    told = by_name(found)
    assert set(told) == {"a + w", "a", "w", "c"}
    assert told["a"].share == pytest.approx(told["w"].share, abs=0.02)  # one is the rest of the other
    assert told["a"].share > 0.8
    a, w = (sorted(told[name].adds, key=lambda one: float(one.value)) for name in ("a", "w"))
    assert a[-1].mean - a[0].mean == pytest.approx(20, abs=2)
    assert w[-1].mean - w[0].mean == pytest.approx(-20, abs=2)
    assert found.settled == ()
    assert "each of a and w changes while what it is mixed with keeps its proportions" in list(reliance_notes(found))


def test_what_an_equality_settles_is_said_to_be_settled() -> None:
    text = """
  a: {type: number, low: 0, high: 10, step: 1}
  w: {type: number, low: 0, high: 10, step: 1}
  c: {type: category, options: [red, green]}
constraints: [{sum: {a: 1, w: -1}, equals: 0}]
"""
    spec = spec_of(text)
    (found,) = influences(spec, seen(spec, 16, lambda s: 2 * s["a"] + HUES[s["c"]]), seed=0)

    assert [one.parameter for one in found.parameters] == ["c"]
    assert found.settled == ("a", "w")
    assert list(reliance_notes(found)) == [
        "nothing is said of a and w: the constraints leave none of them another value while all others stay as they are"
    ]


def test_what_sums_are_rounded_by_is_no_other_value() -> None:
    text = """
  water: {type: number, low: 0, high: 50}
  stock: {type: number, low: 10, high: 50, step: 10}
  rest: {type: number, low: 20, high: 90}
  c: {type: category, options: [red, green]}
  dose: {type: number, low: 0.5, high: 3, step: 0.5, or_zero: true}
constraints: [{sum: {water: 1, stock: SIGN, rest: 1}, equals: TOTAL}, {count: [dose, water], at_most: 1}]
"""
    tied, mixed = (
        influences(spec, seen(spec, 16, lambda s: s["stock"] / 10 + HUES[s["c"]]), seed=0)[0]
        for spec in (spec_of(text.replace("SIGN", a).replace("TOTAL", b)) for a, b in (("-1", "40"), ("1", "100")))
    )

    assert {one.parameter for one in tied.parameters} == {"c", "dose"}
    parts = ("water", "stock", "rest")
    assert tied.settled == parts
    assert {one.parameter for one in mixed.parameters} == {"water + stock + rest", *parts, "c", "dose"}
    assert mixed.settled == ()  # with more water stock may lie between two of its steps


def test_results_are_those_of_the_target() -> None:
    spec = spec_of()
    told = seen(spec, 12, lambda s: 2 * s["a"] + HUES[s["c"]])
    without = tuple(
        Observation(f"later {i}", o.x, Measured((Measurement("other", 1.0, "", 1.0),)))
        for i, o in enumerate(told.observations)
    )
    (found,) = influences(spec, History((*told.observations, *without)), seed=0)

    assert found.results == 12


def test_members_that_rest_on_different_things_are_told_of() -> None:
    influence = Influence("ligand", 0.5, 0.2, 0.8, 0.2, 0.7, (), 0)
    reliance = Reliance("y", "", "committee", ("gp", "trees"), 100, 9, 0.0, 1.0, (influence,))

    assert list(reliance_notes(reliance)) == ["models that predict about as well do not agree how much follows ligand"]


def test_what_rests_on_no_result_of_the_target_is_told_as_that() -> None:
    influence = Influence("ligand", 0.5, 0.4, 0.6, 0.45, 0.55, (), 0)
    reliance = Reliance("y", "", "committee", ("gp", "trees"), 100, 0, 0.0, 1.0, (influence,))

    (note,) = reliance_notes(reliance)

    assert note.startswith("no y that counts was measured yet: all this is what cheaper versions, or sources, say")


def test_values_that_are_all_the_same_follow_nothing() -> None:
    spec = spec_of()
    (found,) = influences(spec, seen(spec, 6, lambda _: 4.0), seed=0)

    assert found.parameters == ()
    (said,) = reliance_notes(found)
    assert said == "no two results are known to differ, so nothing tells what they follow: tell more first"


def test_without_a_model_it_is_refused() -> None:
    with pytest.raises(PlanError, match="uses no model"):
        influences(spec_of(surrogate="random"), History(()), seed=0)
    with pytest.raises(TooFewPoints, match="needs"):
        influences(spec_of(), seen(spec_of(), 1, lambda _: 1.0), seed=0)


def test_a_share_is_never_more_than_all_and_exact_where_every_candidate_is_looked_at() -> None:
    text = """
  ligand: {type: category, options: [none, PPh3, SPhos, XPhos, dppf]}
  base: {type: category, options: [KOAc, K3PO4, CsOAc]}
  t: {type: number, values: [60, 80, 100, 120]}
"""
    adds = {"none": 25.0, "PPh3": 12.0, "SPhos": -1.0, "XPhos": 6.0, "dppf": -42.0}
    spec = spec_of(text)
    history = seen(spec, 60, lambda s: adds[s["ligand"]] + 3.0 * (s["base"] == "KOAc"))
    by_ligand, by_base = float(np.var([*adds.values()])), 9.0 * 2 / 9
    whole = by_ligand + by_base
    for seed in (1, 3):
        (found,) = influences(spec, history, seed=seed)
        shares = {name: one.share for name, one in by_name(found).items()}

        assert shares == pytest.approx({"ligand": by_ligand / whole, "base": by_base / whole, "t": 0.0}, abs=0.003)
        assert all(one.high <= 1.0 for one in found.parameters)


def test_what_the_values_of_a_parameter_add_sums_to_nothing() -> None:
    text = """
  base: {type: category, options: [KOAc, CsOPiv]}
  bromide: {type: category, options: [phenyl, tolyl, thienyl, pyridyl]}
  imidazole: {type: category, options: [methyl, benzyl, nitro]}
  t: {type: number, low: 0, high: 10, step: 1}
"""
    spec = spec_of(text)
    history = seen(spec, 80, lambda s: 50.0 * (s["base"] == "KOAc") + 10.0 * (s["bromide"] == "tolyl") + s["t"])
    (found,) = influences(spec, history, seed=0)

    base = [one.mean for one in by_name(found)["base"].adds]
    assert base == pytest.approx([25.0, -25.0], abs=1.0)
    for one in found.parameters:
        assert sum(value.mean for value in one.adds) == pytest.approx(0.0, abs=1e-6)


@given(st.booleans().flatmap(lambda finite: spaces(is_finite=finite)), st.integers(0, 99))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_what_changes_stays_in_the_space_whatever_ties_it(space: Space, seed: int) -> None:
    try:
        x, z = (sample_space(space, 40, seed + i, method="random") for i in (0, 1))
    except SpaceError:
        return  # one space in many is empty
    n = min(len(x), len(z))
    for way in ways(space):
        made, kept = way.changed(space, x[:n], z[:n])
        assert (still_has(space, made[kept]) & space.allows(made[kept])).all()
        column = way.columns[0]
        if way.blend is None:
            assert space.holds(made[kept]).all()
        else:  # between its steps; it has the other's share, and what is left is divided as before
            assert (made[kept][:, column] == z[:n][kept][:, column]).all()
            assert way.blend.shares(made[kept]).sum(axis=1) == pytest.approx(1.0)
