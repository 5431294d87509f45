"""A classical design with a mixture tells what each part does, and which blend better than they are alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from loop.design import Wish, lay_out
from loop.design.power import tellable
from loop.insight.designed import Designed, designed
from loop.objective import Goal, Target
from loop.spec import build_space, read_spec

SOLUBILITY = Target("solubility", Goal.MAXIMIZE, "mg/mL")
HEAT = "  heat: {type: number, low: 20, high: 80, unit: degC}\n"


def space_of(also: str = "", constraints: str = ""):
    text = (
        "campaign: blends\nspace:\n  solvent: {type: mixture, parts: [water, ethanol, DMSO]}\n"
        f"{also}{constraints}objective: {{solubility: {{goal: maximize, unit: mg/mL}}}}\n"
        "budget: {experiments: 40}\nlaboratory: {adapter: manual}\n"
    )
    return build_space(read_spec(text, source="x.yaml", read=None))


def scheffe(x: np.ndarray, heat: bool) -> np.ndarray:
    """Scheffe's quadratic model, and heat with each part: shape ``(n, 6)`` or ``(n, 9)``."""
    p = x[:, :3]
    blends = [p[:, i] * p[:, j] for i, j in ((0, 1), (0, 2), (1, 2))]
    own = np.column_stack([p, *blends])
    return np.column_stack([own, p * ((x[:, 3:] - 50) / 30)]) if heat else own


def told(space, x, y, design: str = "d-optimal", **more: object) -> Designed:
    found = designed(space, SOLUBILITY, design, x, y, **more)
    assert found is not None
    return found


def along(x: np.ndarray, part: int) -> np.ndarray:
    """The least and the most of a part with the others in proportion, by the design's mean: shape ``(2, 3)``."""
    mean, ends = x[:, :3].mean(axis=0), []
    for share in (x[:, part].min(), x[:, part].max()):
        blend = mean * (1 - share) / np.delete(mean, part).sum()
        blend[part] = share
        ends.append(blend)
    return np.array(ends)


def test_parts_and_blends_are_told_as_by_scheffes_model() -> None:
    space = space_of(HEAT)
    x = lay_out(Wish("d-optimal", 16, model="interactions"), space, None, np.empty((0, 4)), seed=1).points
    rng = np.random.default_rng(0)
    y = scheffe(x, True) @ np.array([10, 40, 30, 60, -20, 0, 1, 8, 2.0]) + rng.normal(size=16)

    found = {one.term: one for one in told(space, x, y, order="interactions").effects}

    model = scheffe(x, True)
    beta = np.linalg.lstsq(model, y, rcond=None)[0]
    scatter = np.sqrt(np.sum((y - model @ beta) ** 2) / (16 - 9))
    inverse = np.linalg.inv(model.T @ model)
    for part, name in enumerate(("solvent.water", "solvent.ethanol", "solvent.DMSO")):
        ends = np.column_stack([along(x, part), [50, 50]])
        row = np.diff(scheffe(ends, True), axis=0)[0]
        assert found[name].change == pytest.approx(row @ beta, abs=1e-6)
        reach = 2.3646 * scatter * np.sqrt(row @ inverse @ row)  # t of 7 degrees of freedom
        assert found[name].high - found[name].change == pytest.approx(reach, rel=1e-3)
        assert found[name].what == "from 0 to 1, the others in proportion"
        hot, cold = (np.diff(scheffe(np.column_stack([along(x, part), [t, t]]), True), axis=0)[0] for t in (80, 20))
        assert found[f"{name} x heat"].change == pytest.approx((hot - cold) @ beta / 2, abs=1e-6)
    assert found["solvent.water x solvent.ethanol"].change == pytest.approx(beta[3] / 4, abs=1e-6)
    assert found["solvent.water x solvent.ethanol"].what == "midway between the two, beyond the mean of both"
    assert found["heat"].change == pytest.approx(2 * beta[6:] @ x[:, :3].mean(axis=0), abs=1e-6)


def test_pure_parts_alone_tell_no_blends() -> None:
    space = space_of()
    x = np.vstack([np.eye(3)] * 3)
    y = x @ [10.0, 20.0, 40.0] + 0.1 * np.sin(np.arange(9))

    found = told(space, x, y)

    assert found.order == "linear"
    assert {one.term: round(one.change) for one in found.effects} == {
        "solvent.water": -20,
        "solvent.ethanol": -5,
        "solvent.DMSO": 25,
    }


