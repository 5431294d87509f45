"""What is believed over two parameters, all else being as in one candidate: those that need one another are seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from loop.history import History, Observation
from loop.insight.asking import Learning
from loop.insight.influence import influences
from loop.insight.statements import Reliance, Surface
from loop.insight.surface import OPTIONS, STEPS, surfaces
from loop.outcome import Fault, FaultKind, Measured, Measurement
from loop.space.pool import sample_space
from loop.spec import build_space, read_spec

TEXT = """
campaign: pairs
space:
SPACE
objective: {y: {goal: maximize}}
planner: {surrogate: gp}
budget: {experiments: 90}
laboratory: {adapter: manual}
"""
NUMBERS = """
  a: {type: number, low: 0, high: 10, step: 1}
  b: {type: number, low: 0, high: 10, step: 1, unit: min}
  c: {type: category, options: [red, green]}
"""


def looked_at(
    space: str, truth: Callable[[Mapping[str, Any]], float], at: Mapping[str, Any], n: int = 40
) -> tuple[list[Surface], History, Reliance]:
    spec = read_spec(TEXT.replace("\nSPACE\n", space), source="pairs.yaml", read=None)
    built = build_space(spec)
    rows = np.vstack([built.coordinates(at)[None], sample_space(built, n, seed=3, method="random")])
    told = [Measured((Measurement("y", (y := truth(built.settings(x))), "", y),)) for x in rows]
    history = History(tuple(Observation(str(i), x, o) for i, (x, o) in enumerate(zip(rows, told, strict=True))))
    learning = Learning(spec, history, seed=0)
    rests = influences(spec, history, seed=0, learning=learning)
    return list(surfaces(learning, rests, rows[0])), history, rests[0]


def mean_at(found: Surface, across: Any, up: Any) -> float | None:
    return found.means[found.up.values.index(up)][found.across.values.index(across)]


def test_parameters_that_need_one_another_are_seen() -> None:
    def saddle(s: Mapping[str, Any]) -> float:
        return float((s["a"] - 5) * (s["b"] - 5))

    found, _, told = looked_at(NUMBERS, saddle, {"a": 2.0, "b": 8.0, "c": "red"})
    first = found[0]
    sides = {side.parameter: side for side in (first.across, first.up)}
    added = max(abs(one.mean) for p in told.parameters if p.parameter in sides for one in p.adds)

    assert {*sides} == {"a", "b"}
    assert (sides["b"].unit, sides["b"].values_in_all, len(sides["b"].values)) == ("min", 11, 11)
    corners = [mean_at(first, x, y) for x, y in ((0.0, 0.0), (10.0, 10.0), (0.0, 10.0), (10.0, 0.0))]
    assert corners == pytest.approx([25, 25, -25, -25], abs=5)
    assert added < 5  # what each adds by itself says nothing of it
    assert (first.label, first.beside) == ("a 2, b 8 min, red", "red")
    for row in zip(first.means, first.lows, first.highs, strict=True):
        assert all(low <= mean <= high for mean, low, high in zip(*row, strict=True))  # type: ignore[operator]


def test_of_one_target_the_third_parameter_is_shown_too() -> None:
    found, _, _ = looked_at(
        NUMBERS, lambda s: 3 * s["a"] + s["b"] + 4 * (s["c"] == "red"), {"a": 2.0, "b": 8.0, "c": "red"}
    )

    assert [{one.across.parameter, one.up.parameter} for one in found] == [{"a", "b"}, {"a", "c"}]
    assert found[1].up.parameter == "c"  # options stand on the left, with the one that adds most first
    assert found[1].up.values == ("red", "green")
    assert found[1].across.at == 2.0
    assert found[1].up.at == 0.0


def test_what_is_no_candidate_is_left_blank_and_what_was_tried_lies_where_it_was() -> None:
    space = """
  a: {type: number, low: 0, high: 10, step: 5}
  b: {type: number, low: 1, high: 9, or_zero: true}
  c: {type: category, options: [red, green]}
