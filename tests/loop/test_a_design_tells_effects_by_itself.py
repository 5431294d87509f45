"""A classical design tells effects of what was changed, by least squares, with intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest

from loop.design import Wish, points_of
from loop.insight.designed import Designed, designed
from loop.insight.saying import design_notes
from loop.objective import Goal, Target
from loop.space import Category, Continuous, Discrete, Space

YIELD = Target("yield", Goal.MAXIMIZE, "%")
TWO = Space((Continuous("heat", 40.0, 100.0, "degC"), Continuous("dose", 1.0, 9.0)))
THREE = Space((*TWO.parameters, Category("base", ("weak", "strong"))))


def coded(space: Space, x: np.ndarray) -> np.ndarray:
    ends = [(p.low, p.high) if hasattr(p, "low") else (0.0, p.size - 1.0) for p in space.parameters]
    return np.column_stack([(2 * x[:, i] - high - low) / (high - low) for i, (low, high) in enumerate(ends)])


def told(space: Space, design: str, y: np.ndarray, x: np.ndarray, **more: object) -> Designed:
    found = designed(space, YIELD, design, x, y, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def changes(found: Designed) -> dict[str, float]:
    return {one.term: one.change for one in found.effects}


def test_effects_of_a_factorial_with_its_centre_are_found_as_they_are() -> None:
    x = points_of(Wish("factorial", 14, centre=6), THREE)
    a, b, c = coded(THREE, x).T
    y = 50 + 5 * a - 3 * b + 2 * c + 1.5 * a * b - 4 * (1 - a**2) + 0.01 * np.sin(np.arange(len(x)))

    found = told(THREE, "factorial", y, x)

    assert (found.order, found.experiments, found.freedom) == ("interactions", 14, 6)
    assert changes(found) == pytest.approx(
        {
            "heat": 10,
            "dose": -6,
            "base strong": 4,
            "heat x dose": 3,
            "heat x base strong": 0,
            "dose x base strong": 0,
            "curvature": -4,
        },
        abs=0.03,
    )
    assert [one.term for one in found.effects if one.is_clear][:4] == ["heat", "dose", "base strong", "curvature"]
    whats = {one.term: one.what for one in found.effects}
    assert whats["heat"] == "from 40 to 100 degC"
    assert whats["base strong"] == "in place of weak"
    assert whats["curvature"] == "in the middle, less what the ends say of it"


def test_intervals_hold_what_is_true_in_nineteen_cases_of_twenty() -> None:
    x = points_of(Wish("central-composite", 11, centre=3), TWO)
    a, b = coded(TWO, x).T
    true = {"heat": 10.0, "dose": 0.0, "heat x dose": 3.0, "heat squared": -2.0, "dose squared": 0.0}
    rng = np.random.default_rng(0)
    held, scatters = [], []
    for _ in range(300):
        y = 50 + 5 * a + 1.5 * a * b - 2 * a**2 + 2.0 * rng.normal(size=len(x))
        found = told(TWO, "central-composite", y, x)
        held += [one.low <= true[one.term] <= one.high for one in found.effects]
        scatters.append(found.scatter)
        assert found.replicated is not None
    assert 0.935 <= np.mean(held) <= 0.965  # 1,500 intervals
    assert np.sqrt(np.mean(np.square(np.array(scatters, dtype=float)))) == pytest.approx(2.0, rel=0.05)


def test_where_nothing_is_left_over_few_effects_stand_out_from_the_many() -> None:
    space = Space(tuple(Discrete(name, (0.0, 1.0)) for name in "abcdefghijk"))
    x = points_of(Wish("plackett-burman", 12), space)
    y = 40 + 9 * x[:, 1] - 7 * x[:, 6] + 0.5 * np.random.default_rng(1).normal(size=12)

    found = told(space, "plackett-burman", y, x)
    notes = list(design_notes(found))

    assert found.scatter is None
    assert {one.term for one in found.effects if one.is_clear} == {"b", "g"}
    assert "clear of scatter (95 %): b, g" in notes
    assert any("nothing is left over to tell the scatter" in note for note in notes)
    assert notes[-1] == "products of two parameters are not told, and are mixed with these effects"


def test_each_of_three_options_is_held_against_their_mean() -> None:
    space = Space((Category("base", ("A", "B", "C")), Continuous("heat", 0.0, 1.0)))
    x = np.array([[b, h] for b in (0.0, 1.0, 2.0) for h in (0.0, 1.0) for _ in range(2)])
    y = np.array([10.0, 20.0, 33.0])[x[:, 0].astype(int)] + 4 * x[:, 1] + 2 * x[:, 1] * (x[:, 0] == 2)
    y = y + 0.01 * np.sin(np.arange(len(y)))

    found = changes(told(space, "factorial", y, x))

    assert found["base A"] == pytest.approx(10 - 64 / 3, abs=0.02)
    assert found["base B"] == pytest.approx(20 - 64 / 3, abs=0.02)
    assert found["base C"] == pytest.approx(34 - 64 / 3, abs=0.02)
    assert found["heat"] == pytest.approx(4 + 2 / 3, abs=0.02)
    assert found["base C x heat"] == pytest.approx(2 - 2 / 3, abs=0.02)


def test_what_the_model_lacks_shows_beside_replicates() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcdefgh"))
    once = points_of(Wish("plackett-burman", 12), space)
    x, rng = np.vstack([once, once]), np.random.default_rng(0)
    flat = told(space, "plackett-burman", 3 * x[:, 0] + 0.3 * rng.normal(size=24), x)
    mixed = told(space, "plackett-burman", 3 * x[:, 0] + 4 * x[:, 0] * x[:, 1] + 0.3 * rng.normal(size=24), x)

    assert flat.lacking is not None
    assert flat.lacking > 0.05
    assert mixed.lacking is not None
    assert mixed.lacking < 1e-4
    assert any("the linear model misses more than replicates scatter" in note for note in design_notes(mixed))
    assert not any("misses" in note for note in design_notes(flat))


def test_a_fraction_of_few_tells_main_effects_alone() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcd"))
    x = points_of(Wish("fractional", 11, centre=3), space)
    y = 2 * x[:, 0] - x[:, 3] + 0.1 * np.sin(np.arange(len(x)))

    found = told(space, "fractional", y, x)

    sums = {"a x b + c x d", "a x c + b x d", "a x d + b x c"}
    assert {one.term for one in found.effects} == {"a", "b", "c", "d", "curvature", *sums}

    fewer = told(space, "fractional", y[:10], x[:10])

    assert fewer.order == "linear"
    assert {one.term for one in fewer.effects} == {"a", "b", "c", "d", "curvature"}
    assert fewer.products == "scatter"


def test_a_fraction_of_resolution_five_tells_its_products_by_the_many_that_are_nought() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcde"))
    x = points_of(Wish("fractional", 16), space)
    y = 5 * x[:, 0] + 2 * x[:, 2] + 3 * x[:, 0] * x[:, 1] + 0.3 * np.random.default_rng(3).normal(size=16)

    found = told(space, "fractional", y, x)
    holed = told(space, "fractional", y[:15], x[:15], whole=x)

    assert (found.order, found.freedom, found.products) == ("interactions", 0, "")
    assert {one.term for one in found.effects if one.is_clear} == {"a", "c", "a x b"}
    assert (holed.order, holed.products) == ("linear", "mixed")
    assert "products of two parameters are not told, for want of 1 of the 16 points of the design" in holed.notes
    assert not any("for want of" in note for note in told(space, "fractional", y, x, whole=x).notes)


def test_products_that_touch_no_main_effect_are_said_to_be_in_the_scatter() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcd"))
    x = points_of(Wish("definitive", 9, centre=1), space)

    found = told(space, "definitive", 2 * x[:, 0] + 0.1 * np.sin(np.arange(len(x))), x)

    assert found.products == "scatter"
    assert "products of two parameters are not told, and are in the scatter" in list(design_notes(found))


def test_of_too_few_or_of_results_that_do_not_differ_nothing_is_told() -> None:
    x = points_of(Wish("factorial", 8), THREE)

    assert designed(THREE, YIELD, "factorial", x[:3], np.arange(3.0)) is None
    assert designed(THREE, YIELD, "factorial", x, np.full(8, 50.0)) is None
    assert designed(THREE, YIELD, "factorial", x[[0, 0, 0, 0]], np.arange(4.0)) is None


def test_differences_between_blocks_are_taken_out_and_said() -> None:
    x = np.repeat(points_of(Wish("factorial", 8), THREE), 2, axis=0)
    a, b, _ = coded(THREE, x).T
    day = np.tile([0.0, 1.0], 8)
    y = 50 + 2 * a - 1.5 * b + 30 * day + 0.1 * np.sin(np.arange(len(x)))

    plain = told(THREE, "factorial", y, x)
    found = told(THREE, "factorial", y, x, groups={"day": ["Mon" if d else "Tue" for d in day]})

    assert not any(one.is_clear for one in plain.effects)
    assert {one.term for one in found.effects if one.is_clear} >= {"heat", "dose"}
    assert changes(found)["heat"] == pytest.approx(4, abs=0.1)
    assert found.scatter == pytest.approx(0.07, abs=0.05)
    assert found.replicated == pytest.approx(0.07, abs=0.06)
    assert found.freedom == plain.freedom - 1
    assert "differences by day are taken out: day Mon lies 30 % above day Tue" in found.notes


def test_what_goes_with_a_block_is_not_told_and_what_does_not_is() -> None:
    x = points_of(Wish("factorial", 8), THREE)
    a, b, c = coded(THREE, x).T
    y = 50 + 5 * a - 3 * b + 2 * c + 7 * a * b + 0.1 * np.sin(np.arange(len(x)))

    found = told(THREE, "factorial", y, x, groups={"block": ["1" if v > 0 else "2" for v in a * b]})

    assert found.order == "linear"
    assert changes(found) == pytest.approx({"heat": 10, "dose": -6, "base strong": 4}, abs=0.2)
    assert any(note.startswith("differences by block are taken out: block 1 lies 14 %") for note in found.notes)

    twice = np.vstack([x, x])
    both = told(THREE, "factorial", np.tile(y, 2), twice, groups={"block": ["1" if v > 0 else "2" for v in a * b] * 2})

    assert both.order == "interactions"
    assert "heat x dose" not in changes(both)
    assert "heat x base strong" in changes(both)
    assert "not told from differences by block: heat x dose" in both.notes
    assert "differences by block are taken out" in both.notes


def test_days_that_go_with_a_parameter_stay_in_its_effect_and_that_is_said() -> None:
    x = points_of(Wish("factorial", 14, centre=6), THREE)
    a, _, c = coded(THREE, x).T
    y = 50 + 5 * a + 0.1 * np.sin(np.arange(len(x)))
    days = ["Mon" if v > 0 else "Tue" for v in c]

    found = told(THREE, "factorial", y, x, groups={"day": days, "operator": ["Ada"] * len(x)})

    assert changes(found)["heat"] == pytest.approx(10, abs=0.2)
    assert "differences by day cannot be told from effects, and may be in them" in found.notes
    assert not any("operator" in note for note in found.notes)


def test_what_is_known_of_two_names_is_taken_out_once() -> None:
    x = np.repeat(points_of(Wish("factorial", 8), THREE), 2, axis=0)
    labels = ["1", "2"] * 8
    y = 5 * coded(THREE, x)[:, 0] + 4 * np.tile([0.0, 1.0], 8) + 0.1 * np.sin(np.arange(len(x)))

    found = told(THREE, "factorial", y, x, groups={"block": labels, "day": labels})

    assert [note for note in found.notes if "differences" in note] == [
        "differences by block are taken out: block 2 lies 4 % above block 1"
    ]


def test_of_a_fraction_products_that_go_together_are_told_by_their_sum() -> None:
    space = Space((*(Continuous(name, 0.0, 1.0) for name in "abcde"), Category("base", ("weak", "strong"))))
    x = points_of(Wish("fractional", 16), space)
    a, b, c, d, e, f = coded(space, x).T
    y = 5 * a + 3 * a * b + 0.1 * np.random.default_rng(0).normal(size=16)

    found = told(space, "fractional", y, x)

    assert found.order == "interactions"
    (name,) = [term for term in changes(found) if term.startswith("a x b +")]
    others = [other.split(" x ") for other in name.split(" + ")[1:]]
    assert len(others) >= 1
    assert changes(found)[name] == pytest.approx(6, abs=0.2)
    signs = {"a": a, "b": b, "c": c, "d": d, "e": e, "base strong": f}
    assert all((signs[first] * signs[second] == a * b).all() for first, second in others)
    assert {one.what for one in found.effects if one.term == name} == {"their sum, which it does not tell apart"}
    assert {one.term for one in found.effects if one.is_clear} >= {"a", name}
    assert not any("products" in note for note in found.notes)


def test_a_fraction_that_tells_all_products_is_told_by_what_stands_out() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcde"))
    x = points_of(Wish("fractional", 16), space)
    y = 4 * x[:, 0] - 3 * x[:, 1] * x[:, 2] + 0.2 * np.random.default_rng(1).normal(size=16)

    found = told(space, "fractional", y, x)

    assert (found.order, found.scatter, len(found.effects)) == ("interactions", None, 15)
    assert {one.term for one in found.effects if one.is_clear} == {"a", "b x c"}


def test_where_products_count_as_scatter_that_is_said() -> None:
    x = points_of(Wish("factorial", 8), THREE)
    y = 5 * x[:, 0] + np.sin(np.arange(8.0))

    found = told(THREE, "factorial", y, x)

    assert found.order == "linear"
    assert found.products == "scatter"


def test_of_a_definitive_screening_design_products_and_squares_of_clear_effects_are_found() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcdef"))
    x = points_of(Wish("definitive", 13, centre=1), space)
    found, false, held = 0, 0, []
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(size=13)
        y = 3 * x[:, 0] - 3 * x[:, 1] + 4 * x[:, 0] ** 2 + 3 * x[:, 0] * x[:, 1] + noise
        one = told(space, "definitive", y, x)
        clear = {e.term for e in one.effects if e.is_clear and ("squared" in e.term or " x " in e.term)}
        found += len(clear & {"a squared", "a x b"})
        false += bool(clear - {"a squared", "a x b"})
        held += [e.low <= 6 <= e.high for e in one.effects if e.term == "a"]
        assert any("of parameters with clear main effects were looked through" in n for n in one.notes) or not clear

    assert found >= 160
    assert false <= 10
    assert np.mean(held) >= 0.9


def test_days_of_a_definitive_screening_design_are_taken_out_before_that() -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcdef"))
    x = points_of(Wish("definitive", 13, centre=1), space)
    x = np.vstack([x, x])
    days = ["Mon"] * 13 + ["Tue"] * 13
    y = 3 * x[:, 0] + 4 * x[:, 0] ** 2 + 20.0 * (np.arange(26) > 12) + np.random.default_rng(0).normal(size=26)

    found = told(space, "definitive", y, x, groups={"day": days})

    assert {e.term for e in found.effects if e.is_clear} >= {"a", "a squared"}
    assert any(note.startswith("differences by day are taken out") for note in found.notes)
    assert any(
        "about the model of these effects (" in note for note in design_notes(found)
    )  # it has few of the squares


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_what_differed_with_a_square_hides_no_product_in_any_unit(unit: float) -> None:
    space = Space(tuple(Continuous(name, -1.0, 1.0) for name in "abcdef"))
    x = points_of(Wish("definitive", 17), space)
    a, b = x.T[:2]
    y = unit * (5 * a + 3 * b + 4 * a * b + 600 * (a == 0) + 0.05 * np.sin(np.arange(len(x))))

    found = told(space, "definitive", y, x, groups={"day": ["second" if zero else "first" for zero in a == 0]})

    clear = {one.term: one.change / unit for one in found.effects if one.is_clear}
    assert clear == pytest.approx({"a": 10, "b": 6, "a x b": 8}, abs=0.1)
    assert "a squared" not in changes(found)