def test_where_a_part_stays_within_limits_its_change_does() -> None:
    space = space_of(constraints="constraints:\n  - {expression: solvent.water >= 0.5, name: wet}\n")
    x = lay_out(Wish("d-optimal", 10, model="linear"), space, None, np.empty((0, 3)), seed=0).points
    y = x @ [10.0, 20.0, 40.0]

    found = {one.term: one for one in told(space, x, y + 0.01 * np.sin(np.arange(10)), order="linear").effects}

    assert found["solvent.water"].what == "from 0.5 to 1, the others in proportion"
    assert found["solvent.water"].change == pytest.approx(np.diff(along(x, 0) @ [10.0, 20.0, 40.0])[0], abs=0.1)


def test_intervals_hold_what_is_true_in_nineteen_cases_of_twenty() -> None:
    space = space_of()
    x = lay_out(Wish("d-optimal", 12, model="quadratic"), space, None, np.empty((0, 3)), seed=0).points
    true = np.array([10, 40, 30, 60, -20, 0.0])
    rows = {
        "solvent.water": np.diff(scheffe(along(x, 0), False), axis=0)[0] @ true,
        "solvent.water x solvent.ethanol": 15.0,
        "solvent.ethanol x solvent.DMSO": 0.0,
    }
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        found = {one.term: one for one in told(space, x, scheffe(x, False) @ true + 3 * rng.normal(size=12)).effects}
        held += [found[name].low <= value <= found[name].high for name, value in rows.items()]

    assert 0.925 <= np.mean(held) <= 0.975  # 600 intervals


def test_how_large_an_effect_of_a_part_is_told_is_said() -> None:
    space = space_of()
    x = np.vstack([np.eye(3)] * 4)

    size = tellable(space, x)

    assert size is not None
    error = np.linalg.norm(np.array([1, -0.5, -0.5]) @ np.linalg.pinv(x))  # of a part in place of both others
    beyond = stats.t.ppf(0.975, 9)
    chance = stats.nct.sf(beyond, 9, size / error) + stats.nct.cdf(-beyond, 9, size / error)
    assert chance == pytest.approx(0.8, abs=0.002)


def test_numbers_with_a_fixed_sum_are_parts_too() -> None:
    limits = {"water": (60, 85), "ethanol": (5, 20), "betaine": (5, 10), "soap": (1, 5)}
    numbers = "".join(f"  {n}: {{type: number, low: {a}, high: {b}, unit: mL}}\n" for n, (a, b) in limits.items())
    text = (
        f"campaign: shampoo\nspace:\n{numbers}"
        "constraints:\n  - {sum: {soap: 1, water: 1, betaine: 1, ethanol: 1}, equals: 100}\n"
        "objective: {foam: {goal: maximize, unit: mL}}\nbudget: {experiments: 40}\nlaboratory: {adapter: manual}\n"
    )
    space = build_space(read_spec(text, source="x.yaml", read=None))
    x = lay_out(Wish("d-optimal", 12, model="linear"), space, None, np.empty((0, 4)), seed=0).points
    slopes = np.array([1.0, 3.0, -2.0, 20.0])

    found = {one.term: one for one in told(space, x, x @ slopes + 0.01 * np.sin(np.arange(12)), order="linear").effects}

    assert found["soap"].what == "from 1 to 5 mL, the others in proportion"
    mean = x.mean(axis=0)
    others = mean * (1 - np.array([0, 0, 0, 1]))
    row = np.array([0, 0, 0, 4.0]) - 4.0 * others / others.sum()
    assert found["soap"].change == pytest.approx(row @ slopes, abs=0.05)
    assert tellable(space, x) is not None
    x = lay_out(Wish("d-optimal", 16, model="interactions"), space, None, np.empty((0, 4)), seed=0).points
    bent = told(space, x, x @ slopes + 0.5 * x[:, 1] * x[:, 3] + 0.01 * np.sin(np.arange(16)), order="interactions")
    changes = {one.term: one.change for one in bent.effects}
    assert changes["ethanol x soap"] == pytest.approx(0.5 * 4**2 / 4, abs=0.2)  # 4 mL take each other's place
    assert changes["water x betaine"] == pytest.approx(0.0, abs=0.2)