constraints: [{name: hot, exclude: {a: [10]}, where: {b: {above: 5}}}]
"""
    at = {"a": 5.0, "b": 3.0, "c": "red"}
    found, history, _ = looked_at(space, lambda s: s["a"] * (1 + s["b"]) + (s["c"] == "red"), at, n=20)
    first = next(one for one in found if {one.across.parameter, one.up.parameter} == {"a", "b"})
    b = first.across if first.across.parameter == "b" else first.up

    assert b.values[:2] == (0.0, 1.0)
    assert len(b.values) == STEPS + 1
    assert b.at == pytest.approx(1 + (STEPS - 1) * (3 - 1) / (9 - 1))
    blank = {
        (side_a, side_b)
        for side_a in (0.0, 5.0, 10.0)
        for side_b in b.values
        if (mean_at(first, side_a, side_b) if b is first.up else mean_at(first, side_b, side_a)) is None
    }
    assert blank == {(10.0, value) for value in b.values if float(value) > 5}
    assert first.tried[0].label == "a 5, b 3, red"
    green = {tuple(o.x[:2]) for o in history.observations if o.x[2] == 1.0}
    places = [place if b is first.up else place[::-1] for place in first.elsewhere]
    assert sorted(place[0] for place in places) == sorted(a / 5 for a, _ in green)
    assert sorted(place[1] for place in places) == pytest.approx(
        sorted(np.interp(amount, [float(v) for v in b.values], range(STEPS + 1)) for _, amount in green)
    )


def test_of_many_options_those_that_add_most_are_shown_and_the_candidates_own() -> None:
    options = [f"L{i:02d}" for i in range(20)]
    space = f"""
  ligand: {{type: category, options: [{", ".join(options)}]}}
  t: {{type: number, low: 1, high: 100, scale: log}}
"""
    found, _, _ = looked_at(
        space, lambda s: 3.0 * int(s["ligand"][1:]) + np.log10(s["t"]), {"ligand": "L00", "t": 10.0}, n=80
    )
    (one,) = found

    assert len(one.up.values) == OPTIONS
    assert one.up.values_in_all == 20
    assert one.up.values[0] in ("L19", "L18")
    assert one.up.values[-1] == "L00"  # the worst, shown since the candidate has it
    assert one.up.at == OPTIONS - 1
    assert one.across.at == pytest.approx((STEPS - 1) / 2)  # on the logarithmic scale


def test_nothing_is_shown_where_one_parameter_alone_changes_by_itself() -> None:
    space = """
  solvent: {type: mixture, parts: [water, DMF, MeCN]}
  t: {type: number, low: 0, high: 10, step: 1}
"""
    at = {"solvent.water": 0.5, "solvent.DMF": 0.25, "solvent.MeCN": 0.25, "t": 4.0}

    assert looked_at(space, lambda s: 10 * s["solvent.water"] + s["t"], at, n=20)[0] == []


def test_where_experiments_failed_is_told() -> None:
    spec = read_spec(TEXT.replace("\nSPACE\n", NUMBERS), source="pairs.yaml", read=None)
    space = build_space(spec)
    rows = [space.coordinates({"a": float(a), "b": float(b), "c": "red"}) for a in (0, 4, 9) for b in (1, 5, 8)]
    came = [Measured((Measurement("y", float(x.sum()), "", float(x.sum())),)) for x in rows]
    lost = Fault.of(FaultKind.INPUT_ERROR, "the salt did not dissolve")
    history = History(
        tuple(Observation(str(i), x, o) for i, (x, o) in enumerate(zip(rows, [*came[:-1], lost], strict=True)))
    )
    learning = Learning(spec, history, seed=0)

    (first, *_) = surfaces(learning, influences(spec, history, seed=0, learning=learning), rows[0])

    assert [(one.values, one.faults) for one in first.tried if not one.values] == [((), 1)]
