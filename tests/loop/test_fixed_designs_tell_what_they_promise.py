"""Central composite, Box-Behnken, definitive screening and Plackett-Burman designs, in a space as a chemist has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from loop.design import CENTRES, Wish, lay_out, propose_size
from loop.design.fixed import conference, fixed
from loop.history import History
from loop.planner import plan
from loop.policy.initial import initial_design
from loop.space import Category, Continuous, Discrete, ProductPool, Space
from loop.spec import CampaignSpec, build_space

NAMES = tuple("abcdefghijklmnop")


def numbers(k: int) -> Space:
    """Numbers from -1 to 1, so that coordinates are the coded levels."""
    return Space(tuple(Continuous(name, -1.0, 1.0) for name in NAMES[:k]))


def with_centre(design: str, k: int) -> NDArray[np.float64]:
    return np.vstack([fixed(design, numbers(k))[0], np.zeros((CENTRES[design], k))])


def quadratic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns of a quadratic model: 1, main effects, products of two, squares."""
    k = x.shape[1]
    products = [x[:, i] * x[:, j] for i in range(k) for j in range(i + 1, k)]
    return np.column_stack([np.ones(len(x)), x, *products, x**2])


def spec(design: str, space: Mapping[str, Any], experiments: int, **initial: Any) -> CampaignSpec:
    return CampaignSpec.from_resolved(
        {
            "campaign": "screen",
            "space": space,
            "objective": {"yield": {"goal": "maximize"}},
            "planner": {"initial": {"design": design, "experiments": experiments, **initial}},
            "budget": {"experiments": 200},
            "laboratory": {"adapter": "manual"},
        }
    )


@pytest.mark.parametrize(
    ("design", "sizes"),
    [
        ("central-composite", {2: 8, 3: 14, 4: 24, 5: 26, 6: 44, 7: 78, 8: 80}),
        ("box-behnken", {3: 12, 4: 24, 5: 40, 6: 48, 7: 56}),
    ],
)
def test_designs_for_responses_that_bend_tell_every_term_of_a_quadratic_model(
    design: str, sizes: dict[int, int]
) -> None:
    for k, size in sizes.items():
        x = with_centre(design, k)
        terms = quadratic(x)

        assert len(x) == size + 3
        assert np.linalg.matrix_rank(terms) == terms.shape[1] == (k + 1) * (k + 2) // 2
        assert np.allclose(x.T @ x, np.diag(np.diag(x.T @ x)))  # main effects are orthogonal
        assert set(np.unique(x)) == {-1.0, 0.0, 1.0}


def test_no_corner_is_run_in_a_box_behnken_design() -> None:
    for k in range(3, 8):
        assert (np.abs(with_centre("box-behnken", k)).sum(axis=1) <= (3 if k > 5 else 2)).all()


@pytest.mark.parametrize("k", range(3, 15))
def test_definitive_screening_frees_main_effects_of_products_and_squares(k: int) -> None:
    x = with_centre("definitive", k)
    terms = quadratic(x)

    assert len(x) == 2 * (k + k % 2) + 1
    assert np.allclose(x.T @ x, np.diag(np.diag(x.T @ x)))
    assert np.allclose(x.T @ terms[:, 1 + k :], 0.0)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(len(x)), x, x**2])) == 2 * k + 1


def test_conference_matrices_have_orthogonal_rows() -> None:
    for order in (4, 6, 8, 10, 12, 14):
        found = conference(order)

        assert np.array_equal(found @ found.T, (order - 1) * np.eye(order))
        assert not np.diag(found).any()


@pytest.mark.parametrize("k", range(3, 16))
def test_plackett_burman_tells_main_effects_apart_with_the_fewest_fours(k: int) -> None:
    x, note = fixed("plackett-burman", numbers(k))

    assert len(x) == 4 * (k // 4 + 1)
    assert np.allclose(x.T @ x, len(x) * np.eye(k))
    assert np.allclose(x.sum(axis=0), 0.0)
    assert note.startswith(f"Plackett-Burman design of {len(x)} points in {k} parameters: main effects are told apart")


def test_options_are_crossed_and_steps_have_a_middle_of_their_own() -> None:
    space = Space(
        (
            Category("base", ("weak", "strong", "none")),
            Discrete("hours", (1.0, 2.0, 4.0, 8.0, 16.0), "h", "log"),
            Continuous("loading", 0.1, 10.0, "mol%", "log"),
            Discrete("stirring", (200.0, 800.0)),
        )
    )
    x, note = fixed("central-composite", space)

    assert len(x) == 8 * 3 * 2
    assert set(x[:, 1]) == {1.0, 4.0, 16.0}
    assert set(x[:, 2]) == {0.1, 1.0, 10.0}
    assert {tuple(row) for row in x[:, [0, 3]]} == {(b, s) for b in (0.0, 1.0, 2.0) for s in (200.0, 800.0)}
    assert note.endswith("with each of the 6 combinations of base x stirring")
    assert space.holds(x).all()
    assert propose_size(Wish("central-composite", 0, centre=3), space, None) == 51


def test_what_may_be_none_as_well_has_the_ends_of_its_amounts() -> None:
    space = Space((Continuous("a", 2.0, 6.0, or_zero=True), Continuous("b", 0.0, 1.0)))

    assert set(fixed("central-composite", space)[0][:, 0]) == {2.0, 4.0, 6.0}


def test_a_campaign_runs_it_with_its_centre_points_and_goes_on_where_it_stopped() -> None:
    space = {name: {"type": "number", "low": -1, "high": 1} for name in "abc"}
    asked = spec("box-behnken", space, 15, blocks=3)
    batch = plan(asked, History(), seed=0, experiments=15)
    x = np.array([build_space(asked).coordinates(p.candidate.settings) for p in batch.proposals])

    assert len(batch.proposals) == 15
    assert (np.abs(x).sum(axis=1) == 0).sum() == 3
    assert sum("a point of a Box-Behnken design" in p.reason for p in batch.proposals) == 12
    assert sum("centre point" in p.reason for p in batch.proposals) == 3
    assert [sum(f"block {b}," in p.reason for p in batch.proposals) for b in (1, 2, 3)] == [5, 5, 5]
    told = "Box-Behnken design of 12 points in 3 parameters: 2 at their ends, the others in the middle"
    assert any(note.startswith(told) for note in batch.notes)
    left = lay_out(Wish("box-behnken", 15, centre=3), numbers(3), None, x[:6], seed=0)
    assert {tuple(row) for row in left.points} == {tuple(row) for row in x} - {
        tuple(row) for row in x[:6] if np.abs(row).sum()
    }


def test_some_of_a_design_are_drawn_where_fewer_are_wanted() -> None:
    space = Space(tuple(Discrete(name, (-1.0, 0.0, 1.0)) for name in "abcd"))
    whole = {tuple(row) for row in fixed("definitive", space)[0]}
    some = initial_design("definitive", space, ProductPool(space), np.empty((0, 4)), 5, seed=1)

    assert len(some) == 5
    assert {tuple(row) for row in some} <= whole
